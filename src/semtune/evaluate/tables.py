"""The report's tables and cards as HTML. Everything that comes from data is escaped here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape

from semtune.evaluate.examples import PairCase, QueryCase, TopHit
from semtune.evaluate.outcome import Outcome
from semtune.evaluate.plots import names
from semtune.evaluate.scores import LABELS
from semtune.metrics import compare_means
from semtune.page.parts import number_table, snippet

COUNT_LABELS = {
    "documents": "documents in the corpus",
    "queries": "queries judged",
    "queries_without_relevant": "queries left out: no relevant document",
    "relevant": "relevant judgements",
    "relevant_not_in_corpus": "relevant documents that are not in the corpus (count as not found)",
    "pairs": "sentence pairs",
    "sentences": "distinct sentences",
}


def metrics_table(outcome: Outcome, seed: int = 0) -> str:
    """Every metric of every system, the best in bold, and the gain over the first other system with its interval."""
    called, systems = names(outcome.systems), list(outcome.systems)
    other = systems[1] if len(systems) > 1 else ""
    head = "".join(f"<th>{called[name]}<small>{escape(outcome.systems[name].model)}</small></th>" for name in systems)
    gain_head = f"<th>gain over {called[other]}<small>95 % interval</small></th>" if other else ""
    rows = []
    for metric in outcome.tuned.metrics:
        values = [outcome.systems[name].metrics.get(metric, math.nan) for name in systems]
        best = max((value for value in values if math.isfinite(value)), default=math.nan)
        cells = "".join(f"<td>{_bold(value, bool(other) and value == best)}</td>" for value in values)
        gain = f"<td>{_gain(outcome, metric, other, seed)}</td>" if other else ""
        kind = ' class="main"' if metric == outcome.tuned.main else ""
        rows.append(f"<tr{kind}><th>{escape(LABELS.get(metric, metric))}</th>{cells}{gain}</tr>")
    return f"<table><thead><tr><th></th>{head}{gain_head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _bold(value: float, best: bool) -> str:
    shown = f"{value:.4f}" if math.isfinite(value) else "not a number"
    return f"<b>{shown}</b>" if best else shown


def _gain(outcome: Outcome, metric: str, other: str, seed: int) -> str:
    tuned, reference, verdict = outcome.tuned, outcome.systems[other], outcome.comparisons[other]
    gain = tuned.metrics[metric] - reference.metrics.get(metric, math.nan)
    if not math.isfinite(gain):
        return "–"
    if verdict.verdict == "cannot-judge":
        return f"{gain:+.4f}"
    if metric == tuned.main:
        low, high = verdict.interval
    elif metric in tuned.per_query:
        found = compare_means(tuned.per_query[metric], reference.per_query[metric], seed, samples=2_000)
        low, high = found.low, found.high
    else:
        return f"{gain:+.4f}"
    return f"{gain:+.4f} <span>[{low:+.4f}, {high:+.4f}]</span>"


def counts_table(counts: Mapping[str, object]) -> str:
    """Names and numbers."""
    return number_table({COUNT_LABELS.get(name, str(name)): value for name, value in counts.items()})


def truncated_counts(outcome: Outcome) -> dict[str, object]:
    """For each encoder and kind of text: how many were cut, of how many."""
    totals = outcome.tuned.counts
    return {
        f"{names(outcome.systems)[name]}: {kind} cut at the length limit": f"{cut:,} of {totals[kind]:,}"
        for name, scores in outcome.systems.items()
        for kind, cut in scores.truncated.items()
    }


def query_cards(cases: Iterable[QueryCase], label: str, before: str, after: str) -> str:
    """A card a query: the gain, and what both systems put first, side by side."""
    return "".join(
        f'<article><header>{_change(case.after - case.before)}<div class="case"><p class="query">{snippet(case.query)}</p>'
        f"<p>{escape(label)} {case.before:.2f} → {case.after:.2f}</p></div></header>"
        f'<div class="sides">{_hit(before, case.hit_before)}{_hit(after, case.hit_after)}</div></article>'
        for case in cases
    )


def pair_cards(cases: Iterable[PairCase], before: str, after: str) -> str:
    """A card a pair of sentences: people's score, and both cosines with their distance from the gold rank."""
    return "".join(
        f'<article><header>{_change(case.error_before - case.error_after)}<div class="case">'
        f'<p class="query">{snippet(case.pair.sentence1)}</p><p class="query">{snippet(case.pair.sentence2)}</p>'
        f"<p>people {case.pair.score:.2f} · cosine {before} {case.before:.2f} → {after} {case.after:.2f} · "
        f"rank off by {case.error_before:.0%} → {case.error_after:.0%} of all pairs</p></div></header></article>"
        for case in cases
    )


def _change(gain: float) -> str:
    return f'<span class="change {"good" if gain > 0 else "bad"}">{gain:+.2f}</span>'


def _hit(system: str, hit: TopHit | None) -> str:
    if hit is None:
        return f'<div class="hit"><p class="who">{escape(system)}</p><p>no answer: no word in common</p></div>'
    mark = '<em class="good">✓ relevant</em>' if hit.relevant else '<em class="bad">✗ not marked relevant</em>'
    rank = (
        ""
        if hit.relevant
        else f" · first relevant at rank {hit.first_relevant}"
        if hit.first_relevant
        else " · none in 100"
    )
    title = f"<p><b>{snippet(hit.title)}</b></p>" if hit.title else ""
    return f'<div class="hit"><p class="who">{escape(system)} {mark}{rank}</p>{title}<p>{snippet(hit.text)}</p></div>'
