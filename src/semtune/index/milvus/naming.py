"""Names of collections and their aliases.

The collections of an index folder are called after it and end in _a, _b and so on, so that the old one stays searchable
until the new one is complete. An alias ending in _whole marks a complete one: it is never dropped, but for the
predecessor of the one in use.
"""

from __future__ import annotations

import hashlib
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.errors import InputError
from semtune.index import manifest as manifests
from semtune.index.milvus import schema
from semtune.index.milvus.connection import Place

if TYPE_CHECKING:
    from pymilvus import MilvusClient

WHOLE = "_whole"


def current(home: Path, place: Place) -> str:
    """The collection of the index that lies at `home` now; empty if there is none in this database."""
    try:
        found = manifests.read(home)
    except InputError:  # there is none, or a damaged one, which is replaced
        return ""
    return found.collection if (found.uri, found.database) == (place.uri, place.database) else ""


def free(client: MilvusClient, place: Place, home: Path, wanted: str, used: str) -> str:
    """A name for a new collection; an unfinished one that has it, or the predecessor of the one in use, is dropped.

    Args:
        wanted: how the user calls it, which becomes an alias; empty: called after the folder.
        used: the collection in use at `home`.

    Raises:
        InputError: `wanted` is the name of a collection, or there are too many of this folder.
    """
    names: Any = client.list_collections()  # typed as a coroutine too
    if wanted in names:
        raise InputError(
            f"Milvus at {place.name} already has a collection {wanted!r} that was not made by this index; it was not "
            "replaced. Give another collection name."
        )
    base = _base(home, wanted)
    before = schema.described(client, used)[0].get("replaces", "") if used in names else ""
    for letter in string.ascii_lowercase:
        name = f"{base}_{letter}"
        if name not in names:
            return name
        if name != used and (name == before or not client.has_collection(name + WHOLE)):
            drop(client, name)
            return name
    raise InputError(
        f"Milvus at {place.name} has 26 collections {base}_a to {base}_z of indexes that were at {home}. Drop those "
        "that are not needed (`MilvusClient.drop_collection`; their aliases first)."
    )


def publish(client: MilvusClient, collection: str, alias: str) -> None:
    """Mark a collection as whole and move its alias to it."""
    for name in (collection + WHOLE, alias):
        if name:
            (client.alter_alias if client.has_collection(name) else client.create_alias)(collection, name)


def move(client: MilvusClient, before: str, after: str) -> None:
    """Move the aliases of one collection, those for other clients, to another."""
    told: Any = client.list_aliases(collection_name=before)
    for alias in told["aliases"]:
        if alias != before + WHOLE:
            client.alter_alias(after, alias)


def drop(client: MilvusClient, name: str) -> None:
    """Drop a collection; its aliases go first, as servers require."""
    told: Any = client.list_aliases(collection_name=name)
    for alias in told["aliases"]:
        client.drop_alias(alias)
    client.drop_collection(name)


def _base(home: Path, wanted: str) -> str:
    place = str(home.resolve())
    letters = "".join(c if c.isascii() and c.isalnum() else "_" for c in Path(place).name)
    return f"{wanted or 'semtune_' + letters[:60]}_{hashlib.sha256(place.encode()).hexdigest()[:8]}"
