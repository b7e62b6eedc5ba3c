"""The Milvus back-end: an index in a database, a file (milvus-lite) or a server, given by URI."""

from __future__ import annotations

import hashlib
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semtune.errors import InputError, StorageError
from semtune.index import manifest as manifests
from semtune.index.exact import EXACT_UP_TO, padded
from semtune.index.manifest import IndexManifest
from semtune.index.settings import IndexSettings
from semtune.progress import QUIET, Progress
from semtune.protocols import FilledIndex
from semtune.registry import need
from semtune.types import Embeddings, Neighbours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymilvus import MilvusClient

BATCH = 1000
ID_LENGTH = 512  # maximum bytes of an id in the collection
FIELDS = ["row"]
# The client pings an idle connection every 10 s. gRPC servers with default settings, such as milvus-lite, close it
# after the third ping ("too_many_pings"). With this option a dead server is still noticed during a call.
CHANNEL = {"grpc.keepalive_permit_without_calls": False}


class MilvusIndex:
    """A Milvus collection with the string id as primary key, the vector, and the row in the index folder.

    Rows lead to the document store; ids are for other clients of the collection.
    """

    def __init__(self, client: MilvusClient, collection: str, count: int) -> None:
        self._client = client
        self._collection = collection
        self.kind = _kind(count)

    @classmethod
    def build(
        cls,
        vectors: Embeddings,
        ids: Sequence[str],
        uri: str,
        collection: str,
        progress: Progress = QUIET,
        alias: str = "",
    ) -> MilvusIndex:
        """Fill a new collection; an unfinished or outdated one with the same name is dropped first.

        Args:
            vectors: (n, dim).
            ids: n string ids of at most 512 bytes.
            uri: a file for milvus-lite ("./x.db") or a server's address ("http://host:19530").
            collection: its name.
            alias: a second name for other clients, moved to this collection when it is complete.

        Raises:
            InputError: an id is too long, the alias is the name of a collection, or the server cannot be reached.
        """
        too_long = next((i for i in ids if len(i.encode()) > ID_LENGTH), None)
        if too_long is not None:
            raise InputError(
                f"The id {too_long[:60]!r}... is longer than {ID_LENGTH} bytes, the limit for Milvus. Shorten the ids."
            )
        client = _connect(uri)
        _make_room(client, uri, collection, alias)
        count = len(ids)
        _create(client, collection, vectors.shape[1], _kind(count))
        with progress.track("index", count) as advance:
            for start in range(0, count, BATCH):
                rows = range(start, min(start + BATCH, count))
                client.insert(collection, [{"id": ids[i], "row": i, "vector": vectors[i].tolist()} for i in rows])
                advance(len(rows))
        client.flush(collection)
        client.load_collection(collection)
        _wait_until_readable(client, collection, count)
        if alias:
            (client.alter_alias if client.has_collection(alias) else client.create_alias)(collection, alias)
        return cls(client, collection, count)

    @classmethod
    def open(cls, uri: str, collection: str, count: int) -> MilvusIndex:
        """Open a collection that `build` filled with `count` vectors.

        Raises:
            InputError: there is no such collection, its count differs, or no server answers.
        """
        client = _connect(uri)
        if not client.has_collection(collection):
            raise InputError(
                f"Milvus at {uri} has no collection {collection!r}. Build it with "
                f"`semtune index MODEL CORPUS -o INDEX --backend milvus --uri {uri}`."
            )
        client.load_collection(collection)
        if (found := _count(client, collection)) != count:
            raise InputError(
                f"The collection {collection!r} in Milvus at {uri} holds {found} vectors, but its index expects "
                f"{count}: something else changed it. Build it again with `semtune index`."
            )
        return cls(client, collection, count)

    def search(self, vectors: Embeddings, k: int) -> Neighbours:
        """Find the `k` rows of largest inner product for each of the (n, dim) queries."""
        if not len(vectors):
            return padded(np.empty((0, k)), np.empty((0, k)), k)  # the client refuses an empty search
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
    """The file of a milvus-lite URI; None for a server."""
    return None if "://" in uri else Path(uri)


def _connect(uri: str) -> MilvusClient:
    need("pymilvus", *(["milvus_lite"] if local_file(uri) else []))
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

    file = local_file(uri)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    noise = logging.getLogger("milvus_lite")
    level = noise.level
    noise.setLevel(logging.CRITICAL)  # it logs a traceback of the error that is raised below
    try:
        return MilvusClient(uri=uri, grpc_options=CHANNEL)
    except MilvusException as error:
        if file is not None:
            raise InputError(
                f"milvus-lite cannot open {str(file)!r} ({error.message}): another process is using it, perhaps "
                "`semtune serve`, or it is not a milvus-lite database. Stop that process, or start a Milvus server and "
                "give its address."
            ) from None
        raise InputError(
            f"No Milvus server answers at {uri!r} ({error.message}). Give a file ending in .db for milvus-lite, or the "
            "address of a server such as http://localhost:19530."
        ) from None
    except OSError as error:
        raise StorageError(f"Milvus cannot use {uri!r}: {error}") from error
    finally:
        noise.setLevel(level)


