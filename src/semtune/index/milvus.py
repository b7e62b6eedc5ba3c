"""Milvus: the same index in a database; a file (milvus-lite) or a server, by its URI."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semtune.errors import InputError, StorageError
from semtune.index.exact import padded
from semtune.progress import QUIET, Progress
from semtune.registry import need
from semtune.types import Embeddings, Neighbours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymilvus import MilvusClient

BATCH = 1000
ID_LENGTH = 512  # bytes a string id may have in the collection
FIELDS = ["row"]


class MilvusIndex:
    """A Milvus collection with the string id as primary key, the vector, and the row it has in the folder.

    Row numbers lead to the document store; ids are what other clients of the same collection see.
    """

    kind = "AUTOINDEX"

    def __init__(self, client: MilvusClient, collection: str) -> None:
        self._client = client
        self._collection = collection

    @classmethod
    def build(
        cls, vectors: Embeddings, ids: Sequence[str], uri: str, collection: str, progress: Progress = QUIET
    ) -> MilvusIndex:
        """Fill a new collection; an unfinished one of the same name is dropped first.

        Args:
            vectors: (n, dim).
            ids: n string ids of at most 512 bytes.
            uri: a file for milvus-lite ("./x.db") or a server's address ("http://host:19530").

        Raises:
            InputError: an id is too long, or the server cannot be reached.
        """
        too_long = next((i for i in ids if len(i.encode()) > ID_LENGTH), None)
        if too_long is not None:
            raise InputError(
                f"The id {too_long[:60]!r}... has more than {ID_LENGTH} bytes, the most a Milvus key may have here."
            )
        client = _connect(uri)
        if client.has_collection(collection):
            client.drop_collection(collection)
        _create(client, collection, vectors.shape[1])
        with progress.track("index", len(ids)) as advance:
            for start in range(0, len(ids), BATCH):
                rows = range(start, min(start + BATCH, len(ids)))
                client.insert(collection, [{"id": ids[i], "row": i, "vector": vectors[i].tolist()} for i in rows])
                advance(len(rows))
        client.flush(collection)
        client.load_collection(collection)
        _wait_until_readable(client, collection, len(ids))
        return cls(client, collection)

    @classmethod
    def open(cls, uri: str, collection: str) -> MilvusIndex:
        """Open a collection that `build` filled.

        Raises:
            InputError: there is no such collection, or no server answers.
        """
        client = _connect(uri)
        if not client.has_collection(collection):
            raise InputError(
                f"Milvus at {uri} has no collection {collection!r}. Build it with `semtune index MODEL CORPUS -o INDEX --backend milvus --uri {uri}`."
            )
        client.load_collection(collection)
        return cls(client, collection)

    def search(self, vectors: Embeddings, k: int) -> Neighbours:
        """Find the `k` rows of largest inner product for each of the (n, dim) queries."""
        found = self._client.search(
            self._collection, data=[v.tolist() for v in vectors], limit=k, output_fields=FIELDS, anns_field="vector"
        )
        rows = np.full((len(vectors), k), -1, dtype=np.int64)
        scores = np.full((len(vectors), k), -np.inf, dtype=np.float32)
        for i, hits in enumerate(found):
            for j, hit in enumerate(hits):
                rows[i, j], scores[i, j] = hit["entity"]["row"], hit["distance"]
        return padded(rows, scores, k)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def local_file(uri: str) -> Path | None:
    """The file behind a milvus-lite URI; None for a server's."""
    return None if "://" in uri else Path(uri)


def _connect(uri: str) -> MilvusClient:
    need("pymilvus", *(["milvus_lite"] if local_file(uri) else []))
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

    file = local_file(uri)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    try:
        return MilvusClient(uri=uri)
    except MilvusException as error:
        raise InputError(
            f"No Milvus answers at {uri!r} ({error.message}). Give a file ending in .db for milvus-lite, or a server's address like http://localhost:19530."
        ) from None
    except OSError as error:
        raise StorageError(f"Milvus cannot use {uri!r}: {error}") from error


def _create(client: MilvusClient, collection: str, dimension: int) -> None:
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=ID_LENGTH)
    schema.add_field("row", DataType.INT64)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
    index: Any = client.prepare_index_params()
    index.add_index(field_name="vector", index_type="AUTOINDEX", metric_type="IP")
    # Strong: a search that follows an insert sees it (milvus#37389)
    client.create_collection(collection, schema=schema, index_params=index, consistency_level="Strong")


def _wait_until_readable(client: MilvusClient, collection: str, expected: int, seconds: float = 60.0) -> None:
    """Wait for `count(*)`; num_entities also counts what cannot be searched yet."""
    deadline = time.monotonic() + seconds
    while True:
        count = int(client.query(collection, filter="", output_fields=["count(*)"])[0]["count(*)"])
        if count == expected:
            return
        if time.monotonic() > deadline:
            raise StorageError(
                f"Milvus shows {count} of {expected} vectors in {collection!r} after {seconds:.0f} s. Were the ids not unique, or is the server overloaded?"
            )
        time.sleep(0.2)
