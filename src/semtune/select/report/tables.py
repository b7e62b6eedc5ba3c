"""The tables of a selection's page as plain values."""

from __future__ import annotations

import math

from semtune.report.elements import Cell, Note, Row, Table
from semtune.select.candidate_result import CandidateResult
from semtune.select.cost import index_mb
from semtune.select.quality import Quality
from semtune.select.select_backbone import Selection
from semtune.select.smaller_vectors import SmallerVectors

WAYS = {"whole": "all dimensions", "first": "its first dimensions", "pca": "PCA fitted on train"}


def candidates_table(selection: Selection) -> Table:
    """One row per candidate: quality before and after tuning, speed, size, licence."""
    head = [
        "", Cell("untuned", notes=[f"dev {selection.label}"]), Cell("best result", notes=["95 % interval"]),
        Cell("one query", notes=["p50, p95"]), "texts/s", "dimensions", "licence",
    ]  # fmt: skip
    return Table(head, [_candidate(row, selection.recommendation.name) for row in selection.rows])


def _candidate(row: CandidateResult, taken: str) -> Row:
    best, cost = row.best, row.cost
    gain = best.value - row.untouched.value
    steps = f"{gain:+.4f} after {row.best_steps} steps" if row.best_steps else "untuned"
    front = " · on the front" if row.on_front else ""
    cells = [
        _value(row.untouched.value),
        Cell(_value(best.value), _interval(best), [steps]),
        Cell(f"{cost.p50_ms:,.1f}", f"{cost.p95_ms:,.1f} ms"),
        f"{cost.texts_per_second:,.0f}",
        f"{row.candidate.contract.dimension:,}",
        row.candidate.licence or "not known",
    ]
    title = Cell(row.candidate.name, notes=[f"{row.status}{front}"])
    return Row(title, cells, marked=row.candidate.name == taken)


def costs_table(selection: Selection) -> Table:
    """One row per candidate: tokenizer, length limit, prompts, memory, sizes."""
    head = [
        "", "tokens per word", "unknown tokens", Cell("texts cut", notes=["limit"]), Cell("memory", notes=["runtime"]),
        "weights", "parameters", Cell("index", notes=["one million vectors"]),
    ]  # fmt: skip
    return Table(head, [_cost(row) for row in selection.rows])


def _cost(row: CandidateResult) -> Row:
    one, fit, cost = row.candidate, row.fit, row.cost
    limit = f"{one.max_length:,} tokens" if one.max_length else "no limit"
    memory = f"{cost.memory_mb:,.0f} MB" if cost.memory_mb is not None else "not known"
    prompts = ", ".join(f"{role}: {text!r}" for role, text in one.contract.prompts.items())
    notes = [note for note in (one.note, f"prompts {prompts}" if prompts else "") if note]
    cells = [
        f"{fit.tokens_per_word:.2f}" if fit else "–",
        f"{fit.unknown:.2%}" if fit else "–",
        Cell(f"{fit.truncated:.1%}" if fit else "–", notes=[limit]),
        Cell(memory, notes=[cost.runtime]),
        f"{one.weights_bytes / 1e6:,.0f} MB",
        f"{one.parameters / 1e6:,.1f} M" if one.parameters else "–",
        f"{index_mb(one.contract.dimension):,.0f} MB",
    ]
    return Row(Cell(one.name, notes=notes), cells)


def rounds(selection: Selection) -> list[Note]:
    """The results of each round of trials, and who was dropped."""
    notes = []
    for made in selection.rounds:
        values = ", ".join(f"{name} {value:.4f}" for name, value in made.values.items())
        said = [f"{values}."]
        if made.dropped:
            said.append(f"Dropped: {', '.join(drop.name for drop in made.dropped)}.")
        if made.spared:
            said.append(
                f"ResultCache although in the lower half, not clearly worse than the best: {', '.join(made.spared)}."
            )
        said += [f"{name}: {why}" for name, why in made.failed.items()]
        notes.append(Note(" ".join(said), f"{made.steps} steps"))
    return notes


def smaller_table(selection: Selection) -> Table | None:
    """The recommended model with smaller vectors; None without one."""
    if not selection.smaller:
        return None
    head = [
        "", "dimensions", Cell(f"dev {selection.label}", notes=["95 % interval"]),
        Cell("loss", notes=["95 % interval"]), "one million vectors",
    ]  # fmt: skip
    return Table(head, [_smaller(one) for one in selection.smaller])


def _smaller(one: SmallerVectors) -> Row:
    whole = one.way == "whole"
    loss = Cell("–") if whole else Cell(f"{one.loss:+.4f}", f"[{one.loss_low:+.4f}, {one.loss_high:+.4f}]")
    value = Cell(f"{one.value:.4f}", f"[{one.low:.4f}, {one.high:.4f}]")
    return Row(WAYS.get(one.way, one.way), [f"{one.dimension:,}", value, loss, f"{one.index_mb:,.0f} MB"], marked=whole)


def _value(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "not a number"


def _interval(quality: Quality) -> str:
    return f"[{quality.low:.4f}, {quality.high:.4f}]" if math.isfinite(quality.low) else ""
