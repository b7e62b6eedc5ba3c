"""Search across languages: is the nearest text in the other language the right one?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from semtune.evaluate.kinds.texts import Texts, begin
from semtune.evaluate.result import Scores
from semtune.evaluate.retrieval.topk import TopK
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.types import Parallel


def score_translations(encoder: Encoder, sets: Sequence[Parallel], progress: Progress) -> Scores:
    """Accuracy@1 for each language pair and direction, and overall.

    As in sentence-transformers' `TranslationEvaluator`: right if the nearest text equals a right answer. Translations
    have the role "query" on both sides, questions "query" and passages "document". The value of an item is the mean
    over its languages and directions (a question in twelve languages is one item), and the metric is the mean over the
    items. Pairs of a language with itself are only in the matrix.
    """
    symmetric = all(each.aligned for each in sets)
    asked = Texts(encoder, _all(sets, "texts"), "query", progress)
    role = "query" if symmetric else "document"
    searched = Texts(encoder, _all(sets, "candidates"), role, progress)
    found: dict[str, list[float]] = {}
    wrong: dict[str, str] = {}
    shown: dict[str, tuple[str, ...]] = {}
    matrix: dict[str, dict[str, float]] = {}
    for one in _directions(sets):
        nearest = _nearest(asked, searched, one)
        right = [_reads_right(one, row, at) for row, at in enumerate(nearest)]
        matrix.setdefault(one.source, {})[one.target] = float(np.mean(right))
        if one.source == one.target:
            continue
        for row, (item, good) in enumerate(zip(one.ids, right, strict=True)):
            found.setdefault(item, []).append(float(good))
            shown.setdefault(item, (one.texts[row], *(one.candidates[at] for at in one.answers[row])))
            if not good:
                wrong.setdefault(item, f"{one.source} to {one.target}: {one.candidates[nearest[row]]}")
    values = np.array([np.mean(each) for each in found.values()])
    counts = {"sentences": len(found), "language_pairs": sum(len(row) for row in matrix.values())}
    return replace(
        begin("cross-language", encoder, {"texts_asked": asked, "texts_searched": searched}, counts),
        metrics={"accuracy@1": float(values.mean())},
        per_query={"accuracy@1": values},
        query_ids=tuple(found),
        items=tuple(shown[item] for item in found),
        answers=tuple(wrong.get(item, "right everywhere") for item in found),
        matrix=matrix,
    )


def _all(sets: Sequence[Parallel], side: str) -> Iterator[str]:
    """The texts used as queries, or those searched; both if they are searched in both directions."""
    for each in sets:
        yield from each.texts if side == "texts" else each.candidates
        if each.aligned:
            yield from each.candidates if side == "texts" else each.texts


def _directions(sets: Sequence[Parallel]) -> Iterator[Parallel]:
    for one in sets:
        yield one
        if one.aligned:
            yield replace(one, source=one.target, target=one.source, texts=one.candidates, candidates=one.texts)


def _nearest(asked: Texts, searched: Texts, one: Parallel) -> NDArray[np.int64]:
    """(n,) position of the candidate nearest to each text; the first one for ties."""
    best = TopK(asked.vectors(one.texts), 1)
    best.add(searched.vectors(one.candidates))
    return best.neighbours().rows[:, 0]


def _reads_right(one: Parallel, row: int, at: int) -> bool:
    return any(one.candidates[at] == one.candidates[answer] for answer in one.answers[row])
