"""Results as Markdown tables, for pull requests."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from semtune.evaluate.result import label
from semtune.evaluate.verdict.language_pairs import gains_sentence
from semtune.evaluate.verdict.outcome import Outcome
from semtune.evaluate.verdict.rule import JudgedComparison
from semtune.evaluate.verdict.slices import LEVEL, Slice

NAMES = {
    "tuned": "tuned", "base": "base", "bm25": "BM25", "hybrid": "hybrid", "tuned-dense": "tuned, vectors alone",
    "base-dense": "base, vectors alone",
}  # fmt: skip


def summary_page(outcome: Outcome) -> str:
    """The content of `summary.md`: the verdict, the metrics, the comparisons, the slices, the warnings."""
    parts = [_headline(outcome), metrics_markdown(outcome)]
    if outcome.comparisons:
        parts.append(comparisons_markdown(outcome.comparisons))
    if outcome.served_sentence:
        parts.append(_cell(outcome.served_sentence))
    if outcome.by_vectors:
        parts.append(_cell(f"By vectors alone: {outcome.by_vectors.sentence.partition(': ')[2]}."))
    if outcome.slices:
        parts.append(slices_markdown(outcome.slices))
    if changed := [part for part in outcome.language_pairs if part.p_corrected < LEVEL]:
        parts += [gains_sentence(outcome.language_pairs), slices_markdown(changed)]
    if outcome.forgetting and (loss := f"{outcome.forgetting.sentence()}.") not in outcome.warnings:
        parts.append(_cell(loss))
    if outcome.warnings:
        parts.append("\n".join(f"- {_cell(warning)}" for warning in outcome.warnings))
    return "\n\n".join(parts) + "\n"


def _headline(outcome: Outcome) -> str:
    tuned = outcome.tuned
    found = f"{label(tuned.main)} {tuned.metrics[tuned.main]:.4f}"
    sentence = outcome.verdict.sentence if outcome.verdict else found
    where = outcome.data.get("name", "")
    return f"**{_cell(sentence)}**" + (f"\n\n{_cell(tuned.model)} on {_cell(where)}" if where else "")


def metrics_markdown(outcome: Outcome) -> str:
    """One row per metric, one column per system, and the gain over the first other system."""
    systems = outcome.systems
    others = [scores for name, scores in systems.items() if name != "tuned"]
    head = ["metric", *(f"{NAMES.get(name, name)} ({scores.model})" for name, scores in systems.items())]
    rows = []
    for metric, value in outcome.tuned.metrics.items():
        cells = [_number(scores.metrics.get(metric, math.nan)) for scores in systems.values()]
        gain = [_number(value - others[0].metrics.get(metric, math.nan), "+")] if others else []
        rows.append([label(metric), *cells, *gain])
    return table([*head, *(["gain"] if others else [])], rows)


def comparisons_markdown(comparisons: Mapping[str, JudgedComparison]) -> str:
    """One row per comparison, with interval and p-value."""
    rows = [
        [each.against, *_difference(each), f"{_number(each.detectable)}", each.verdict.replace("-", " ")]
        for each in comparisons.values()
    ]
    return table(["against", "gain", "95 % interval", "p", "detects above", ""], rows)


def slices_markdown(slices: Sequence[Slice]) -> str:
    """One row per slice; those that got worse are marked."""
    rows = [
        [each.name, f"{each.n:,}", _number(each.other), _number(each.tuned), *_difference(each), "worse" * each.worse]
        for each in slices
    ]
    return table(["slice", "n", "before", "after", "gain", "95 % interval", "p", ""], rows)


def _difference(found: JudgedComparison | Slice) -> list[str]:
    low, high = found.interval
    interval = f"{_number(low, '+')} to {_number(high, '+')}" if math.isfinite(low) else "–"
    return [_number(found.gain, "+"), interval, _number(found.p_corrected)]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is left-aligned, the others right-aligned."""
    marks = ["---", *["---:"] * (len(head) - 1)]
    lines = [[_cell(cell) for cell in line] for line in (head, *rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], marks, *lines[1:]))


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign}.4f}" if math.isfinite(value) else "–"
