"""The lives of `crash.py` that write to an index: what they write, and what must be there when they are killed."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from semtune.index import manifest as manifests
from semtune.index.filters import Comparison, matches
from semtune.index.local import compaction, kinds
from semtune.index.local.backend import LocalBackend
from semtune.index.local.collection import LocalCollection
from semtune.types import Document, Embeddings

DIMENSION, IDS, MOST = 16, 3000, 300
SEAL_AT, EXACT_UP_TO = 400, 900  # small, so that segments and graphs are made all the time
WORDS = ["kettle", "lantern", "violin", "anvil", "barrel", "wheel", "bird", "hand", "bush", "glue"]
HALF = Comparison("half", "=", 1)


@dataclass
class Write:
    """One write: what it does, and to which documents."""

    what: str
    documents: list[Document] = field(default_factory=list)
    vectors: Embeddings = field(default_factory=lambda: np.empty((0, DIMENSION), np.float32))
    ids: list[str] = field(default_factory=list)


def write_number(seed: int, number: int) -> Write:
    """The same write for the same numbers, in the child and in the parent."""
    rng = np.random.default_rng([seed, number])
    what = str(rng.choice(["upsert", "delete", "compact"], p=[0.65, 0.2, 0.15]))
    names = [f"d{i}" for i in rng.choice(IDS, int(rng.integers(1, MOST)), replace=False)]
    if what == "delete":
        return Write(what, ids=names[: len(names) // 2 + 1])
    if what == "compact":
        return Write(what)
    made = rng.normal(size=(len(names), DIMENSION)).astype(np.float32)
    documents = [
        Document(name, f"{rng.choice(WORDS)} {seed} {number}", metadata={"half": int(rng.integers(2))})
        for name in names
    ]
    return Write(what, documents, made / np.linalg.norm(made, axis=1, keepdims=True))


def apply_to_index(write: Write, collection: LocalCollection) -> None:
    if write.what == "upsert":
        collection.upsert(write.documents, write.vectors)
    elif write.what == "delete":
        collection.delete(write.ids)
    else:
        collection.compact()


Kept = dict[str, tuple[Document, np.ndarray]]


def applied(write: Write, kept: Kept) -> Kept:
    """What an index must hold after a write."""
    made = dict(kept)
    for name in write.ids:
        made.pop(name, None)
    for document, vector in zip(write.documents, write.vectors, strict=True):
        made.pop(document.id, None)
        made[document.id] = (document, vector)
    return made


def child(folder: Path, seed: int, name: str) -> None:
    """Write until killed; the number of each write that returned goes into the log."""
    compaction.SEAL_AT, kinds.EXACT_UP_TO = SEAL_AT, EXACT_UP_TO
    collection = open_index(folder)
    log, number = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 0
    while True:
        apply_to_index(write_number(seed, number), collection)
        os.write(log, f"{number}\n".encode())
        number += 1


def open_index(folder: Path) -> LocalCollection:
    return LocalBackend.open(folder, manifests.read(folder))


def differs(collection: LocalCollection, kept: Kept) -> str:
    """How an index differs from what it must hold; empty if it does not."""
    with collection.snapshot() as snapshot:
        if snapshot.count() != len(kept):
            return f"{snapshot.count()} documents instead of {len(kept)}"
        if list(snapshot.documents()) != [document for document, _ in kept.values()]:
            return "other documents"
        if kept and not np.array_equal(snapshot.vectors(list(kept)), [vector for _, vector in kept.values()]):
            return "other vectors"
        words = Counter(word for document, _ in kept.values() for word in document.text.split()[:1])
        for word, found in zip(WORDS, snapshot.keyword_search(WORDS, len(kept) + 1), strict=True):
            if len(found) != words[word]:
                return f"{len(found)} documents with {word!r} instead of {words[word]}"
    return ""


def wrong_answers(collection: LocalCollection, kept: Kept, rng: np.random.Generator) -> str:
    """Answers that brute force does not give; those of a graph may miss a few."""
    if not kept:
        return ""
    queries = rng.normal(size=(5, DIMENSION)).astype(np.float32)
    for where in (None, HALF):
        held = [(d.id, v) for d, v in kept.values() if where is None or matches(where, d.metadata)]
        scores = queries @ np.array([vector for _, vector in held]).T
        with collection.snapshot() as snapshot:
            for row, found in zip(scores, snapshot.search(queries, 10, where), strict=True):
                best, place = -np.sort(-row)[:10], {name: i for i, (name, _) in enumerate(held)}
                if len(found) != len(best) or any(match.id not in place for match in found):
                    return "a search found what is not there, or too little"
                if any(abs(row[place[match.id]] - match.score) > 1e-5 for match in found):
                    return "a score is wrong"
                if np.mean([match.score >= best[-1] - 1e-5 for match in found]) < 0.5:
                    return "a search missed most of the nearest"
    return ""


def after_writes(folder: Path, seed: int, done: int, kept: Kept) -> tuple[Kept, str, str]:
    """What the index of writers holds, which write was cut off, and what is wrong, after `done` writes."""
    for number in range(done):
        kept = applied(write_number(seed, number), kept)
    under_way = write_number(seed, done)
    compaction.SEAL_AT, kinds.EXACT_UP_TO = SEAL_AT, EXACT_UP_TO
    collection = open_index(folder)
    try:
        problem = differs(collection, kept)
        if problem and not differs(collection, applied(under_way, kept)):
            kept, problem = applied(under_way, kept), ""
        problem = problem or "; ".join(collection.verify())
        problem = problem or wrong_answers(collection, kept, np.random.default_rng(seed))
    finally:
        collection.close()
    return kept, under_way.what, problem
