"""The examples on the data set page: near duplicates, training rows, hard negatives. All that comes from data is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from semtune.dataset import Dataset
from semtune.prepare.report.parts import many
from semtune.report.shell import number_table, snippet

EXAMPLES = 6  # pairs of near duplicates shown of each sort
ALWAYS = ("pairs", "mined")  # shown even if there are none
MINING = {
    "per_pair": "negatives of each training pair",
    "pairs": "training pairs with negatives",
    "mined": "negatives found among the ranks asked for",
    "filled": "negatives drawn at random, where those ranks held too few",
    "repeated": "negatives repeated, where the corpus holds too few",
    "given": "negatives that the source gave",
    "given_left_out": "negatives that the source gave, left out: labelled relevant, or too many",
    "pairs_left_out": "training pairs left out: no passage may be their negative",
    "judged": "questions and passages read by the judge",
    "suspected": "passages refused because they may be answers that nobody labelled",
    "to_review": "of these in review.jsonl, for people to decide",
    "truncated": "passages of which the search read the beginning only",
}
SCORES = {"positive": "answers", "negative": "negatives"}
PLACES = {"p5": "5 % below", "p95": "95 % below"}


def alike(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Near duplicates side by side."""
    return "".join(
        f"<details open><summary><h2>{escape(name[:1].upper() + name[1:])}</h2>"
        f"<span>{many(min(len(pairs), EXAMPLES), 'example')}</span></summary>"
        + "".join(
            f'<article><header><span class="change">{pair["similarity"]:.0%}</span><div class="case"><p>alike</p></div>'
            f"</header>{_sides(('one', pair['one']), ('other', pair['two']))}</article>"
            for pair in pairs[:EXAMPLES]
        )
        + "</details>"
        for name, pairs in found.items()
        if pairs
    )


def samples(dataset: Dataset) -> str:
    """A few training rows, with their negatives where there are any."""
    rows = dataset.report.get("sample", [])
    if not rows:
        return ""
    negatives = {pair.anchor: pair.negatives for pair in dataset.pairs.get("train", [])}
    cards = "".join(_sample(row, negatives) for row in rows)
    return f"<details open><summary><h2>Training rows, drawn by lot</h2><span>{len(rows)}</span></summary>{cards}</details>"


def _sample(row: Mapping[str, Any], negatives: Mapping[str, Sequence[str]]) -> str:
    if "score" in row:
        return (
            f'<article><header><span class="change">{row["score"]:.2f}</span><div class="case">'
            f'<p class="query">{snippet(row["sentence1"])}</p><p class="query">{snippet(row["sentence2"])}</p></div>'
            "</header></article>"
        )
    source = f"<p>asked by: {escape(str(row['source']))}</p>" if row.get("source") else ""
    wrong = [("negative", text) for text in negatives.get(row["anchor"], ())[:3]]
    return (
        f'<article><header><div class="case"><p class="query">{snippet(row["anchor"])}</p>{source}</div></header>'
        f"{_sides(('answer', row['positive']), *wrong)}</article>"
    )


def negatives(facts: Mapping[str, Any]) -> str:
    """What mining came to in words, the spread of scores, and examples with scores."""
    if not facts:
        return ""
    cards = "".join(_negative(example) for example in facts.get("examples", []))
    shown = (
        f"<details open><summary><h2>Hard negatives</h2><span>examples</span></summary>{cards}</details>"
        if cards
        else ""
    )
    return (
        f'<section class="card"><h2>Mining of hard negatives</h2>{number_table(_mining(facts))}'
        f"{_scores(facts.get('scores', {}))}</section>{shown}"
    )


def _mining(facts: Mapping[str, Any]) -> dict[str, object]:
    """What was counted, in words; what did not happen is left out."""
    rows: dict[str, object] = {}
    if encoder := facts.get("encoder"):
        rows["searched with"] = f"{encoder['name']} ({encoder['runtime']}), fingerprint {encoder['fingerprint'][:12]}"
    for name, value in facts.items():
        if isinstance(value, int | str) and (value or name in ALWAYS):
            rows[MINING.get(name, name.replace("_", " "))] = value
    for name, words in (("refused", "candidates refused"), ("reviewed", "verdicts of people")):
        rows |= {f"{words}: {key.replace('_', ' ')}": value for key, value in facts.get(name, {}).items()}
    return rows


def _scores(scores: Mapping[str, Mapping[str, float]]) -> str:
    """The spread of cosines of answers and negatives, side by side."""
    rows = {SCORES.get(name, name): values for name, values in scores.items() if values}
    if not rows:
        return ""
    places = next(iter(rows.values()))
    head = "".join(f"<th>{escape(PLACES.get(place, place))}</th>" for place in places)
    body = "".join(
        f"<tr><th>{escape(name)}</th>" + "".join(f"<td>{values[place]:.2f}</td>" for place in places) + "</tr>"
        for name, values in rows.items()
    )
    return (
        f'<p class="sub"><br>Cosine to the question</p><div class="scroll"><table class="spread"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _negative(example: Any) -> str:
    if not isinstance(example, Mapping):
        return f"<article>{snippet(str(example))}</article>"
    sides = [("answer", example.get("positive", ""), example.get("positive_score"))]
    for row in example.get("negatives", ()):
        text, score = (row.get("text", ""), row.get("score")) if isinstance(row, Mapping) else (str(row), None)
        sides.append(("negative", text, score))
    told = [(f"{who} {score:.2f}" if isinstance(score, float) else who, str(text)) for who, text, score in sides]
    return (
        f'<article><header><div class="case"><p class="query">{snippet(str(example.get("anchor", "")))}</p></div></header>'
        f"{_sides(*told)}</article>"
    )


def _sides(*sides: tuple[str, str]) -> str:
    cells = "".join(
        f'<div class="hit"><p class="who">{escape(who)}</p><p>{snippet(text)}</p></div>' for who, text in sides
    )
    return f'<div class="sides">{cells}</div>'
