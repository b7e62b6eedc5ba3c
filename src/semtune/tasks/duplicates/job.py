"""Finds the duplicates of a file, among its own texts or in another file, and writes the file without them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.tasks.duplicates.best_pairs import Closest, Pairs
from semtune.tasks.duplicates.decisions import Decisions
from semtune.tasks.duplicates.distinct import Distinct, distinct_texts, numbers_of
from semtune.tasks.duplicates.embedding import Vectors, embed_stored
from semtune.tasks.duplicates.groups import Group, groups_against, groups_within, listed
from semtune.tasks.duplicates.labelled_pairs import read_labelled_pairs
from semtune.tasks.duplicates.output import check_folder, write_folder
from semtune.tasks.duplicates.search import Apart, Found, find_matches, find_pairs
from semtune.tasks.duplicates.settings import DuplicatesSettings
from semtune.tasks.duplicates.threshold import (
    ChosenThreshold,
    HeldOut,
    cosines,
    given_threshold,
    threshold_from,
    usual_threshold,
)
from semtune.tasks.texts import ReadTexts, read_texts


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The duplicates of a file.

    Attributes:
        pairs: the pairs listed, the most similar first: first, second, similarity, why, and whether numbers in the
            texts differ.
        groups: what is kept, and what is removed for it.
        texts: of the file; `kept` and `removed` add up to it.
        distinct: texts that differ in more than case and white space.
        kept, removed: numbers of texts.
        removed_for: reason → number of texts.
        pairs_found: similar and equal pairs in all, also those that are not listed.
        threshold: the cosine, where it comes from, and what it brings on held-out labelled pairs.
        search: whether all pairs were compared, else the recall measured on a sample.
        unread: texts whose letters the model does not know; they were compared for equality only.
        truncated: texts whose end was not read.
        left_out: reason → rows of the file that are not texts; they stay in the cleaned file.
        against_left_out, labels_left_out: the same of the other tables.
        decisions_unknown: decisions about texts that are not in the file.
        out, cleaned: the folder, and the file without the duplicates; empty if none was written.
        warnings: what the user should know.
        seconds: that it took.
    """

    pairs: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    texts: int
    distinct: int
    kept: int
    removed: int
    removed_for: dict[str, int]
    pairs_found: int
    threshold: dict[str, Any]
    search: dict[str, Any]
    unread: int = 0
    truncated: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    against_left_out: dict[str, int] = field(default_factory=dict)
    labels_left_out: dict[str, int] = field(default_factory=dict)
    decisions_unknown: int = 0
    out: str = ""
    cleaned: str = ""
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Side:
    """A file: its rows, its distinct texts, and their vectors."""

    read: ReadTexts
    distinct: Distinct
    vectors: Vectors

    @property
    def places(self) -> NDArray[np.int64]:
        """The distinct texts that the model can read."""
        return np.flatnonzero(self.vectors.readable)


def find_duplicates(
    encoder: Encoder, file: Path, settings: DuplicatesSettings, out: Path | None = None, progress: Progress = QUIET
) -> Duplicates:
    """Find the duplicates of a file.

    Args:
        encoder: the model.
        file: text lines, or a table.
        settings: what counts as a duplicate.
        out: a folder for the pairs, the groups, the cleaned file and the review page.
        progress: shown while it works.

    Raises:
        InputError: a file cannot be read, or the labelled pairs give no threshold.
        ConfigError: the threshold is not above 0 and at most 1, or `out` was not made by this command.
    """
    began = time.monotonic()
    if out is not None:
        check_folder(out)
    read = read_texts(file, settings.column)
    decisions = Decisions.read(Path(settings.decisions)) if settings.decisions else Decisions()
    other = read_texts(Path(settings.against), settings.against_column) if settings.against else None
    threshold, labels_left_out = _threshold(encoder, settings, out, progress)
    mine = _side(encoder, read, settings, out, progress, frozenset(decisions.preferred))
    theirs = _side(encoder, other, settings, out, progress) if other else mine
    if other:
        found = _against(mine, theirs, threshold.value, settings, progress)
        groups = groups_against(read.rows, mine.distinct, other.rows, theirs.distinct, found.closest)
    else:
        found = _within(mine, threshold.value, settings, decisions, progress)
        groups = groups_within(read.rows, mine.distinct, found.closest, decisions.all_equal_kept)
    one, two = (read.rows, mine.distinct), (theirs.read.rows, theirs.distinct)
    pairs = listed(one, two if other else one, found.pairs, settings.most)
    made = _result(read, mine, groups, pairs, found, threshold, theirs if other else None)
    made = replace(made, labels_left_out=labels_left_out, decisions_unknown=decisions.unknown(mine.distinct.ids))
    if out is not None:
        made = replace(made, out=str(out), cleaned=str(write_folder(out, file, settings, made, groups, decisions)))
    return replace(made, seconds=round(time.monotonic() - began, 2))


def _side(
    encoder: Encoder,
    read: ReadTexts,
    settings: DuplicatesSettings,
    out: Path | None,
    progress: Progress,
    preferred: frozenset[str] = frozenset(),
) -> _Side:
    distinct = distinct_texts(read.rows, settings.keep, preferred)
    names = [f"line {read.rows[same[0]].line}" for same in distinct.rows]
    return _Side(read, distinct, embed_stored(encoder, distinct.texts, names, out, progress, settings.allow_unreadable))


