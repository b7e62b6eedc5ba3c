"""The tables of an evaluation's page: metrics, slices, language pairs and counts, as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping

from semtune.evaluate.report.language_pairs import page_table
from semtune.evaluate.report.plots import names
from semtune.evaluate.result import THRESHOLDS, label
from semtune.evaluate.verdict.outcome import Outcome
from semtune.metrics import compare_means
from semtune.report.elements import Cell, Row, Table

COUNT_LABELS = {
    "documents": "documents in the corpus",
    "queries": "queries with labels",
    "queries_without_relevant": "queries left out: no relevant document",
    "relevant": "relevance labels",
    "relevant_not_in_corpus": "relevant documents missing from the corpus (counted as not found)",
    "pairs": "sentence pairs",
    "sentences": "distinct sentences",
    "distinct_texts": "distinct texts",
    "pairs_that_belong": "pairs that belong together",
    "pairs_without_decision": "pairs left out: neither yes nor no",
    "rows_without_negative": "rows left out: no negative",
    "positives_and_negatives": "distinct positives and negatives",
    "names": "names of classes",
    "training_texts": "distinct texts of train that the head was fitted on",
    "examples": "distinct examples drawn from train",
    "texts_of_unknown_class": "texts left out: their class is not in train",
    "language_pairs": "language pairs, counting each direction",
    "texts_asked": "distinct texts used as queries",
    "texts_searched": "distinct texts searched",
    "mined_pairs": "most similar pairs that were examined",
}


def metrics_table(outcome: Outcome, seed: int = 0) -> Table:
    """Every metric of every system, the best in bold, and the gain over the first other system with its interval."""
    called, systems = names(outcome.systems), list(outcome.systems)
    other = systems[1] if len(systems) > 1 else ""
    head = [Cell(""), *(Cell(called[name], notes=[outcome.systems[name].model]) for name in systems)]
    if other:
        head.append(Cell(f"gain over {called[other]}", notes=["95 % interval"]))
    rows = []
    for metric in outcome.tuned.metrics:
        values = [outcome.systems[name].metrics.get(metric, math.nan) for name in systems]
        compared = [value for value in values if math.isfinite(value) and metric not in THRESHOLDS]
        best = max(compared, default=math.nan)
        cells = [Cell(_value(value), strong=bool(other) and value == best) for value in values]
        if other:
            cells.append(_gain(outcome, metric, other, seed))
        rows.append(Row(label(metric), cells, marked=metric == outcome.tuned.main))
    return Table(head, rows)


def _value(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "not a number"


def _gain(outcome: Outcome, metric: str, other: str, seed: int) -> Cell:
    tuned, reference, compared = outcome.tuned, outcome.systems[other], outcome.comparisons[other]
    gain = tuned.metrics[metric] - reference.metrics.get(metric, math.nan)
    if not math.isfinite(gain) or metric in THRESHOLDS:
        return Cell("–")
    if compared.verdict == "cannot-judge":
        return Cell(f"{gain:+.4f}")
    if metric == tuned.main:
        low, high = compared.interval
    elif metric in tuned.per_query and metric in reference.per_query:
        found = compare_means(tuned.per_query[metric], reference.per_query[metric], seed, samples=2_000)
        low, high = found.low, found.high
    else:
        return Cell(f"{gain:+.4f}")
    return Cell(f"{gain:+.4f}", f"[{low:+.4f}, {high:+.4f}]")


def slices_table(outcome: Outcome) -> Table | None:
    """The main metric of both systems on each slice, with the gain; worse slices in bold. None without slices."""
    if not outcome.slices:
        return None
    called, first = names(outcome.systems), next(iter(outcome.comparisons))
    head = [
        "", "n", called[first], called["tuned"], Cell("gain", notes=["95 % interval"]), Cell("p", notes=["corrected"]),
    ]  # fmt: skip
    rows = []
    for part in outcome.slices:
        low, high = part.interval
        title = Cell(f"{part.name}: worse", strong=True) if part.worse else part.name
        gain = Cell(f"{part.gain:+.4f}", f"[{low:+.4f}, {high:+.4f}]")
        cells = [f"{part.n:,}", f"{part.other:.4f}", f"{part.tuned:.4f}", gain, f"{part.p_corrected:.4f}"]
        rows.append(Row(title, cells))
    return Table(head, rows)


def language_tables(outcome: Outcome) -> dict[str, Table]:
    """System → its accuracy by pair of languages; empty for other tasks."""
    called = names(outcome.systems)
    return {called[name]: page_table(scores) for name, scores in outcome.systems.items() if scores.matrix}


def counts(outcome: Outcome) -> dict[str, object]:
    """What was measured on, and for each encoder how many texts exceeded its length limit."""
    totals = outcome.tuned.counts
    cut = {
        f"{names(outcome.systems)[name]}: {kind} cut at the length limit": f"{number:,} of {totals[kind]:,}"
        for name, scores in outcome.systems.items()
        for kind, number in scores.truncated.items()
    }
    return {**{COUNT_LABELS.get(name, name): value for name, value in totals.items()}, **cut}


def measured(outcome: Outcome) -> Mapping[str, object]:
    """System → its model, its runtime, its fingerprint, and how long measuring took."""
    called = names(outcome.systems)
    return {
        called[name]: " · ".join(
            part for part in (scores.model, scores.runtime, scores.fingerprint[:12], f"{scores.seconds:,.1f} s") if part
        )
        for name, scores in outcome.systems.items()
    }
