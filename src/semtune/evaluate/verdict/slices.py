"""Slices of the test set: a mean that rises can hide slices that got worse."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semtune.dataset import Dataset
from semtune.evaluate.result import STATISTICS, Scores
from semtune.evaluate.verdict.differences import compare_scores
from semtune.evaluate.verdict.rule import json_number
from semtune.metrics.significance import holm
from semtune.types import Document, Split

Rows = NDArray[np.intp]
DetectLanguages = Callable[[Sequence[str]], Sequence[str]]  # texts → the language of each

LEVEL = 0.05  # looser than the verdict's, so that fewer losses are missed
SMALLEST = 10  # queries or pairs; the mean of fewer is unreliable
MOST = 8  # the largest slices of one kind
UNKNOWN = "unknown"  # the language of a text that `DetectLanguages` is unsure about
CLASSES = frozenset({"classification", "few-shot", "zero-shot", "clustering"})
NUMBER = re.compile(r"-?\d+(\.\d+)?")
BANDS = ("0 to 1/3", "1/3 to 2/3", "2/3 to 1")


@dataclass(frozen=True, slots=True)
class SliceRows:
    """The queries or pairs whose `by` is `value`; `rows` are their positions."""

    by: str
    value: str
    rows: Rows


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice of the test set with the metric of both systems.

    Attributes:
        by, value: what its items have in common, e.g. "language", "de".
        n: number of queries or pairs.
        tuned, other: the main metric.
        gain, interval, p_value: of tuned minus other, as for the whole set.
        p_corrected: after Holm's correction for all slices.
        worse: whether it got significantly worse.
    """

    by: str
    value: str
    n: int
    tuned: float
    other: float
    gain: float
    interval: tuple[float, float]
    p_value: float
    p_corrected: float
    worse: bool

    @property
    def name(self) -> str:
        """The name for people."""
        return f"{self.by} {self.value}"

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "interval": [json_number(bound) for bound in self.interval]}


def slices(parts: Sequence[SliceRows], tuned: Scores, other: Scores, seed: int = 0) -> list[Slice]:
    """Compare two results on each slice, with corrected p-values; slices without a metric are left out."""
    sides = [(part, restrict(tuned, part.rows), restrict(other, part.rows)) for part in parts]
    sides = [side for side in sides if all(math.isfinite(each.metrics[each.main]) for each in side[1:])]
    found = [compare_scores(mine, theirs, seed) for _, mine, theirs in sides]
    corrected = holm([each.p_value for each in found])
    return [
        Slice(
            part.by, part.value, len(part.rows), mine.metrics[mine.main], theirs.metrics[theirs.main],
            each.gain, (each.low, each.high), each.p_value, p, p < LEVEL and each.high < 0,
        )
        for (part, mine, theirs), each, p in zip(sides, found, corrected, strict=True)
    ]  # fmt: skip


def restrict(scores: Scores, rows: Rows) -> Scores:
    """A result restricted to some of its queries or pairs."""
    ids = tuple(scores.query_ids[row] for row in rows) if scores.query_ids else ()
    if statistic := STATISTICS.get(scores.kind):
        cosine, gold = scores.similarities[rows], scores.gold[rows]
        metrics = {scores.main: statistic(cosine, gold)}
        return replace(scores, query_ids=ids, similarities=cosine, gold=gold, metrics=metrics)
    per_query = {name: values[rows] for name, values in scores.per_query.items()}
    metrics = {name: float(values.mean()) for name, values in per_query.items()}
    return replace(scores, query_ids=ids, per_query=per_query, metrics=metrics)


def partition(
    dataset: Dataset, split: Split, scores: Scores, languages: DetectLanguages | None = None
) -> list[SliceRows]:
    """The slices to look at: by length, language, score or class, and by all metadata keys of queries and documents.

    A slice has at least `SMALLEST` queries or pairs and is not the whole set; of equal slices only the first is kept.

    Args:
        dataset, split: the data.
        scores: the result of any system.
        languages: detects the language of texts.
    """
    parts: list[SliceRows] = []
    seen = {tuple(range(scores.n))}
    retrieval = scores.kind == "retrieval"
    for by, values in _of_queries(dataset, split, scores, languages) if retrieval else _of_items(scores, languages):
        for part in _parts(by, values):
            if (key := tuple(part.rows.tolist())) not in seen:
                seen.add(key)
                parts.append(part)
    return parts


