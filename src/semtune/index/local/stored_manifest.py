"""The manifest of a local index, which its database keeps. It is written last: without it, the index is not whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semtune.errors import InputError
from semtune.index.local import database, recall
from semtune.index.local.compaction import kind_in_words
from semtune.index.local.integrity import MANIFEST, MANIFEST_HASH
from semtune.io import sha256_json


def write(folder: Path, values: Mapping[str, Any]) -> None:
    """Write the values of a manifest."""
    connection = database.open_to_write(folder)
    try:
        with database.transaction(connection, folder / database.FILE):
            text = json.dumps(values, ensure_ascii=False)
            database.put(connection, MANIFEST, text)
            database.put(connection, MANIFEST_HASH, sha256_json(text))
    finally:
        connection.close()


def read(folder: Path) -> dict[str, Any]:
    """Read the values of a manifest, with the number of documents and the kind of index that are there now.

    Raises:
        InputError: there is none: building the index was not finished; or the database is damaged.
    """
    connection = database.open_to_read(folder)
    try:
        with database.in_words(folder / database.FILE):
            found = database.get(connection, MANIFEST)
            count, kind = database.number(connection, "count"), kind_in_words(connection)
            measured = recall.kept(connection)
    finally:
        connection.close()
    if found is None:
        raise InputError(
            f"{folder} is half an index: building it was not finished. Build it again with `semtune index`."
        )
    try:
        values = json.loads(str(found))
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise InputError(
            f"The manifest in {folder / database.FILE} is damaged. Build the index again with `semtune index`."
        )
    return {**values, **measured, "count": count, "index_type": kind}
