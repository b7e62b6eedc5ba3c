"""Recommends from an index folder, and learns a recommender for it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from semtune.errors import InputError
from semtune.index import manifest as manifests
from semtune.index.collection import Collection, Snapshot, read_vectors
from semtune.index.where import parse_where
from semtune.progress import QUIET, Progress
from semtune.search.fields import FieldCheck
from semtune.tasks.recommend.answer import Item, recommend, require_ids
from semtune.tasks.recommend.borrow import with_borrowed
from semtune.tasks.recommend.cooccurrence import fit
from semtune.tasks.recommend.evaluation import judge
from semtune.tasks.recommend.events import Event
from semtune.tasks.recommend.held_out import hold_out
from semtune.tasks.recommend.interactions import Interactions, read_interactions
from semtune.tasks.recommend.pairs import make_pairs, write_pairs
from semtune.tasks.recommend.profile import UNKNOWN, given, history_events, weighed
from semtune.tasks.recommend.recommender import Recommender
from semtune.tasks.recommend.settings import LearnSettings, RecommendSettings
from semtune.types import Embeddings
from semtune.unit_vectors import unit


@dataclass(frozen=True, slots=True)
class Recommended:
    """What is recommended, and from what.

    Attributes:
        items: best first.
        history: kind → number of items that count.
        cold: they are popular items, since no like is known.
        blend: weight of the co-occurrence; 0 without a recommender, or where it did not prove better.
        left_out: reason → events of the history that do not count.
        warnings: what the user should know.
        seconds: that it took, without opening the index.
    """

    items: list[Item]
    history: dict[str, int]
    cold: bool = False
    blend: float = 0.0
    left_out: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "items": [{**asdict(item), "metadata": dict(item.metadata)} for item in self.items]}


@dataclass(frozen=True, slots=True)
class Learned:
    """What became of interactions.

    Attributes:
        baskets, events: that are used.
        timed: the events have times.
        left_out: reason → events that are not used.
        evaluation: what was chosen and measured on held-out events; empty if it was not asked for.
        verdict: of the evaluation, in words.
        saved: folder of the recommender; empty if none was saved.
        pairs: split → pairs to train on, where they were asked for; pairs_left_out: reason → pairs.
        pairs_folder: where they are.
        warnings: what the user should know.
        seconds: that it took.
    """

    baskets: int
    events: int
    timed: bool
    left_out: dict[str, int]
    evaluation: dict[str, Any] = field(default_factory=dict)
    verdict: str = ""
    saved: str = ""
    pairs: dict[str, int] = field(default_factory=dict)
    pairs_left_out: dict[str, int] = field(default_factory=dict)
    pairs_folder: str = ""
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0


def recommend_from(
    collection: Collection,
    settings: RecommendSettings,
    recommender: Recommender | None = None,
    events: list[Event] | None = None,
) -> Recommended:
    """Items for the history of the settings, from an open index.

    Args:
        collection: of the index.
        settings: history and wishes.
        recommender: learned from interactions with this index.
        events: a history beside that of the settings.

    Raises:
        InputError: an id that was given is not in the index, the history's file cannot be read, or nothing is known.
        ContractError: the recommender was made for the index of another model.
    """
    began = time.monotonic()
    if recommender is not None:
        recommender.require(collection.manifest)
    read, left_out, warnings = history_events(settings)
    read = [*read, *(events or [])]
    where, named = parse_where(settings.where), given(settings)
    with collection.snapshot() as snapshot:
        FieldCheck().require(snapshot, where)
        require_ids(snapshot, [event.item for event in named])
        there = snapshot.hashes(list({event.item for event in read}))
        unknown = [event.item for event in read if event.item not in there]
        if unknown:
            left_out = {**left_out, UNKNOWN: len(unknown)}
            warnings = [*warnings, f"{len(unknown):,} of {len(read):,} events of the history are of items that the "
                        f"index does not have, such as {unknown[0]!r}."]  # fmt: skip
        profile = weighed([*(event for event in read if event.item in there), *named], settings)
        found = recommend(snapshot, profile, settings, where, recommender)
    kinds = {"liked": len(profile.liked), "disliked": len(profile.disliked), "seen": len(profile.seen)}
    return Recommended(
        items=found.items,
        history=kinds,
        cold=found.cold,
        blend=recommender.blend if recommender and not found.cold else 0.0,
        left_out=dict(Counter(left_out) + Counter(profile.left_out)),
        warnings=[*warnings, *found.warnings],
        seconds=round(time.monotonic() - began, 4),
    )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The items of an index: ids, (items, dim) unit vectors, and texts."""

    ids: list[str]
    vectors: Embeddings
    texts: list[str]

    @property
    def row(self) -> Mapping[str, int]:
        """Id → row."""
        return {id_: at for at, id_ in enumerate(self.ids)}