def _of_queries(
    dataset: Dataset, split: Split, scores: Scores, languages: DetectLanguages | None
) -> Iterator[tuple[str, list[Any]]]:
    """Kind of slice → a value for each query, or None."""
    queries = [dataset.queries[query] for query in scores.query_ids]
    corpus = {document.id: document for document in dataset.corpus}
    answers = [_answer(dataset.qrels[split][query.id], corpus) for query in queries]
    yield "query length", _bands([_words(query.text) for query in queries], "words")
    yield "document length", _bands([_words(answer.content) if answer else None for answer in answers], "words")
    if languages:
        yield "language", _languages(languages, [query.text for query in queries])
        yield "document language", _languages(languages, [answer.content if answer else "" for answer in answers])
    yield from _by_metadata("query", [query.metadata for query in queries])
    yield from _by_metadata("document", [answer.metadata if answer else {} for answer in answers])


def _of_items(scores: Scores, languages: DetectLanguages | None) -> Iterator[tuple[str, list[Any]]]:
    """The same for pairs and texts; clustering and mining have no slices, since their metrics need the whole set."""
    if len(scores.items) != scores.n or scores.kind in {"clustering", "mining"}:
        return
    pairs = scores.kind in STATISTICS
    texts = [" ".join(lines[:2]) if pairs else lines[0] for lines in scores.items]
    yield "length", _bands([_words(text) for text in texts], "words")
    if scores.kind == "similarity":
        yield "score", [BANDS[min(2, int(gold * 3))] for gold in scores.gold]
    if scores.kind in CLASSES:
        yield "class", [lines[-1].removeprefix("class ") for lines in scores.items]
    if languages:
        yield "language", _languages(languages, texts)


def _languages(languages: DetectLanguages, texts: Sequence[str]) -> list[str | None]:
    return [None if language == UNKNOWN else language for language in languages(texts)]


def _answer(grades: Mapping[str, int], corpus: Mapping[str, Document]) -> Document | None:
    """The most relevant document of a query; the first one for ties."""
    here = [(grade, document) for document, grade in grades.items() if grade > 0 and document in corpus]
    return corpus[max(here, key=lambda item: item[0])[1]] if here else None


def _by_metadata(side: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[Any]]]:
    for key in sorted({key for row in rows for key in row}):
        values = [row.get(key) for row in rows]
        numbers = [
            value if isinstance(value, int | float) and not isinstance(value, bool) else None for value in values
        ]
        if len({*numbers} - {None}) > MOST:
            yield f"{side} {key}", _bands(numbers, "")
        else:  # lists and other values are not groups
            yield f"{side} {key}", [str(value) if isinstance(value, str | int | float) else None for value in values]


def _bands(values: Sequence[float | None], unit: str) -> list[str | None]:
    """The third that each value is in, in words: "up to 6 words", "7 to 9 words", "10 words and more"."""
    known = np.array([value for value in values if value is not None and math.isfinite(value)])
    if not len(known):
        return [None] * len(values)
    cuts = sorted({float(cut) for cut in np.quantile(known, [1 / 3, 2 / 3], method="lower")} - {float(known.max())})
    edges = [-math.inf, *cuts, math.inf]
    names = {}
    for at, (low, high) in enumerate(pairwise(edges)):
        inside = known[(known > low) & (known <= high)]
        first, last = f"{inside.min():g}", f"{inside.max():g}"
        span = f"up to {last}" if at == 0 else f"from {first}" if high == math.inf else f"{first} to {last}"
        names[at] = f"{span} {unit}".strip()
    return [
        None if value is None or not math.isfinite(value) else names[int(np.searchsorted(cuts, value))]
        for value in values
    ]


def _parts(by: str, values: Sequence[str | None]) -> list[SliceRows]:
    places: dict[str, list[int]] = {}
    for row, value in enumerate(values):
        if value is not None and value != "":
            places.setdefault(value, []).append(row)
    largest = sorted(places, key=lambda value: (-len(places[value]), value))[:MOST]
    shown = sorted((value for value in largest if len(places[value]) >= SMALLEST), key=_by_number)
    return [SliceRows(by, value, np.array(places[value], dtype=np.intp)) for value in shown]


def _by_number(value: str) -> tuple[float, str]:
    """Sort bands and numbers numerically, words alphabetically."""
    number = NUMBER.search(value)
    return (float(number[0]) if number else math.inf), value


def _words(text: str) -> int:
    return len(text.split())
