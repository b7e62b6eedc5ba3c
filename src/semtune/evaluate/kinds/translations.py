"""Search across languages: is the nearest text in the other language the right one?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from semtune.encoders.checked import Tokenizes
from semtune.errors import ModelError
from semtune.evaluate.kinds.texts import Texts, begin
from semtune.evaluate.language_pairs import LanguagePair, LanguageTexts
from semtune.evaluate.result import Scores
from semtune.evaluate.retrieval.topk import TopK
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.types import Parallel, Role


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
    pairs: list[LanguagePair] = []
    for one in _directions(sets):
        nearest = _nearest(asked, searched, one)
        right = [_reads_right(one, row, at) for row, at in enumerate(nearest)]
        pairs.append(LanguagePair(one.source, one.target, np.array(right, dtype=bool)))
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
        language_pairs=tuple(pairs),
        languages=_languages(encoder, sets, asked, searched),
    )


def _languages(encoder: Encoder, sets: Sequence[Parallel], asked: Texts, searched: Texts) -> dict[str, LanguageTexts]:
    """How the texts of each language were read: those that ask, and those that are searched."""
    texts: dict[str, dict[Role, dict[str, None]]] = {}
    for one in sets:
        texts.setdefault(one.source, {}).setdefault("query", {}).update(dict.fromkeys(one.texts))
        role: Role = "query" if one.aligned else "document"
        texts.setdefault(one.target, {}).setdefault(role, {}).update(dict.fromkeys(one.candidates))
    return {
        language: LanguageTexts(
            sum(map(len, by_role.values())),
            sum((asked if role == "query" else searched).cut(list(each)) for role, each in by_role.items()),
            _unknown(encoder, {role: list(each) for role, each in by_role.items()}),
        )
        for language, by_role in texts.items()
    }


def _unknown(encoder: Encoder, by_role: Mapping[Role, list[str]]) -> float | None:
    """The share of tokens that the model does not know; None where its runtime does not lend its tokenizer."""
    if not isinstance(encoder, Tokenizes):
        return None
    try:
        counts = [encoder.tokenizer(role).count(texts) for role, texts in by_role.items()]
    except ModelError:  # its runtime has another tokenizer
        return None
    return sum(unknown for _, unknown in counts) / max(1, sum(tokens for tokens, _ in counts))


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
