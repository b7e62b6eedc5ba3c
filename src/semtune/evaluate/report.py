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
from semtune.evaluate import examples, plots, tables
from semtune.evaluate.outcome import Outcome
from semtune.evaluate.scores import LABELS, Scores
from semtune.page.parts import figure, write_page
from semtune.registry import need
from semtune.types import Split

CASES = 15
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

    Raises:
        MissingExtraError: matplotlib is not installed.
        StorageError: the place cannot be written.
    """
    need("matplotlib")
    other = _other(outcome)
    body = Template(files("semtune.evaluate").joinpath("report.html").read_text(encoding="utf-8")).substitute(
        title=escape(title or outcome.tuned.model),
        subtitle=escape(_subtitle(outcome, split)),
        verdict=_verdict(outcome),
        table=tables.metrics_table(outcome),
        figures="".join(_figures(outcome, other, dataset, split, log or [], notes)),
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
    unit = "sentence pairs" if outcome.tuned.kind == "similarity" else "queries"
    others = [scores.model for name, scores in outcome.systems.items() if name != "tuned"]
    against = f"{outcome.tuned.model} against {' and '.join(others)}" if others else outcome.tuned.model
    return f"{against} · {outcome.tuned.n:,} {unit} of the {split} split"


def _verdict(outcome: Outcome) -> str:
    if outcome.verdict is None:
        value = outcome.tuned.metrics[outcome.tuned.main]
        return (
            f'<section class="verdict none"><h2>{LABELS[outcome.tuned.main]} {value:.4f}</h2>'
            "<p>Measured alone: there is nothing to judge it against.</p></section>"
        )
    lines = "".join(
        f"<p><b>Against {plots.NAMES[name]}:</b> {escape(verdict.sentence.partition(': ')[2])}</p>"
        for name, verdict in outcome.comparisons.items()
    )
    word = outcome.verdict.verdict
    return f'<section class="verdict {word}"><h2>{HEADLINES[word]}</h2>{lines}</section>'


def _figures(
    outcome: Outcome,
    other: _Side | None,
    dataset: Dataset,
    split: Split,
    log: Sequence[Mapping[str, Any]],
    notes: Sequence[str],
) -> list[str]:
    tuned, label = outcome.tuned, LABELS[outcome.tuned.main]
    made = [figure(plots.systems_bars(outcome), f"{label} of each system. The line is the 95 % interval.")]
    if other:
        made.append(_gains_figure(tuned, other))
    shown = {name: scores for name, scores in outcome.systems.items() if name != "bm25" and _finite(scores)}
    if tuned.kind == "retrieval":
        made += _separations(shown, dataset, split)
    else:
        made += _scatters(shown)
    curve = plots.training_curve(log)
    if curve:
        made.append(figure(curve, " ".join(["The training, step by step.", *map(escape, notes)])))
    return made


def _finite(scores: Scores) -> bool:
    return math.isfinite(scores.metrics[scores.main])


def _gains_figure(tuned: Scores, other: _Side) -> str:
    gain = examples.gains(tuned, other.scores)
    won, lost = int((gain > 0).sum()), int((gain < 0).sum())
    if tuned.kind == "retrieval":
        svg = plots.gains_sorted(gain, f"gain in {LABELS[tuned.main]}", "queries")
        what = f"queries gained over {plots.NAMES[other.name]}"
    else:
        svg = plots.gains_sorted(gain, "nearer to the gold rank", "pairs")
        what = "pairs moved nearer to the rank people gave them"
    return figure(svg, f"{won:,} {what}, {lost:,} lost, {len(gain) - won - lost:,} are unchanged.")


def _separations(shown: Mapping[str, Scores], dataset: Dataset, split: Split) -> list[str]:
    found = {name: plots.relevance_scores(scores, dataset.qrels[split]) for name, scores in shown.items()}
    limits = plots.limits(*(values for positive, negative, _ in found.values() for values in (positive, negative)))
    order = sorted(found, key=lambda name: name == "tuned")  # before, then after
    return [
        figure(
            plots.separation(name, positive, negative, limits),
            f"<b>{plots.names(shown)[name]}</b>: similarity of the relevant documents and of each query's best other one. "
            f"{beyond:,} relevant documents are below rank 100 and not drawn.",
        )
        for name in order
        for positive, negative, beyond in [found[name]]
    ]


def _scatters(shown: Mapping[str, Scores]) -> list[str]:
    limits = plots.limits(*(scores.similarities for scores in shown.values()))
    order = sorted(shown, key=lambda name: name == "tuned")
    return [
        figure(
            plots.gold_scatter(name, shown[name], limits),
            f"<b>{plots.names(shown)[name]}</b>: cosine against the score people gave, a dot a pair"
            + (f" ({plots.MAX_POINTS:,} drawn at random)." if shown[name].n > plots.MAX_POINTS else "."),
        )
        for name in order
    ]


def _cases(outcome: Outcome, other: _Side | None, dataset: Dataset, split: Split) -> str:
    if other is None:
        return ""
    tuned = outcome.tuned
    gain = examples.gains(tuned, other.scores)
    won, lost = examples.most_changed(gain, CASES)
    before, after = plots.NAMES[other.name], plots.NAMES["tuned"]

    def cards(rows: list[int]) -> str:
        if tuned.kind == "retrieval":
            found = examples.query_cases(tuned, other.scores, dataset, split, rows)
            return tables.query_cards(found, LABELS[tuned.main], before, after)
        return tables.pair_cards(examples.pair_cases(tuned, other.scores, dataset, split, rows), before, after)

    unit = "Queries" if tuned.kind == "retrieval" else "Pairs"
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