def catalogue_of(snapshot: Snapshot, progress: Progress = QUIET) -> Catalogue:
    """Everything that is in an index, sorted by id.

    Raises:
        InputError: it has fewer than two documents.
    """
    texts = {document.id: document.content for document in snapshot.documents()}
    if len(texts) < 2:
        raise InputError(f"The index has {len(texts)} document; recommending needs two items or more.")
    ids = sorted(texts)
    return Catalogue(ids, unit(read_vectors(snapshot, ids, progress)), [texts[id_] for id_ in ids])


def learn_from(
    collection: Collection,
    interactions: Path,
    settings: LearnSettings,
    *,
    evaluate: bool = False,
    save: Path | None = None,
    pairs: Path | None = None,
    progress: Progress = QUIET,
) -> Learned:
    """Learn from the interactions of many users with the items of an index.

    Args:
        collection: of the index.
        interactions: a table of user (or session, basket), item, and time and event where they are known.
        settings: shares that are held out, limits, seed.
        evaluate: also measure ALS.
        save: folder for the recommender.
        pairs: folder for pairs to train on.
        progress: shown while it works.

    Raises:
        InputError: the table cannot be read, or holds too little, or a folder is in the way.
        MissingExtraError: `implicit` is not installed, and something is to be measured or saved.
    """
    began = time.monotonic()
    if save is not None:
        Recommender.refuse_foreign(save)  # before minutes of work
    with collection.snapshot() as snapshot:
        items = catalogue_of(snapshot, progress)
    read = read_interactions(interactions, items.row)
    made: dict[str, Any] = {}
    if pairs is not None:
        drawn = make_pairs(read.baskets, items.texts, settings)
        made |= {"pairs": write_pairs(drawn, items.texts, pairs), "pairs_left_out": drawn.left_out,
                 "pairs_folder": str(pairs)}  # fmt: skip
    if evaluate or save is not None:
        made |= _judged_and_saved(collection.manifest, items, read, settings, evaluate, save, progress)
    return Learned(
        baskets=len(read.baskets),
        events=read.events,
        timed=read.timed,
        left_out=read.left_out,
        warnings=read.warnings,
        seconds=round(time.monotonic() - began, 2),
        **made,
    )


def _judged_and_saved(
    manifest: manifests.IndexManifest,
    items: Catalogue,
    read: Interactions,
    settings: LearnSettings,
    peers: bool,
    save: Path | None,
    progress: Progress,
) -> dict[str, Any]:
    judged = judge(hold_out(read.baskets, settings), items.vectors, settings, progress, peers)
    evaluation = {name: value for name, value in asdict(judged).items() if name != "verdict"}
    if save is not None:
        rows = [basket.rows for basket in read.baskets]
        learned = with_borrowed(fit(rows, len(items.ids), judged.method, settings.neighbours), items.vectors)
        facts = {"verdict": judged.verdict, **evaluation}
        recommender = Recommender(items.ids, learned, judged.used, manifest.model_name, manifest.fingerprint, facts)
        recommender.save(save)
    return {"evaluation": evaluation, "verdict": judged.verdict, "saved": str(save or "")}
