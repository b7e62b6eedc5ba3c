"""The page of an evaluation: the verdict first, then the numbers, plots and examples behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from semtune.dataset import Dataset
from semtune.evaluate.report import figures, most_changed, plots, serving_tables, tables
from semtune.evaluate.report.further_results import NOTHING, FurtherResults
from semtune.evaluate.report.language_pairs import compared_table
from semtune.evaluate.result import label
from semtune.evaluate.verdict.outcome import Outcome
from semtune.evaluate.verdict.rule import JudgedComparison, Word
from semtune.registry import need
from semtune.report import render
from semtune.report.elements import Examples, Figure, Headline, Note, Tone
from semtune.types import Split

TITLES: dict[Word, str] = {
    "ship": "Ship",
    "promising": "Promising",
    "do-not-ship": "Do not ship",
    "cannot-judge": "Cannot judge",
}
TONES: dict[Word, Tone] = {"ship": "good", "promising": "good", "do-not-ship": "bad", "cannot-judge": "unsure"}
LEADS: dict[Word, str] = {
    "ship": "The tuned model is better than {other}, and the gain is not chance.",
    "promising": "The tuned model is better than {other} on questions made from your documents. People ask "
    "differently: label some questions that they asked, to be sure.",
    "do-not-ship": "The tuned model does not meet the requirements for replacing {other}.",
    "cannot-judge": "The measurements do not show whether the tuned model is better than {other}.",
}
LEADS_ALONE: dict[Word, str] = {
    "ship": "The model meets the requirements.",
    "promising": "The model meets the requirements on questions made from your documents. People ask differently: "
    "label some questions that they asked, to be sure.",
    "do-not-ship": "The model does not meet the requirements.",
    "cannot-judge": "The measurements do not show whether the model meets the requirements.",
}


def write_report(
    path: Path,
    outcome: Outcome,
    dataset: Dataset,
    split: Split = "test",
    log: Sequence[Mapping[str, Any]] | None = None,
    title: str = "",
    notes: Sequence[str] = (),
    extras: FurtherResults = NOTHING,
) -> None:
    """Write `report.html`: one file without scripts that fetches nothing, for light and dark screens.

    Args:
        path: the file to write.
        outcome: from `conclude`.
        dataset: what was measured on, for texts and counts.
        split: of the data set.
        log: rows of the training log (step, loss, dev_...); None without training.
        title: what the page calls itself; the model's name if empty.
        notes: on the training, a sentence each; shown below its curve.
        extras: further results: maps, costs, stages, thresholds.

    Raises:
        MissingExtraError: matplotlib is not installed.
        StorageError: the file cannot be written.
    """
    need("matplotlib")
    other = _other(outcome)
    values = {
        "title": title or outcome.tuned.model,
        "subtitle": _subtitle(outcome, split),
        "headline": _headline(outcome, extras.served),
        "metric": label(outcome.tuned.main),
        "metrics": tables.metrics_table(outcome),
        "warnings": outcome.warnings,
        "slices": tables.slices_table(outcome),
        "language_pairs": compared_table(outcome.language_pairs),
        "language_tables": tables.language_tables(outcome),
        "figures": _figures(outcome, other, dataset, split, log or [], notes, extras),
        **further_values(extras, plots.names(outcome.systems)),
        "examples": _examples(outcome, other, dataset, split),
        "counts": tables.counts(outcome),
        "prepared": json.dumps(dataset.report, indent=2, ensure_ascii=False, default=str) if dataset.report else "",
        "measured": tables.measured(outcome),
        "least": f"{max(outcome.limits.min_gain, outcome.limits.noise):g}",
        "alpha": f"{outcome.limits.alpha:g}",
    }
    render.write_page(path, "evaluation.html", values)


def further_values(extras: FurtherResults, called: Mapping[str, str]) -> dict[str, object]:
    """What `further_results.html` shows: stages, thresholds and costs; those that were not measured are left out."""
    stages, calibrated = extras.stages, extras.calibrated
    return {
        "stages": serving_tables.stages_table(stages) if stages else None,
        "stage_sentences": stages.sentences if stages else [],
        "missing_stages": stages.missing if stages else {},
        "thresholds": serving_tables.thresholds_table(calibrated) if calibrated else None,
        "thresholds_note": serving_tables.thresholds_note(calibrated) if calibrated else "",
        "precision": serving_tables.precision_table(extras.precision) if extras.precision else None,
        "precision_note": serving_tables.precision_note(extras.precision) if extras.precision else "",
        "costs": serving_tables.encoder_costs_table(extras.costs, called) if extras.costs else None,
    }


def _other(outcome: Outcome) -> str:
    """The system to compare with, item by item: the base, or BM25 where no base was measured; empty without one."""
    others = {name: scores for name, scores in outcome.systems.items() if name != "tuned"}
    return next((name for name, scores in others.items() if most_changed.comparable(outcome.tuned, scores)), "")


def _subtitle(outcome: Outcome, split: Split) -> str:
    tuned = outcome.tuned
    others = [scores.model for name, scores in outcome.systems.items() if name != "tuned"]
    against = f"{tuned.model} against {' and '.join(others)}" if others else tuned.model
    return f"{against} · {tuned.kind}, {tuned.n:,} {tuned.unit(tuned.n)} of the {split} split"


def _headline(outcome: Outcome, served: str = "") -> Headline:
    """The verdict, and how the index will be searched."""
    found = _verdict(outcome)
    said = [Note(served.partition(": ")[2], "Served")] if served else []
    if outcome.by_vectors:
        said.append(Note(outcome.by_vectors.sentence.partition(": ")[2], "By vectors alone"))
    return replace(found, details=[*found.details, *said])


def _verdict(outcome: Outcome) -> Headline:
    if outcome.verdict is None:
        value = outcome.tuned.metrics[outcome.tuned.main]
        lead = "Measured alone: there is no other model to compare it with."
        return Headline("plain", f"{label(outcome.tuned.main)} {value:.4f}", lead)
    called = {**plots.names(outcome.systems), "": "the required score"}
    details = [
        Note(verdict.sentence.partition(": ")[2], f"Against {called[name]}")
        for name, verdict in _deciding(outcome, outcome.verdict).items()
    ]
    word = outcome.verdict.verdict
    return Headline(TONES[word], TITLES[word], _lead(outcome, word), details)


def _lead(outcome: Outcome, word: Word) -> str:
    """The verdict in a sentence; it is on the first comparison, the warnings tell of the others."""
    first = next(iter(outcome.comparisons), "")
    if not first:
        return LEADS_ALONE[word]
    other = "the base model" if first == "base" else plots.NAMES.get(first, first)
    return LEADS[word].format(other=other)


def _deciding(outcome: Outcome, verdict: JudgedComparison) -> dict[str, JudgedComparison]:
    """The comparisons; the first one includes the further requirements, such as a required score."""
    first = next(iter(outcome.comparisons), "")
    return {**outcome.comparisons, first: verdict}


def _figures(
    outcome: Outcome,
    other: str,
    dataset: Dataset,
    split: Split,
    log: Sequence[Mapping[str, Any]],
    notes: Sequence[str],
    extras: FurtherResults,
) -> list[Figure]:
    gains = [figures.gains_figure(outcome.tuned, other, outcome.systems[other])] if other else []
    return [
        figures.metric_figure(outcome),
        *gains,
        *figures.score_figures(outcome.systems, dataset, split),
        *figures.training_figures(log, notes),
        *figures.map_figures(extras.maps, plots.names(outcome.systems)),
    ]


def _examples(outcome: Outcome, other: str, dataset: Dataset, split: Split) -> list[Examples]:
    if not other:
        return []
    names = plots.NAMES.get(other, other), plots.NAMES["tuned"]
    return most_changed.examples(outcome.tuned, outcome.systems[other], names, dataset, split)
