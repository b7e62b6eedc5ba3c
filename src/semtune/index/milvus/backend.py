"""Makes and opens collections in Milvus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from semtune.errors import InputError
from semtune.index.manifest import IndexManifest
from semtune.index.milvus import naming, schema
from semtune.index.milvus.collection import LONG, MilvusCollection, index_kind
from semtune.index.milvus.connection import PATIENCE, Place, connect, opening
from semtune.index.milvus.reading import Reader
from semtune.index.milvus.rows import MilvusRows
from semtune.index.settings import IndexSettings

if TYPE_CHECKING:
    from pymilvus import MilvusClient

AGAIN = "Build the index again with `semtune index`."


class MilvusBackend:
    """Documents and vectors in a Milvus database; see `semtune.index.collection.CollectionBackend`."""

    @staticmethod
    def create(folder: Path, home: Path, settings: IndexSettings, manifest: IndexManifest) -> MilvusCollection:
        """Make an empty collection named after `home`, the final folder of the index; `compact` publishes it.

        The manifest's count may say how many vectors are coming, which decides the kind of index.

        Raises:
            InputError: the server cannot be reached, or the collection's name is taken.
        """
        del folder  # everything is in the database
        place = Place.of(settings).absolute()
        client = connect(place)
        used = naming.current(home, place)
        with opening(place, "create the collection"):
            name = naming.free(client, place, home, settings.collection, used)
            kind = index_kind(client, manifest.count)
            facts = {
                "semtune": schema.FORMAT, "fingerprint": manifest.fingerprint, "replaces": used,
                "alias": settings.collection,
            }  # fmt: skip
            schema.create(client, name, manifest.dimension, kind, facts, PATIENCE)
            client.load_collection(name, timeout=LONG)
        made = replace(
            manifest, index_type=kind, uri=place.uri, collection=name, database=place.database,
            token_env=place.token_env, tls_ca=place.tls_ca, tls_certificate=place.tls_certificate,
            tls_key=place.tls_key,
        )  # fmt: skip
        return MilvusCollection(client, place, made, settings.collection, new=True)

    @staticmethod
    def open(folder: Path, manifest: IndexManifest, patience: float = PATIENCE) -> MilvusCollection | MilvusRows:
        """Open the collection that the manifest names; an older one as rows, for `semtune.index.legacy`.

        Raises:
            InputError: the server cannot be reached, or has no such collection, or it is another index's.
        """
        place = Place.of(manifest)
        client = connect(place, patience)
        name = manifest.collection
        with opening(place, f"open the collection {name!r}"):
            if not client.has_collection(name):
                raise InputError(
                    f"Milvus at {place.name} has no collection {name!r}. Build it with "
                    f"`semtune index MODEL CORPUS -o {folder} --backend milvus --uri {place.uri}`."
                )
            facts, dimension = schema.described(client, name)
            client.load_collection(name, timeout=LONG)
        if not facts:
            return _rows(Reader(client, name, place, patience), manifest)
        _check(facts, dimension, manifest, place)
        return MilvusCollection(client, place, manifest, facts.get("alias", ""), patience=patience)

    @staticmethod
    def switch(before: IndexManifest, after: IndexManifest) -> None:
        """Move the aliases for other clients from the collection of one version of an index to that of another.

        For an upgrade and a rollback, after the switch.
        """
        with _client_of(after) as client:
            if client.has_collection(before.collection):
                naming.move(client, before.collection, after.collection)

    @staticmethod
    def drop(manifest: IndexManifest) -> None:
        """Drop the collection of an index that is not needed any more, with its aliases."""
        with _client_of(manifest) as client:
            if client.has_collection(manifest.collection):
                naming.drop(client, manifest.collection)

    @staticmethod
    def size(folder: Path, manifest: IndexManifest) -> int | None:
        """Bytes of a milvus-lite database; None for a server."""
        del folder
        file = Place.of(manifest).file
        if file is None:
            return None
        files = [path for path in file.rglob("*") if path.is_file()] if file.is_dir() else [file]
        return sum(path.stat().st_size for path in files)

    @staticmethod
    def outside(manifest: IndexManifest) -> list[Path]:
        """The file of a milvus-lite database."""
        file = Place.of(manifest).file
        return [file] if file else []


@contextmanager
def _client_of(manifest: IndexManifest) -> Iterator[MilvusClient]:
    """A connection to the database of an index."""
    place = Place.of(manifest)
    client = connect(place)
    try:
        with opening(place, "change its collections"):
            yield client
    finally:
        client.close()


def _rows(reader: Reader, manifest: IndexManifest) -> MilvusRows:
    """Open a collection of rows, if it is whole."""
    found = reader.count()
    if found != manifest.count:
        raise InputError(
            f"The collection {manifest.collection!r} in Milvus at {reader.place.name} holds {found} vectors, but its "
            f"index expects {manifest.count}: something else changed it. {AGAIN}"
        )
    return MilvusRows(reader)


def _check(facts: dict, dimension: int, manifest: IndexManifest, place: Place) -> None:
    """Refuse a collection that does not belong to the manifest."""
    name = manifest.collection
    if facts.get("semtune", 0) > schema.FORMAT:
        raise InputError(f"The collection {name!r} was made by a newer version of Semtune. Update Semtune.")
    if (facts["fingerprint"], dimension) != (manifest.fingerprint, manifest.dimension):
        raise InputError(
            f"The collection {name!r} in Milvus at {place.name} holds vectors of {dimension} dimensions of the model "
            f"{facts['fingerprint'][:12]}, but its index is of {manifest.fingerprint[:12]} with {manifest.dimension}: "
            f"something else replaced it. {AGAIN}"
        )
