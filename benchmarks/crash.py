"""Kills a process that writes to a local index, again and again, and checks that every acknowledged write is there.

    python benchmarks/crash.py [--kills 1000] [--seed 0]

A child adds, replaces and deletes documents, makes segments and compacts, and tells each write that has returned. It is
killed (SIGKILL) at a random moment. Then the index must hold exactly what was acknowledged, or that and the one write
that was under way, whole; `verify` must find nothing; search, filters and words must give what brute force gives. The
next child goes on with the same index. Nothing here needs an idle machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from semtune.index import manifest as manifests
from semtune.index.filters import Comparison, matches
from semtune.index.local import compaction, kinds
from semtune.index.local.backend import LocalBackend
from semtune.index.local.collection import LocalCollection
from semtune.index.manifest import IndexManifest
from semtune.index.settings import IndexSettings
from semtune.types import Document, Embeddings

DIMENSION, IDS, MOST = 16, 3000, 300
SEAL_AT, EXACT_UP_TO = 400, 900  # small, so that segments and graphs are made all the time
WORDS = ["kettle", "lantern", "violin", "anvil", "barrel", "wheel", "bird", "hand", "bush", "glue"]
LONGEST_LIFE = 0.6  # seconds of work before a kill
RARELY = 0.0003  # chance a millisecond to be killed before that
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


def nursery() -> None:
    """Start a child for each line of the input: a fork of this process, which has imported everything already."""
    import filelock  # noqa: F401 - so that no child imports it
    import Stemmer  # noqa: F401

    from semtune.index.local import stored_manifest  # noqa: F401

    for line in sys.stdin:
        folder, seed, log = json.loads(line)
        pid = os.fork()
        if not pid:
            try:
                child(Path(folder), seed, log)
            except BaseException as error:
                os.write(2, f"the child failed: {type(error).__name__}: {error}\n".encode())
            os._exit(1)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(status, flush=True)


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


def one_life(
    folder: Path, seed: int, kept: Kept, start: subprocess.Popen[str], moment: random.Random
) -> tuple[Kept, str, str]:
    """Let a child work and kill it; what the index holds then, which write was cut off, and what is wrong."""
    log = folder.parent / "log"
    log.unlink(missing_ok=True)
    assert start.stdin is not None
    assert start.stdout is not None
    start.stdin.write(json.dumps([str(folder), seed, str(log)]) + "\n")
    start.stdin.flush()
    pid = int(start.stdout.readline())
    deadline = time.monotonic() + 60
    while not log.exists() and moment.random() > RARELY and time.monotonic() < deadline:  # until it has begun to write
        time.sleep(0.001)
    time.sleep(moment.random() * LONGEST_LIFE)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    status = int(start.stdout.readline())
    if not os.WIFSIGNALED(status):
        return kept, "", "the child ended by itself"
    done = len(log.read_text().split()) if log.exists() else 0
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


def crash(kills: int, seed: int = 0, folder: Path | None = None) -> dict[str, object]:
    """Kill `kills` writers; says what was cut off, and what went wrong."""
    manifest = IndexManifest("local", "Flat", "ip", DIMENSION, 0, "m", "none", "none", "none", 1.0, 0)
    moment, kept, wrong, cut = random.Random(seed), Kept(), [], Counter()
    began, writes = time.perf_counter(), 0
    with tempfile.TemporaryDirectory(prefix="semtune.", dir=folder) as place:
        index = Path(place) / "index"
        index.mkdir()
        LocalBackend.create(index, index, IndexSettings(), manifest).close()
        manifests.write(manifest, index)
        command = [sys.executable, __file__, "--nursery"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as start:
            for life in range(kills):
                kept, what, problem = one_life(index, seed * 1_000_000 + life, kept, start, moment)
                cut[what] += 1
                log = Path(place) / "log"
                writes += len(log.read_text().split()) if log.exists() else 0
                if life % 50 == 49:
                    print(f"{life + 1} kills, {writes} writes", file=sys.stderr, flush=True)
                if problem:
                    wrong.append(f"kill {life}: {problem}")
                    break
            assert start.stdin is not None
            start.stdin.close()
    return {
        "kills": sum(cut.values()),
        "acknowledged writes": writes,
        "killed in or before": dict(cut),
        "documents at the end": len(kept),
        "wrong": wrong,
        "seconds": round(time.perf_counter() - began, 1),
    }


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=1000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--nursery", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.nursery:
        nursery()
        return 0
    found = crash(given.kills, given.seed)
    print(json.dumps(found, indent=2))
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
