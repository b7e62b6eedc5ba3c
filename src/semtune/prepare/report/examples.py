"""The examples on the data set page as plain values: near duplicates, training rows, hard negatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semtune.dataset import Dataset
from semtune.prepare.report.labels import MINING
from semtune.report.elements import Example, Examples, Row, Side, Table, many

NEAR_DUPLICATES = 6  # pairs shown of each kind
NEGATIVES = 3  # shown of a training row
ALWAYS = ("pairs", "mined")  # shown even if there are none
SCORES = {"positive": "answers", "negative": "negatives"}
PLACES = {"p5": "5 % are below", "p95": "95 % are below"}


@dataclass(frozen=True, slots=True)
class Negatives:
    """What mining found: counts by what they count, the spread of the scores, and examples."""

    counts: dict[str, object]
    scores: Table
    examples: Examples


def near_duplicates(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Examples]:
    """Near duplicates side by side, by kind."""
    return [
        Examples(
            name[:1].upper() + name[1:],
            many(min(len(pairs), NEAR_DUPLICATES), "example"),
            [
                Example(
                    note="similar",
                    change=f"{pair['similarity']:.0%}",
                    sides=[Side("one", str(pair["one"])), Side("the other", str(pair["two"]))],
                )
                for pair in pairs[:NEAR_DUPLICATES]
            ],
        )
        for name, pairs in found.items()
        if pairs
    ]


def training_rows(dataset: Dataset) -> Examples:
    """A few training rows, with their negatives where there are any."""
    rows = dataset.report.get("sample", [])
    negatives = {pair.anchor: pair.negatives for pair in dataset.pairs.get("train", [])}
    return Examples("Training rows, chosen at random", f"{len(rows)}", [_training_row(row, negatives) for row in rows])


def _training_row(row: Mapping[str, Any], negatives: Mapping[str, Sequence[str]]) -> Example:
    if "text" in row:
        return Example([row["text"]], change=row["label"])
    if "anchor" not in row:
        judged = f"{row['score']:.2f}" if "score" in row else str(row["label"])
        return Example([row["sentence1"], row["sentence2"]], change=judged)
    wrong = [Side("negative", text) for text in negatives.get(row["anchor"], ())[:NEGATIVES]]
    source = f"question from: {row['source']}" if row.get("source") else ""
    return Example([row["anchor"]], source, sides=[Side("answer", row["positive"]), *wrong])


def negatives(facts: Mapping[str, Any]) -> Negatives | None:
    """What the mining of hard negatives found; None if nothing was mined."""
    if not facts:
        return None
    cards = [_negative(example) for example in facts.get("examples", [])]
    return Negatives(_counts(facts), _scores(facts.get("scores", {})), Examples("Hard negatives", "examples", cards))


def _counts(facts: Mapping[str, Any]) -> dict[str, object]:
    """The counts with their names in words; what never happened is left out."""
    rows: dict[str, object] = {}
    if encoder := facts.get("encoder"):
        rows["searched with"] = f"{encoder['name']} ({encoder['runtime']}), fingerprint {encoder['fingerprint'][:12]}"
    for name, value in facts.items():
        if isinstance(value, int | str) and (value or name in ALWAYS):
            rows[MINING.get(name, name.replace("_", " "))] = value
    for name, words in (("refused", "candidates refused"), ("reviewed", "decisions of reviewers")):
        rows |= {f"{words}: {key.replace('_', ' ')}": value for key, value in facts.get(name, {}).items()}
    return rows


def _scores(scores: Mapping[str, Mapping[str, float]]) -> Table:
    """The spread of the cosines of answers and of negatives."""
    rows = {SCORES.get(name, name): values for name, values in scores.items() if values}
    places = list(next(iter(rows.values()), {}))
    return Table(
        ["", *(PLACES.get(place, place) for place in places)],
        [Row(name, [f"{values[place]:.2f}" for place in places]) for name, values in rows.items()],
    )


def _negative(example: Any) -> Example:
    if not isinstance(example, Mapping):
        return Example([str(example)])
    sides = [_scored("answer", example.get("positive", ""), example.get("positive_score"))]
    for row in example.get("negatives", ()):
        found = row if isinstance(row, Mapping) else {"text": str(row)}
        sides.append(_scored("negative", found.get("text", ""), found.get("score")))
    return Example([str(example.get("anchor", ""))], sides=sides)


def _scored(name: str, text: object, score: object) -> Side:
    return Side(f"{name} {score:.2f}" if isinstance(score, float) else name, str(text))
