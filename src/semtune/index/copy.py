"""Takes documents and vectors out of a collection: into files, or into another collection, without encoding."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from semtune.index.collection import Collection, Snapshot, content_hash
from semtune.index.write import batches
from semtune.io import atomic_file
from semtune.progress import QUIET, Progress

NAMED = 3  # ids in a message


def dump_documents(seen: Snapshot, file: Path, vectors: Path | None = None, progress: Progress = QUIET) -> int:
    """Write all documents as lines of JSON, and their vectors as one .npy file in the same order.

    Args:
        seen: what to write.
        file: ends in .jsonl, or in .jsonl.gz to be packed.
        vectors: the .npy file; None: none is written.
        progress: told the number of documents done.

    Returns:
        The number of documents.
    """
    total = seen.count()
    with progress.track("dump", total) as advance, _lines(file) as out, _array(vectors, total) as rows:
        done = 0
        for batch in batches(seen.documents()):
            for d in batch:
                row = {"_id": d.id, "title": d.title, "text": d.text, "metadata": dict(d.metadata)}
                out.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
            if rows is not None:
                rows.add(seen.vectors([d.id for d in batch]))
            done += len(batch)
            advance(len(batch))
    return done


@contextmanager
def _lines(file: Path) -> Iterator[IO[str]]:
    if file.suffix != ".gz":
        with atomic_file(file) as out:
            yield out
        return
    with (
        atomic_file(file, "wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed,
        TextIOWrapper(cast("Any", packed), encoding="utf-8", newline="\n") as out,
    ):
        yield out


class _Rows:
    """Appends rows of vectors to an open .npy file, whose header is written with the first ones."""

    def __init__(self, out: IO[bytes], total: int) -> None:
        self._out, self._total, self._begun = out, total, False

    def add(self, vectors: np.ndarray) -> None:
        """Append (n, dim) vectors."""
        if not self._begun:
            header = {"descr": "<f4", "fortran_order": False, "shape": (self._total, vectors.shape[1])}
            np.lib.format.write_array_header_1_0(self._out, header)
            self._begun = True
        self._out.write(np.ascontiguousarray(vectors, dtype="<f4").tobytes())

    def finish(self) -> None:
        """Write the header of an array without rows, if there were none."""
        if not self._begun:
            self.add(np.empty((0, 0), dtype=np.float32))


@contextmanager
def _array(file: Path | None, total: int) -> Iterator[_Rows | None]:
    if file is None:
        yield None
        return
    with atomic_file(file, "wb") as out:
        rows = _Rows(out, total)
        yield rows
        rows.finish()


def copy_documents(old: Snapshot, new: Collection, progress: Progress = QUIET) -> int:
    """Write all documents with their vectors into another collection; returns their number."""
    done = 0
    with progress.track("copy", old.count()) as advance:
        for batch in batches(old.documents()):
            new.upsert(batch, old.vectors([document.id for document in batch]))
            done += len(batch)
            advance(len(batch))
    return done


def differences(old: Snapshot, new: Snapshot, progress: Progress = QUIET) -> list[str]:
    """What differs between two collections that should hold the same, in words: number, contents, vectors."""
    found: list[str] = []
    if (before := old.count()) != (after := new.count()):
        found.append(f"{before:,} documents became {after:,}")
    hashes: list[str] = []
    vectors: list[str] = []
    with progress.track("compare", before) as advance:
        for batch in batches(old.documents()):
            ids = [document.id for document in batch]
            known = new.hashes(ids)
            hashes += [document.id for document in batch if known.get(document.id) != content_hash(document)]
            there = [id_ for id_ in ids if id_ in known]
            same = (old.vectors(there) == new.vectors(there)).all(axis=1) if there else []
            vectors += [id_ for id_, equal in zip(there, same, strict=True) if not equal]
            advance(len(batch))
    for what, ids in (("text or metadata", hashes), ("vector", vectors)):
        if ids:
            found.append(f"{len(ids):,} documents have another {what}: {', '.join(map(repr, ids[:NAMED]))}")
    return found
