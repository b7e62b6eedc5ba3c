"""A collection in Milvus that can be written: the writing half of the back-end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from semtune.errors import StorageError
from semtune.index.batch import check_batch
from semtune.index.collection import Changed, content_hash
from semtune.index.exact import EXACT_UP_TO
from semtune.index.manifest import IndexManifest
from semtune.index.milvus import naming, schema
from semtune.index.milvus.connection import PATIENCE, Place, patiently, storage_errors
from semtune.index.milvus.filters import EVERYTHING, one_of
from semtune.index.milvus.reading import IDS_AT_ONCE, Reader, vectors_at_once
from semtune.index.milvus.snapshot import MilvusSnapshot
from semtune.progress import QUIET, Progress
from semtune.types import Document, Embeddings

if TYPE_CHECKING:
    from pymilvus import MilvusClient

ROWS, BYTES = 1000, 8 * 2**20  # of a request; a server takes 64 MB
LONG = 3600.0  # seconds for building an index over all vectors

Row = dict[str, Any]


class MilvusCollection:
    """See `semtune.index.collection.Collection`.

    Unlike there, a write of more than one request (1,000 documents or 8 MB) is not all or nothing: if the server dies,
    the error says how many documents are in, and the same call completes it. Milvus keeps no old states, so a snapshot
    sees later writes. Milvus decides between several writers; here, threads wait for one another.
    """

    has_full_text = False

    def __init__(
        self,
        client: MilvusClient,
        place: Place,
        manifest: IndexManifest,
        alias: str = "",
        new: bool = False,
        patience: float = PATIENCE,
    ) -> None:
        """Take a collection that is loaded.

        Args:
            alias: its second name for other clients; empty for none.
            new: it was made just now, so `compact` moves the alias to it.
            patience: seconds for which a call is repeated while the server does not answer.
        """
        self.manifest = manifest
        self._client, self._alias, self._new = client, alias, new
        self._reader = Reader(client, manifest.collection, place, patience)
        self._writing, self._last = threading.Lock(), 0

    def snapshot(self) -> AbstractContextManager[MilvusSnapshot]:
        """What is there, to read from; later writes are seen."""
        return nullcontext(MilvusSnapshot(self._reader, self.manifest.dimension, self.manifest.index_type == "FLAT"))

    def upsert(self, documents: Sequence[Document], vectors: Embeddings) -> Changed:
        """Write documents with their (n, dim) vectors; one with the id of another replaces it.

        Raises:
            InputError: see `semtune.index.batch.check_batch`, or a document is too long; nothing was written.
            StorageError: the server does not answer; the message says how many documents were written.
        """
        kept = check_batch(documents, vectors, self.manifest.dimension)
        for document in documents:
            schema.check(document)
        with self._writing:
            hashes = [schema.row_hash(document, vector) for document, vector in zip(documents, kept, strict=True)]
            stored = self._reader.named([document.id for document in documents], ["hash"])
            old = {i: row["hash"] for i, row in stored.items()}
            changed = [n for n, document in enumerate(documents) if old.get(document.id) != hashes[n]]
            self._write([documents[n] for n in changed], kept[changed], [hashes[n] for n in changed])
        added = sum(documents[n].id not in old for n in changed)
        return Changed(added, len(changed) - added, len(documents) - len(changed))

    def delete(self, ids: Sequence[str]) -> int:
        """Delete documents; returns how many there were."""
        with self._writing:
            there = list(self._reader.named(ids, []))  # servers count the ids they are given
            for start in range(0, len(there), IDS_AT_ONCE):
                some = one_of("id", there[start : start + IDS_AT_ONCE])
                self._do(f"delete documents; {start:,} of {len(there):,} are deleted", self._client.delete, filter=some)
        return len(there)

    def compact(self, progress: Progress = QUIET, probes: Embeddings | None = None) -> None:
        """Make everything durable, change the index where there are many vectors, and publish a new collection."""
        del probes  # the server chooses
        name, place = self.manifest.collection, self._reader.place
        with progress.track("index", 1) as advance, self._writing:
            with storage_errors(place, "flush the collection"):
                self._client.flush(name, timeout=LONG)
            kind = index_kind(self._client, self._reader.count())
            if self.manifest.index_type == "FLAT" and kind != "FLAT":
                with storage_errors(place, "build the index"):
                    self._rebuild(kind)
                self.manifest = replace(self.manifest, index_type=kind)
            if self._new:
                self.publish()
            advance(1)

    def publish(self) -> None:
        """Mark the collection as whole, and move its alias, the name for other clients, to it."""
        with storage_errors(self._reader.place, "move the alias"):
            naming.publish(self._client, self.manifest.collection, self._alias)

    def verify(self) -> list[str]:
        """Compare every document with its hash, and look at every vector; returns what is wrong, in words."""
        return list(self._wrong())

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _write(self, documents: Sequence[Document], vectors: Embeddings, hashes: Sequence[str]) -> None:
        """Upsert rows, in requests within the limits of a server."""
        done = 0
        for rows in self._requests(documents, vectors, hashes):
            try:
                self._do("write", self._client.upsert, data=rows)
            except StorageError as error:
                raise StorageError(
                    f"Milvus at {self._reader.place.name} did not take all documents: {done:,} of {len(documents):,} "
                    f"are written, the next {len(rows):,} may or may not be, and the rest is not. The server was asked "
                    f"for {self._reader.patience:.0f} s. Start it, then repeat the same call or command: what is "
                    f"written already is left as it is, and nothing is written twice. ({error.__cause__})"
                ) from error
            done += len(rows)

    def _do(self, what: str, call: Callable[..., Any], **arguments: Any) -> None:
        """Make a request that changes something, again while no server answers."""
        reader = self._reader
        patiently(
            reader.place, what, reader.patience,
            lambda: call(self.manifest.collection, timeout=reader.patience, **arguments),
        )  # fmt: skip

    def _requests(
        self, documents: Sequence[Document], vectors: Embeddings, hashes: Sequence[str]
    ) -> Iterator[list[Row]]:
        rows: list[Row] = []
        size = 0
        for document, vector, hashed in zip(documents, vectors, hashes, strict=True):
            row = schema.row_of(document, vector, hashed, self._next_place())
            if rows and (len(rows) == ROWS or size + schema.row_bytes(row) > BYTES):
                yield rows
                rows, size = [], 0
            rows.append(row)
            size += schema.row_bytes(row)
        if rows:
            yield rows

    def _next_place(self) -> int:
        """A number that grows: the time in nanoseconds, so that no writer need ask for the last one."""
        self._last = max(time.time_ns(), self._last + 1)
        return self._last

    def _rebuild(self, kind: str) -> None:
        """Replace the index; the collection gives no answers meanwhile."""
        name = self.manifest.collection
        self._client.release_collection(name)
        self._client.drop_index(name, "vector")
        index: Any = self._client.prepare_index_params()
        index.add_index(field_name="vector", index_type=kind, metric_type="IP")
        self._client.create_index(name, index, timeout=LONG)
        self._client.load_collection(name, timeout=LONG)

    def _wrong(self) -> Iterator[str]:
        seen = 0
        for page in self._reader.pages(EVERYTHING, ["hash", "vector"], vectors_at_once(self.manifest.dimension)):
            seen += len(page)
            found = self._reader.documents([row["id"] for row in page])
            for row in page:
                vector = np.asarray(row["vector"], dtype=np.float32)
                hashed, _, of_vector = row["hash"].partition(" ")
                if row["id"] in found and content_hash(found[row["id"]]) != hashed:
                    yield f"The document {row['id']!r} is not what was written. Write it again with `semtune add`."
                if schema.vector_hash(vector) != of_vector:
                    yield f"The vector of {row['id']!r} is not what was written. Write it again with `semtune add`."
        counted = self._reader.count()
        if counted != seen:
            yield f"Milvus counts {counted:,} documents and lists {seen:,}. If nobody is writing, ids are stored twice."


def index_kind(client: MilvusClient, count: int) -> str:
    """FLAT is exact; AUTOINDEX is a graph of the server's choice.

    milvus-lite stays exact: its graph misses documents where a filter leaves few.
    """
    return "FLAT" if count <= EXACT_UP_TO or schema.is_lite(client) else "AUTOINDEX"
