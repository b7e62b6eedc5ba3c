"""A new version of an index with another model: filled from the old one, compared with it, and brought up to date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from semtune.index.collection import Collection, Snapshot
from semtune.index.sampling import encode_queries
from semtune.index.write import Encodes, Written, batches, write_documents
from semtune.progress import QUIET, Progress

DEPTH, MOST_QUERIES = 10, 2000
SHOWN = 3  # queries whose answers changed most


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What a version needed to hold the documents of another one."""

    written: Written
    deleted: int

    @property
    def changed(self) -> int:
        """Number of documents that were written or deleted."""
        return self.written.added + self.written.updated + self.deleted


@dataclass(frozen=True, slots=True)
class ChangedAnswer:
    """A query whose best documents changed: the share that stayed, and the best before and after by id."""

    query: str
    overlap: float
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ComparedAnswers:
    """The answers of two versions of an index to the same queries.

    Attributes:
        queries: number of queries.
        asked_with: "queries", or "chunks" of documents where none were given.
        overlap_at_10: mean share of the ten best documents that both versions find.
        same_best: share of queries with the same best document.
        score_before, score_after: mean score of the best document. Scores of two models are not comparable: a minimum
            score that was chosen for the old one means something else for the new one.
        most_changed: queries whose answers changed most.
    """

    queries: int
    asked_with: str
    overlap_at_10: float
    same_best: float
    score_before: float
    score_after: float
    most_changed: tuple[ChangedAnswer, ...] = ()

    @property
    def score_drift(self) -> float:
        """The mean score of the best document afterwards minus the one before."""
        return self.score_after - self.score_before

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "score_drift": self.score_drift}


def catch_up(old: Collection, new: Collection, encoder: Encodes, progress: Progress = QUIET) -> CaughtUp:
    """Give `new` all documents of `old`, and no others; what it has in the same words is not encoded again.

    Args:
        old: the version to follow.
        new: the version to write.
        encoder: the model of `new`.
        progress: told the number of documents done.
    """
    with old.snapshot() as seen:
        deleted = sum(new.delete(ids) for ids in _not_in(seen, new))
        written = write_documents(new, encoder, seen.documents(), progress, seen.count())
    return CaughtUp(written, deleted)


def _not_in(seen: Snapshot, new: Collection) -> Iterator[list[str]]:
    """The ids of `new` that `seen` does not have, in lists."""
    with new.snapshot() as mine:
        for batch in batches(mine.documents()):
            ids = [document.id for document in batch]
            known = seen.hashes(ids)
            if gone := [id_ for id_ in ids if id_ not in known]:
                yield gone


def compare_answers(
    old: Snapshot,
    old_encoder: Encodes,
    new: Snapshot,
    new_encoder: Encodes,
    queries: Sequence[str],
    asked_with: str = "queries",
) -> ComparedAnswers | None:
    """Ask two versions the same queries; None where there is nothing to ask, or to find."""
    places, before = encode_queries(old_encoder, queries)
    others, after = encode_queries(new_encoder, queries)
    both = [place for place in places if place in set(others)]
    if not both:
        return None
    rows, other_rows = [places.index(place) for place in both], [others.index(place) for place in both]
    pairs = zip(both, old.search(before[rows], DEPTH), new.search(after[other_rows], DEPTH), strict=True)
    asked = [(queries[place], one, two) for place, one, two in pairs if one and two]
    if not asked:
        return None
    overlaps = [_overlap([m.id for m in one], [m.id for m in two]) for _, one, two in asked]
    changed = [
        ChangedAnswer(query, overlap, one[0].id, two[0].id)
        for (query, one, two), overlap in zip(asked, overlaps, strict=True)
        if overlap < 1
    ]
    return ComparedAnswers(
        queries=len(asked),
        asked_with=asked_with,
        overlap_at_10=float(np.mean(overlaps)),
        same_best=float(np.mean([one[0].id == two[0].id for _, one, two in asked])),
        score_before=float(np.mean([one[0].score for _, one, _ in asked])),
        score_after=float(np.mean([two[0].score for _, _, two in asked])),
        most_changed=tuple(sorted(changed, key=lambda each: each.overlap)[:SHOWN]),
    )


def _overlap(before: Sequence[str], after: Sequence[str]) -> float:
    return len({*before} & {*after}) / max(len(before), len(after))
