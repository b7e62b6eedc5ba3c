"""Items for a history, from an open index: candidates, scores, diversity, and the reason for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from semtune.errors import InputError, nearest
from semtune.index.collection import Snapshot
from semtune.index.filters import Filter, matches
from semtune.search.arrange import diverse
from semtune.search.candidates import Candidate, stored_vectors, with_documents
from semtune.search.request import POOL, POOL_FACTOR
from semtune.tasks.recommend.profile import Profile
from semtune.tasks.recommend.recommender import Recommender
from semtune.tasks.recommend.scoring import blended, dislike, similarity
from semtune.tasks.recommend.settings import RecommendSettings
from semtune.types import Document, Embeddings
from semtune.unit_vectors import unit

DEEPER, DEEPEST = 4, 10_000  # times as many candidates where too few are new, and the most
MOST_TOGETHER = 1_000  # items used together with the history that are looked at
COLD_DIVERSITY = 0.3  # of popular items, where none is asked for
FLAT = 1e-6  # scores that differ by less say nothing
COMPARED_IDS = 200_000  # ids that an unknown one is compared with
NOTHING = ("Nothing is known of this person: give likes or views that are in the index (--like ID, --viewed ID, "
           "--history FILE), or a --recommender, whose popular items are for newcomers.")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Because:
    """An item of the history that a recommended one is near to.

    Attributes:
        id: of the item of the history.
        similarity: cosine of the two vectors.
        together: how strongly the two are used together; None without a recommender.
    """

    id: str
    similarity: float
    together: float | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A recommended item.

    Attributes:
        id, title, text, metadata: of the document.
        score: what it is ranked by: similarity to the likes, less that to dislikes, plus the blended co-occurrence; of
            popular items the number of baskets.
        similarity: to the likes; None for popular items.
        together: co-occurrence, 0 to 1 among the candidates; None where it does not count.
        because: items of the history that it is nearest to.
    """

    id: str
    score: float
    title: str
    text: str
    metadata: Mapping[str, Any]
    similarity: float | None = None
    together: float | None = None
    because: tuple[Because, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Recommended items, best first; whether they are popular ones for a newcomer; and what the user should know."""

    items: list[Item]
    cold: bool = False
    warnings: list[str] = field(default_factory=list)


def require_ids(snapshot: Snapshot, ids: Sequence[str]) -> None:
    """Refuse ids that the index does not have.

    Raises:
        InputError: the message names them, and the nearest id of the first.
    """
    there = snapshot.hashes(list(ids))
    missing = [id_ for id_ in dict.fromkeys(ids) if id_ not in there]
    if missing:
        known = [document.id for document, _ in zip(snapshot.documents(), range(COMPARED_IDS), strict=False)]
        raise InputError(
            f"The index has no item {', '.join(map(repr, missing[:5]))}{' ...' if len(missing) > 5 else ''}."
            f"{nearest(missing[0], known)} Give ids of its documents, as `semtune search` shows them."
        )


def recommend(
    snapshot: Snapshot,
    profile: Profile,
    settings: RecommendSettings,
    where: Filter | None = None,
    recommender: Recommender | None = None,
) -> Found:
    """Items for a history.

    Args:
        snapshot: the index.
        profile: the history; all of its ids are in the index.
        settings: how many, how diverse.
        where: only what passes.
        recommender: learned from interactions.

    Raises:
        InputError: nothing is liked, and no interactions are known.
    """
    seen = frozenset[str]() if settings.again else profile.seen
    if not profile.liked:
        if recommender is None:
            raise InputError(NOTHING)
        return _popular(snapshot, profile, settings, where, recommender, seen)
    liked = unit(snapshot.vectors(list(profile.liked)))
    together = recommender.together(profile.liked) if recommender and recommender.blend else {}
    vectors = _candidates(snapshot, liked, settings.k, where, seen)
    vectors |= _used_together(snapshot, together, where, seen | vectors.keys())
    if not vectors:
        return Found([], warnings=[_why_nothing(snapshot, where)])
    scored = _Scored.of(snapshot, profile, settings, liked, vectors, together, recommender)
    chosen = _arranged(snapshot, scored.scores, vectors, settings.k, settings.diversity)
    explain = _explainer(profile, liked, vectors, settings.explain, recommender)
    items = [
        _item(document, score, scored.similar[document.id], scored.together.get(document.id), explain(document.id))
        for document, score in chosen
    ]
    return Found(items, warnings=_flat(list(scored.scores.values())))


@dataclass(frozen=True, slots=True)
class _Scored:
    """Id → value of each candidate."""

    scores: dict[str, float]
    similar: dict[str, float]
    together: dict[str, float]

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        profile: Profile,
        settings: RecommendSettings,
        liked: Embeddings,
        vectors: Mapping[str, Embeddings],
        together: Mapping[str, float],
        recommender: Recommender | None,
    ) -> _Scored:
        ids = list(vectors)
        matrix = unit(np.stack([vectors[id_] for id_ in ids]))
        shares = np.array(list(profile.liked.values()))
        similar = similarity(liked @ matrix.T, (shares / shares.max()).astype(np.float32))
        scores = similar
        known: dict[str, float] = {}
        if recommender and recommender.blend:
            used = np.array([together.get(id_, 0.0) for id_ in ids], np.float32)
            scores = blended(scores, used, recommender.blend)
            known = dict(zip(ids, (used / max(float(used.max()), 1e-12)).tolist(), strict=True))
        if profile.disliked and settings.dislike_weight:
            against = unit(snapshot.vectors(list(profile.disliked)))
            weights = np.array(list(profile.disliked.values()), np.float32)
            scores = scores - np.float32(settings.dislike_weight) * dislike(against @ matrix.T, weights)
        return cls(dict(zip(ids, scores.tolist(), strict=True)), dict(zip(ids, similar.tolist(), strict=True)), known)


def _candidates(
    snapshot: Snapshot, liked: Embeddings, k: int, where: Filter | None, seen: frozenset[str]
) -> dict[str, Embeddings]:
    """Id → vector of what is near to any item of the history, or to their mean, and was not seen."""
    asked = np.concatenate([liked, unit(liked.mean(axis=0, keepdims=True))])
    wanted, most = max(POOL, POOL_FACTOR * k), min(snapshot.count(where), DEEPEST)
    depth = wanted
    while True:
        found = snapshot.search(asked, depth, where)
        new = {match.id: None for matches_ in found for match in matches_ if match.id not in seen}
        if len(new) >= wanted or depth >= most:
            return stored_vectors(snapshot, list(new))
        depth = min(depth * DEEPER, most)


def _used_together(
    snapshot: Snapshot, together: Mapping[str, float], where: Filter | None, known: frozenset[str] | set[str]
) -> dict[str, Embeddings]:
    ids = sorted((id_ for id_ in together if id_ not in known), key=lambda id_: -together[id_])[:MOST_TOGETHER]
    if where is None:
        return stored_vectors(snapshot, list(snapshot.hashes(ids)))
    passing = [each.id for each in snapshot.get(ids) if each is not None and matches(where, each.metadata)]
    return stored_vectors(snapshot, passing)


def _arranged(
    snapshot: Snapshot, scores: Mapping[str, float], vectors: Mapping[str, Embeddings], k: int, diversity: float
) -> list[tuple[Document, float]]:
    """The best documents with their scores; equal ones in the order in which they were found."""
    order = sorted(scores, key=lambda id_: -scores[id_])
    candidates = [Candidate(id_, scores[id_]) for id_ in order]
    pool = candidates[: max(POOL, POOL_FACTOR * k)]
    chosen = diverse(pool, vectors, k, diversity) if diversity else candidates[:k]
    return [(candidate.found, candidate.value) for candidate in with_documents(snapshot, chosen)]


def _explainer(
    profile: Profile, liked: Embeddings, vectors: Mapping[str, Embeddings], most: int, recommender: Recommender | None
) -> Callable[[str], tuple[Because, ...]]:
    """Names the items of the history that an item is nearest to, by vectors and by use."""
    ids = list(profile.liked)
    blend = recommender.blend if recommender else 0.0

    def explain(id_: str) -> tuple[Because, ...]:
        cosines = liked @ unit(vectors[id_][None])[0]
        used = [recommender.pair(other, id_) if recommender and blend else 0.0 for other in ids]
        order = sorted(range(len(ids)), key=lambda at: -(float(cosines[at]) + blend * used[at]))[:most]
        return tuple(
            Because(ids[at], round(float(cosines[at]), 4), round(used[at], 4) if blend else None)
            for at in order if ids[at] != id_
        )  # fmt: skip

    return explain


def _item(document: Document, score: float, similar: float, used: float | None, because: tuple[Because, ...]) -> Item:
    known = None if used is None else round(used, 4)
    return Item(document.id, round(score, 4), document.title, document.text, document.metadata, round(similar, 4),
                known, because)  # fmt: skip


def _popular(
    snapshot: Snapshot,
    profile: Profile,
    settings: RecommendSettings,
    where: Filter | None,
    recommender: Recommender,
    seen: frozenset[str],
) -> Found:
    """Diverse popular items, for somebody of whom no like is known."""
    wanted = max(POOL, POOL_FACTOR * settings.k)
    scores: dict[str, float] = {}
    ranked = [(id_, count) for id_, count in recommender.popular() if id_ not in seen]
    for start in range(0, len(ranked), wanted):
        part = ranked[start : start + wanted]
        for (id_, count), document in zip(part, snapshot.get([id_ for id_, _ in part]), strict=True):
            if document is not None and (where is None or matches(where, document.metadata)):
                scores[id_] = float(count)
        if len(scores) >= wanted:
            break
    if not scores:
        return Found([], True, [_why_nothing(snapshot, where)])
    vectors = stored_vectors(snapshot, list(scores))
    chosen = _arranged(snapshot, scores, vectors, settings.k, settings.diversity or COLD_DIVERSITY)
    items = [Item(each.id, score, each.title, each.text, each.metadata) for each, score in chosen]
    why = "Only dislikes are known" if profile.disliked else "No like is known"
    return Found(items, True, [f"{why}: these are popular items that differ from each other."])


def _why_nothing(snapshot: Snapshot, where: Filter | None) -> str:
    count = snapshot.count(where)
    if not count:
        return "No item passes the filter."
    if count > DEEPEST:
        return f"No new item is among the {DEEPEST:,} nearest. --again recommends those of the history, too."
    passing = "Every item that passes the filter" if where is not None else "Every item of the index"
    return f"{passing} is in the history, so nothing new is left. --again recommends those, too."


def _flat(scores: Sequence[float]) -> list[str]:
    if len(scores) > 1 and max(scores) - min(scores) < FLAT:
        return ["All candidates are equally like the history, so their order says nothing."]
    return []
