"""The life of an index on each back-end: build, add, delete, filter, compact, verify, reopen, migrate.

debian_docs (113,230 passages) and WordNet's glosses (117,659), with a static model (the word vectors of MiniLM); their
vectors are kept in --vectors, so that a second call encodes nothing. Back-ends: local files, milvus-lite in a file, and
a Milvus server over gRPC (milvus-lite's own). Every answer is held against numpy on the same vectors. Writes counts,
seconds and bytes to benchmarks/results/collections.json, a row for each set and back-end, kept between calls.
(It is not called collections.py: a script's folder comes first on Python's path, and would hide the standard module.)

python benchmarks/index_life.py [debian_docs] [wordnet] [--count N] [--backends local,lite,server] [--out FILE]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from encode import make_table

from semtune.encoders.load import load_encoder
from semtune.index import manifest as manifests
from semtune.index.collection import Collection
from semtune.index.copy import differences
from semtune.index.current import opened
from semtune.index.manifest import IndexManifest
from semtune.index.new_version import copy_index
from semtune.index.open import create_collection, size_of
from semtune.index.settings import IndexSettings
from semtune.index.where import parse_where
from semtune.io import read_json, write_json
from semtune.types import Document, Embeddings

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data"))
RESULTS = Path(__file__).parent / "results" / "collections.json"
SETS = ("debian_docs", "wordnet")
BACKENDS = ("local", "lite", "server")
BATCH, ASKED, K, PARTS = 1000, 50, 10, 10
T = TypeVar("T")


def debian_docs() -> Iterator[Document]:
    """Passages, numbered; the part of a document is a number for filters."""
    with gzip.open(DATA / "debian_docs" / "passages.jsonl.gz", "rt", encoding="utf-8") as lines:
        for at, row in enumerate(map(json.loads, lines)):
            yield Document(str(row["_id"]), row["text"], row.get("title") or "", {"part": at % PARTS})


def wordnet() -> Iterator[Document]:
    """Glosses; the title of one is its words."""
    with gzip.open(DATA / "wordnet_glosses" / "synsets.jsonl.gz", "rt", encoding="utf-8") as lines:
        for at, row in enumerate(map(json.loads, lines)):
            yield Document(row["_id"], row["gloss"], ", ".join(row["lemmas"]), {"part": at % PARTS})


def encoded(name: str, count: int, place: Path) -> tuple[list[Document], Embeddings]:
    """The documents of a set, and their vectors from the file where they are kept, or made now."""
    documents = list({"debian_docs": debian_docs, "wordnet": wordnet}[name]())[:count]
    file = place / f"{name}-{len(documents)}.npy"
    if not file.exists():
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            make_table(Path(scratch))
            encoder = load_encoder(str(Path(scratch) / "table"), "static")
            np.save(file, encoder.encode([document.content for document in documents]).vectors)
    return documents, np.load(file)


@contextmanager
def settings_of(backend: str, place: Path) -> Iterator[IndexSettings]:
    """The settings of a back-end; of the server, while it runs."""
    if backend == "local":
        yield IndexSettings()
    elif backend == "lite":
        yield IndexSettings(backend="milvus", uri=str(place / "lite.db"))
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(place / "server"), "--host"]
        words = [*command, "127.0.0.1", "--port", str(port), "--max-workers", "1"]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                _wait_for(port, server)
                yield IndexSettings(backend="milvus", uri=f"http://127.0.0.1:{port}")
            finally:
                server.terminate()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("The server did not start.")


class Clock:
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, step: str, work: Callable[[], T]) -> T:
        """Do something and note how long it took."""
        began = time.perf_counter()
        try:
            return work()
        finally:
            self.seconds[step] = round(time.perf_counter() - began, 2)
            print(f"  {step}: {self.seconds[step]} s", file=sys.stderr, flush=True)


def write(collection: Collection, documents: list[Document], vectors: Embeddings) -> None:
    """Upsert in batches."""
    for start in range(0, len(documents), BATCH):
        collection.upsert(documents[start : start + BATCH], vectors[start : start + BATCH])


def check(collection: Collection, documents: list[Document], vectors: Embeddings, where: str | None = None) -> float:
    """Share of the ten best, by score in numpy, that a search finds; what it finds must be there and pass."""
    chosen = parse_where(where)
    part = int(where.partition("=")[2]) if where else None
    rows = [at for at, document in enumerate(documents) if part is None or document.metadata["part"] == part]
    held, names = vectors[rows], {documents[at].id for at in rows}
    asked = vectors[:: max(1, len(vectors) // ASKED)][:ASKED]
    lowest = -np.sort(-(asked @ held.T), axis=1)[:, K - 1] - 1e-5
    with collection.snapshot() as seen:
        found = seen.search(asked, K, chosen)
        if seen.count(chosen) != len(rows):
            raise SystemExit(f"{seen.count(chosen)} documents are counted instead of {len(rows)}")
    if any(match.id not in names for matches in found for match in matches):
        raise SystemExit("A search found what is not there.")
    right = sum(match.score >= low for low, row in zip(lowest.tolist(), found, strict=True) for match in row)
    return round(right / (len(asked) * K), 4)


def life(documents: list[Document], vectors: Embeddings, settings: IndexSettings, place: Path) -> dict[str, Any]:
    """One row: nine tenths are built, a tenth is added, a tenth of all is deleted."""
    clock, home, first = Clock(), place / "index", len(documents) * 9 // 10
    home.mkdir(parents=True)
    empty = IndexManifest(settings.backend, "", "ip", vectors.shape[1], 0, "m", "table", "none", "static", 1.0, 0)
    recall: dict[str, float] = {}
    with closing(create_collection(home, home, settings, empty)) as made:
        clock("build", lambda: write(made, documents[:first], vectors[:first]))
        clock("compact after the build", made.compact)
        manifests.write(replace(made.manifest, count=first), home)
    with opened(home) as collection:
        clock("add", lambda: write(collection, documents[first:], vectors[first:]))
        gone = {document.id for document in documents[::10]}
        clock("delete", lambda: collection.delete(sorted(gone)))
        left = [at for at, document in enumerate(documents) if document.id not in gone]
        documents, vectors = [documents[at] for at in left], vectors[left]
        recall["before compaction"] = clock("search", lambda: check(collection, documents, vectors))
        recall["a tenth passes a filter"] = clock("filter", lambda: check(collection, documents, vectors, "part=3"))
        clock("compact", collection.compact)
        problems = clock("verify", collection.verify)
        if problems:
            raise SystemExit(f"verify: {problems}")
    manifest = manifests.read(home)
    with ExitStack() as stack:
        collection = clock("reopen", lambda: stack.enter_context(opened(home)))
        recall["after compaction"] = clock("search again", lambda: check(collection, documents, vectors))
        count, size = len(documents), size_of(home, manifest)
    other = (
        IndexSettings() if settings.backend == "milvus" else IndexSettings(backend="milvus", uri=str(place / "m.db"))
    )
    clock("migrate", lambda: copy_index(home, place / "moved", other))
    with opened(home) as one, opened(place / "moved") as two, one.snapshot() as old, two.snapshot() as new:
        if wrong := differences(old, new):
            raise SystemExit(f"migrate: {wrong}")
    return {
        "documents": count, "dimension": int(vectors.shape[1]), "kind": manifest.index_type, "bytes": size,
        "recall@10": recall, "seconds": clock.seconds, "migrated to": other.backend,
    }  # fmt: skip


def main() -> None:
    """Measure the sets and back-ends that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", choices=[[], *SETS])
    parser.add_argument("--count", type=int, default=10**9, help="documents of each set at most")
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("--vectors", type=Path, default=Path(tempfile.gettempdir()) / "semtune-vectors")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    rows = read_json(given.out) if given.out.exists() else {}
    for name in given.sets or SETS:
        documents, vectors = encoded(name, given.count, given.vectors)
        for backend in given.backends.split(","):
            print(f"{name}, {len(documents):,} documents, {backend}", file=sys.stderr, flush=True)
            with (
                tempfile.TemporaryDirectory(prefix="semtune.") as scratch,
                settings_of(backend, Path(scratch)) as settings,
            ):
                rows[f"{name}, {backend}"] = life(documents, vectors, settings, Path(scratch))
            write_json(given.out, rows)
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
