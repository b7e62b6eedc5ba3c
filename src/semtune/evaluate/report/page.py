"""One self-contained page: the verdict first, then what it rests on."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from semtune import __version__
from semtune.dataset import Dataset
from semtune.evaluate.report import examples, extra_parts, figures, plots, tables
from semtune.evaluate.report.extras import Extras
from semtune.evaluate.result import Scores, label
from semtune.evaluate.verdict.outcome import Outcome
from semtune.evaluate.verdict.rule import Verdict
from semtune.registry import need
from semtune.report.shell import figure, write_page
from semtune.types import Split

CASES = 15
NO_SIMILARITY = ("bm25", "hybrid")  # their scores are on another scale
NOTHING = Extras()
HEADLINES = {"ship": "Ship", "do-not-ship": "Do not ship", "cannot-judge": "Cannot judge"}


@dataclass(frozen=True, slots=True)
class _Side:
    """The other system of the page: the base, or BM25 where no base was measured."""

    name: str
    scores: Scores


def write_report(
    path: Path,
    outcome: Outcome,
    dataset: Dataset,
    split: Split = "test",
    log: Sequence[Mapping[str, Any]] | None = None,
    title: str = "",
    notes: Sequence[str] = (),
    extras: Extras = NOTHING,
) -> None:
    """Write `report.html`: no scripts, no other files, nothing fetched; light and dark.

    Args:
        path: the file to write.
        outcome: from `conclude`.
        dataset: what was measured on, for texts and counts.
        split: of the data set.
        log: rows of the training log (step, loss, dev_...); None without training.
        title: what the page calls itself; the model's name if empty.
        notes: on the training, a sentence each; shown below its curve.
        extras: further parts: maps, costs, stages, thresholds.

    Raises:
        MissingExtraError: matplotlib is not installed.
        StorageError: the place cannot be written.
    """
    need("matplotlib")
    other = _other(outcome)
    body = Template(files("semtune.evaluate.report").joinpath("report.html").read_text(encoding="utf-8")).substitute(
        title=escape(title or outcome.tuned.model),
        subtitle=escape(_subtitle(outcome, split)),
        verdict=_verdict(outcome),
        table=tables.metrics_table(outcome),
        warnings=tables.warnings_list(outcome),
        slices=tables.slices_table(outcome),
        least=f"{max(outcome.limits.min_gain, outcome.limits.noise):g}",
        alpha=f"{outcome.limits.alpha:g}",
        matrix=figures.matrix_tables(outcome.systems),
        extras=extra_parts.sections(extras, plots.names(outcome.systems)),
        figures="".join(
            [
                *_figures(outcome, other, dataset, split, log or [], notes),
                *extra_parts.map_figures(extras.maps, plots.names(outcome.systems)),
            ]
        ),
        cases=_cases(outcome, other, dataset, split),
        counts=tables.counts_table({**outcome.tuned.counts, **tables.truncated_counts(outcome)}),
        prepared=_prepared(dataset),
        how=_how(outcome),
        version=escape(__version__),
    )
    write_page(path, f"{title or outcome.tuned.model} · Semtune report", body)


def _other(outcome: Outcome) -> _Side | None:
    for name, scores in outcome.systems.items():
        if name != "tuned" and examples.usable(outcome.tuned, scores):
            return _Side(name, scores)
    return None


def _subtitle(outcome: Outcome, split: Split) -> str:
    others = [scores.model for name, scores in outcome.systems.items() if name != "tuned"]
    against = f"{outcome.tuned.model} against {' and '.join(others)}" if others else outcome.tuned.model
    return f"{against} · {outcome.tuned.kind}, {outcome.tuned.n:,} {outcome.tuned.unit(outcome.tuned.n)} of the {split} split"


def _verdict(outcome: Outcome) -> str:
    if outcome.verdict is None:
        value = outcome.tuned.metrics[outcome.tuned.main]
        return (
            f'<section class="verdict none"><h2>{label(outcome.tuned.main)} {value:.4f}</h2>'
            "<p>Measured alone: there is nothing to judge it against.</p></section>"
        )
    called = {**plots.names(outcome.systems), "": "the bar"}
    lines = "".join(
        f"<p><b>Against {escape(called[name])}:</b> {escape(verdict.sentence.partition(': ')[2])}</p>"
        for name, verdict in _deciding(outcome).items()
    )
    word = outcome.verdict.verdict
    return f'<section class="verdict {word}"><h2>{HEADLINES[word]}</h2>{lines}</section>'


def _deciding(outcome: Outcome) -> dict[str, Verdict]:
    """The comparisons, the first with everything that was asked for beside it; of a model held to a bar, that."""
    first = next(iter(outcome.comparisons), "")
    return {**outcome.comparisons, first: outcome.verdict} if outcome.verdict else {}


def _figures(
    outcome: Outcome,
    other: _Side | None,
    dataset: Dataset,
    split: Split,
    log: Sequence[Mapping[str, Any]],
    notes: Sequence[str],
) -> list[str]:
    tuned, main = outcome.tuned, label(outcome.tuned.main)
    made = [figure(plots.systems_bars(outcome), f"{main} of each system. The line is the 95 % interval.")]
    if other:
        made.append(figures.gains_figure(tuned, other.name, other.scores))
    shown = {name: scores for name, scores in outcome.systems.items() if name not in NO_SIMILARITY and _finite(scores)}
    made += figures.spread_figures(shown, dataset, split)
    curve = plots.training_curve(log)
    if curve:
        made.append(figure(curve, " ".join(["The training, step by step.", *map(escape, notes)])))
    return made


def _finite(scores: Scores) -> bool:
    return math.isfinite(scores.metrics[scores.main])


def _cases(outcome: Outcome, other: _Side | None, dataset: Dataset, split: Split) -> str:
    tuned = outcome.tuned
    if other is None or (tuned.kind != "similarity" and not (other.scores.run or other.scores.items)):
        return ""  # of a kept result there are the values alone
    gain = examples.gains(tuned, other.scores)
    won, lost = examples.most_changed(gain, CASES)
    before, after = plots.NAMES.get(other.name, other.name), plots.NAMES["tuned"]

    def cards(rows: list[int]) -> str:
        if tuned.kind == "retrieval":
            found = examples.query_cases(tuned, other.scores, dataset, split, rows)
            return tables.query_cards(found, label(tuned.main), before, after)
        if tuned.kind != "similarity":
            return tables.item_cards(examples.item_cases(tuned, other.scores, rows), before, after)
        return tables.pair_cards(examples.pair_cases(tuned, other.scores, dataset, split, rows), before, after)

    unit = tuned.unit().capitalize()
    sections = (("lost", lost, int((gain < 0).sum())), ("gained", won, int((gain > 0).sum())))
    return "".join(
        f"<details open><summary><h2>{unit} that {verb} most</h2><span>{len(rows)} of {total:,}</span></summary>"
        f"{cards(rows) or '<p>None.</p>'}</details>"
        for verb, rows, total in sections
    )


def _prepared(dataset: Dataset) -> str:
    if not dataset.report:
        return ""
    text = json.dumps(dataset.report, indent=2, ensure_ascii=False, default=str)
    return (
        f"<details><summary>What preparing the data counted (prepare.json)</summary><pre>{escape(text)}</pre></details>"
    )


def _how(outcome: Outcome) -> str:
    rows = {
        plots.names(outcome.systems)[name]: " · ".join(
            part for part in (scores.model, scores.runtime, scores.fingerprint[:12], f"{scores.seconds:,.1f} s") if part
        )
        for name, scores in outcome.systems.items()
    }
    return tables.counts_table(rows)
