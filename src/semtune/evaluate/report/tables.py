"""The report's tables and cards as HTML. Everything that comes from data is escaped here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape

from semtune.evaluate.report.examples import Hits, ItemCase, PairCase, QueryCase, TopHit
from semtune.evaluate.report.plots import names
from semtune.evaluate.result import THRESHOLDS, label
from semtune.evaluate.verdict.outcome import Outcome
from semtune.metrics import compare_means
from semtune.report.shell import number_table, snippet

FIRST, NEXT = 220, 110  # characters shown of the first answer, and of those after it
COUNT_LABELS = {
    "documents": "documents in the corpus",
    "queries": "queries judged",
    "queries_without_relevant": "queries left out: no relevant document",
    "relevant": "relevant judgements",
    "relevant_not_in_corpus": "relevant documents that are not in the corpus (count as not found)",
    "pairs": "sentence pairs",
    "sentences": "distinct sentences",
    "distinct_texts": "distinct texts",
    "pairs_that_belong": "pairs that belong together",
    "pairs_without_decision": "pairs left out: neither yes nor no",
    "rows_without_negative": "rows left out: no negative",
    "positives_and_negatives": "distinct positives and negatives",
    "names": "names of classes",
    "examples": "distinct examples drawn from train",
    "texts_of_unknown_class": "texts left out: train has no such class",
    "language_pairs": "language pairs, each direction by itself",
    "texts_asked": "distinct texts that ask",
    "texts_searched": "distinct texts that are searched",
    "mined_pairs": "pairs looked at, the most alike",
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
        compared = [value for value in values if math.isfinite(value) and metric not in THRESHOLDS]
        best = max(compared, default=math.nan)
        cells = "".join(f"<td>{_bold(value, bool(other) and value == best)}</td>" for value in values)
        gain = f"<td>{_gain(outcome, metric, other, seed)}</td>" if other else ""
        kind = ' class="main"' if metric == outcome.tuned.main else ""
        rows.append(f"<tr{kind}><th>{escape(label(metric))}</th>{cells}{gain}</tr>")
    return f"<table><thead><tr><th></th>{head}{gain_head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _bold(value: float, best: bool) -> str:
    shown = f"{value:.4f}" if math.isfinite(value) else "not a number"
    return f"<b>{shown}</b>" if best else shown


def _gain(outcome: Outcome, metric: str, other: str, seed: int) -> str:
    tuned, reference, verdict = outcome.tuned, outcome.systems[other], outcome.comparisons[other]
    gain = tuned.metrics[metric] - reference.metrics.get(metric, math.nan)
    if not math.isfinite(gain) or metric in THRESHOLDS:
        return "–"
    if verdict.verdict == "cannot-judge":
        return f"{gain:+.4f}"
    if metric == tuned.main:
        low, high = verdict.interval
    elif metric in tuned.per_query and metric in reference.per_query:
        found = compare_means(tuned.per_query[metric], reference.per_query[metric], seed, samples=2_000)
        low, high = found.low, found.high
    else:
        return f"{gain:+.4f}"
    return f"{gain:+.4f} <span>[{low:+.4f}, {high:+.4f}]</span>"


def warnings_list(outcome: Outcome) -> str:
    """What the reader should know beside the numbers; empty where there is nothing."""
    if not outcome.warnings:
        return ""
    items = "".join(f"<li>{escape(warning)}</li>" for warning in outcome.warnings)
    return f'<section class="card"><h2>To know beside the numbers</h2><ul>{items}</ul></section>'


def slices_table(outcome: Outcome) -> str:
    """Each slice with both systems' main metric and its gain; those that got worse in bold. Empty without slices."""
    if not outcome.slices:
        return ""
    called, first = names(outcome.systems), next(iter(outcome.comparisons))
    titles = (
        "n",
        escape(called[first]),
        called["tuned"],
        "gain<small>95 % interval</small>",
        "p<small>corrected</small>",
    )
    head = "".join(f"<th>{title}</th>" for title in titles)
    rows = []
    for part in outcome.slices:
        low, high = part.interval
        gain = f"{part.gain:+.4f} <span>[{low:+.4f}, {high:+.4f}]</span>"
        values = (f"{part.n:,}", f"{part.other:.4f}", f"{part.tuned:.4f}", gain, f"{part.p_corrected:.4f}")
        cells = "".join(f"<td>{value}</td>" for value in values)
        name = f"<b>{escape(part.name)}: worse</b>" if part.worse else escape(part.name)
        rows.append(f"<tr><th>{name}</th>{cells}</tr>")
    table = f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    main = label(outcome.tuned.main)
    return f'<section class="card"><h2>{main} by slice</h2><div class="scroll">{table}</div></section>'


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


def query_cards(cases: Iterable[QueryCase], metric: str, before: str, after: str) -> str:
    """A card a query: the gain, and what both systems put first, side by side."""
    return "".join(
        f'<article><header>{_change(case.after - case.before)}<div class="case"><p class="query">{snippet(case.query)}</p>'
        f"<p>{escape(metric)} {case.before:.2f} → {case.after:.2f}</p></div></header>"
        f'<div class="sides">{_hits(before, case.hits_before)}{_hits(after, case.hits_after)}</div></article>'
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


def item_cards(cases: Iterable[ItemCase], before: str, after: str) -> str:
    """A card an item: what it is, and what both systems say of it, side by side."""
    return "".join(
        f'<article><header>{_change(case.gain)}<div class="case">'
        + "".join(f'<p class="query">{snippet(line)}</p>' for line in case.lines)
        + f'</div></header><div class="sides">{_said(before, case.before)}{_said(after, case.after)}</div></article>'
        for case in cases
    )


def _said(system: str, answer: str) -> str:
    return f'<div class="hit"><p class="who">{escape(system)}</p><p>{snippet(answer)}</p></div>'


def _change(gain: float) -> str:
    return f'<span class="change {"good" if gain > 0 else "bad"}">{gain:+.2f}</span>'


def _hits(system: str, hits: Hits) -> str:
    """What one system answers, the first in full, the next ones shorter."""
    if not hits.top:
        return f'<div class="hit"><p class="who">{escape(system)}</p><p>no answer: no word in common</p></div>'
    found = f"first relevant at rank {hits.first_relevant}" if hits.first_relevant else f"none relevant in {hits.depth}"
    answers = "".join(_answer(rank, hit) for rank, hit in enumerate(hits.top, start=1))
    return f'<div class="hit"><p class="who">{escape(system)} · {found}</p>{answers}</div>'


def _answer(rank: int, hit: TopHit) -> str:
    mark = '<em class="good">✓ relevant</em>' if hit.relevant else '<em class="bad">✗ not marked relevant</em>'
    title = f"<b>{snippet(hit.title)}</b> " if hit.title else ""
    text = snippet(hit.text, FIRST if rank == 1 else NEXT)
    return f'<p class="answer">{rank}. {mark} {title}{text}</p>'