def _make_room(client: MilvusClient, uri: str, collection: str, alias: str) -> None:
    """Drop the collection of this name; its alias goes first, as servers require."""
    names: Any = client.list_collections()  # typed as a coroutine too
    if alias in names:
        raise InputError(
            f"Milvus at {uri} already has a collection {alias!r} that was not made by this index; it was not replaced. "
            "Give another collection name."
        )
    if alias and client.has_collection(alias) and client.describe_alias(alias)["collection_name"] == collection:
        client.drop_alias(alias)
    if client.has_collection(collection):
        client.drop_collection(collection)


def _kind(count: int) -> str:
    """FLAT is exact; AUTOINDEX is an approximate index of the server's choice (HNSW in milvus-lite)."""
    return "FLAT" if count <= EXACT_UP_TO else "AUTOINDEX"


def _create(client: MilvusClient, collection: str, dimension: int, kind: str) -> None:
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=ID_LENGTH)
    schema.add_field("row", DataType.INT64)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
    index: Any = client.prepare_index_params()
    index.add_index(field_name="vector", index_type=kind, metric_type="IP")
    # Strong: a search sees earlier inserts (milvus#37389)
    client.create_collection(collection, schema=schema, index_params=index, consistency_level="Strong")


def _count(client: MilvusClient, collection: str) -> int:
    return int(client.query(collection, filter="", output_fields=["count(*)"])[0]["count(*)"])


def _wait_until_readable(client: MilvusClient, collection: str, expected: int, seconds: float = 60.0) -> None:
    """Wait until all vectors can be searched; unlike num_entities, `count(*)` only counts those."""
    deadline = time.monotonic() + seconds
    while True:
        count = _count(client, collection)
        if count == expected:
            return
        if time.monotonic() > deadline:
            raise StorageError(
                f"Milvus shows {count} of {expected} vectors in {collection!r} after {seconds:.0f} s. Check that the "
                "ids are unique and the server is not overloaded."
            )
        time.sleep(0.2)


class MilvusBackend:
    """Stores vectors in a collection of a Milvus database; see `semtune.protocols.Backend`."""

    @staticmethod
    def build(
        vectors: Embeddings, ids: Sequence[str], settings: IndexSettings, folder: Path, home: Path, progress: Progress
    ) -> FilledIndex:  # fmt: skip
        """Fill a collection named after `home`, the final folder of the index."""
        del folder  # everything is in the database
        collection = _collection_name(home, settings.collection)
        index = MilvusIndex.build(vectors, ids, settings.uri, collection, progress, alias=settings.collection)
        uri = settings.uri if "://" in settings.uri else str(Path(settings.uri).resolve())
        return FilledIndex(index, index.kind, uri, collection)

    @staticmethod
    def open(folder: Path, manifest: IndexManifest) -> MilvusIndex:
        """Open the collection that the manifest names."""
        del folder
        return MilvusIndex.open(manifest.uri, manifest.collection, manifest.count)

    @staticmethod
    def size(folder: Path, manifest: IndexManifest) -> int | None:
        """Bytes of a milvus-lite database; None for a server."""
        del folder
        file = local_file(manifest.uri)
        if file is None:
            return None
        files = [path for path in file.rglob("*") if path.is_file()] if file.is_dir() else [file]
        return sum(path.stat().st_size for path in files)

    @staticmethod
    def outside(manifest: IndexManifest) -> list[Path]:
        """The file of a milvus-lite database."""
        file = local_file(manifest.uri)
        return [file] if file else []


def _collection_name(home: Path, wanted: str) -> str:
    """A name made from the folder's name and path, so that indexes in one database do not collide.

    It ends in _a or _b, whichever the current index in that folder does not use: that one stays searchable until the
    new one is complete.
    """
    place = str(home.resolve())
    letters = "".join(c if c.isascii() and c.isalnum() else "_" for c in Path(place).name)
    name = f"{wanted or 'semtune_' + letters[:60]}_{hashlib.sha256(place.encode()).hexdigest()[:8]}"
    try:
        current = manifests.read(home).collection
    except InputError:  # there is none, or a damaged one, which is replaced
        current = ""
    return f"{name}_b" if current == f"{name}_a" else f"{name}_a"