def _threshold(
    encoder: Encoder, settings: DuplicatesSettings, out: Path | None, progress: Progress
) -> tuple[ChosenThreshold, dict[str, int]]:
    if settings.threshold is not None:
        return given_threshold(settings.threshold, encoder.contract), {}
    if not settings.labels:
        return usual_threshold(encoder.contract), {}
    labelled = read_labelled_pairs(Path(settings.labels))
    texts = [pair.sentence1 for pair in labelled.pairs] + [pair.sentence2 for pair in labelled.pairs]
    names = [f"labelled pair {at % len(labelled.pairs) + 1}" for at in range(len(texts))]
    vectors = embed_stored(encoder, texts, names, out, progress, settings.allow_unreadable)
    chosen = threshold_from(labelled.pairs, cosines(vectors.values), settings.precision, settings.seed)
    return chosen, labelled.left_out


def _within(
    mine: _Side, threshold: float, settings: DuplicatesSettings, decisions: Decisions, progress: Progress
) -> Found:
    places, count = mine.places, len(mine.distinct)
    texts = [mine.distinct.texts[at] for at in places]
    kinds = numbers_of(texts) if settings.same_numbers else None
    apart = Apart(len(places), decisions.keys([mine.distinct.ids[at] for at in places]), kinds)
    found = find_pairs(
        mine.vectors.values[places], threshold, settings.most, apart, progress, seed=settings.seed
    )  # fmt: skip
    return _placed(found, places, places, count)


def _against(mine: _Side, theirs: _Side, threshold: float, settings: DuplicatesSettings, progress: Progress) -> Found:
    held = {name: at for at, name in enumerate(theirs.distinct.ids)}
    new = np.array([name not in held for name in mine.distinct.ids], dtype=np.bool_)  # others are found by equality
    places, others = np.flatnonzero(mine.vectors.readable & new), theirs.places
    numbers = numbers_of([*(mine.distinct.texts[at] for at in places), *(theirs.distinct.texts[at] for at in others)])
    kinds = (numbers[: len(places)], numbers[len(places) :]) if settings.same_numbers else None
    found = find_matches(
        mine.vectors.values[places], theirs.vectors.values[others], threshold, settings.most, kinds, progress,
        seed=settings.seed,
    )  # fmt: skip
    placed = _placed(found, places, others, len(mine.distinct))
    for at in np.flatnonzero(~new):
        placed.closest.other[at], placed.closest.similarity[at] = held[mine.distinct.ids[at]], 1.0
    return placed


def _placed(found: Found, places: NDArray[np.int64], others: NDArray[np.int64], count: int) -> Found:
    """The same with the numbers of all distinct texts, not only of those that the model can read."""
    closest = Closest(count)
    has = found.closest.other >= 0
    closest.other[places[has]] = others[found.closest.other[has]]
    closest.similarity[places] = found.closest.similarity
    pairs = Pairs(places[found.pairs.first], others[found.pairs.second], found.pairs.scores)
    return Found(pairs, found.total, closest, found.exact, found.recall, found.sampled)


def _base_rate(held: HeldOut, pairs: int, found: int) -> str:
    """What the precision on labelled pairs says of a whole file, where almost all pairs are no duplicates."""
    low, high = held.false_alarms_interval
    return (
        f"In a whole file almost all pairs are no duplicates, so that more of those found are wrong than of your "
        f"labelled pairs. Of the labelled ones that are none, {held.false_alarms:.1%} reach the threshold "
        f"({low:.1%} to {high:.1%}). If those of the file are like them, {int(low * pairs):,} to "
        f"{int(high * pairs):,} of the {found:,} similar pairs found are wrong: look at the review page, or ask for "
        "more --precision."
    )


def _result(
    read: ReadTexts,
    mine: _Side,
    groups: Sequence[Group],
    pairs: list[dict[str, Any]],
    found: Found,
    threshold: ChosenThreshold,
    other: _Side | None,
) -> Duplicates:
    members = [member for group in groups for member in group.members]
    equal = sum(member.why == "equal" for member in members)
    if other is None:
        equal_pairs = len(read.rows) - len(mine.distinct)
    else:
        held = frozenset(other.distinct.ids)
        equal_pairs = sum(len(same) for name, same in zip(mine.distinct.ids, mine.distinct.rows, strict=True)
                          if name in held)  # fmt: skip
    sides = [mine, other] if other else [mine]
    warnings = [*read.warnings, *(side.vectors.warning for side in sides if side.vectors.warning)]
    if threshold.held_out:
        size = len(other.distinct) if other else (len(mine.distinct) - 1) / 2
        warnings.append(_base_rate(threshold.held_out, int(len(mine.distinct) * size), found.total))
    return Duplicates(
        pairs=pairs,
        groups=[group.as_dict() for group in groups],
        texts=len(read.rows),
        distinct=len(mine.distinct),
        kept=len(read.rows) - len(members),
        removed=len(members),
        removed_for={"equal": equal, "similar": len(members) - equal},
        pairs_found=found.total + equal_pairs,
        threshold=asdict(threshold),
        search={"exact": found.exact, "recall": found.recall, "sampled_pairs": found.sampled},
        unread=sum(int((~side.vectors.readable).sum()) for side in sides),
        truncated=sum(side.vectors.truncated for side in sides),
        left_out=read.left_out,
        against_left_out=other.read.left_out if other else {},
        warnings=warnings,
    )
