"""Opens the current version of an index: what every command that reads or writes one begins with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semtune.index import manifest as manifests
from semtune.index import versions
from semtune.index.collection import Collection
from semtune.index.open import open_collection


@contextmanager
def opened(index: Path) -> Iterator[Collection]:
    """The current version of an index, for the length of the block.

    Raises:
        InputError: there is none, or it is damaged.
    """
    with opened_version(versions.current(index)) as collection:
        yield collection


@contextmanager
def opened_version(version: Path) -> Iterator[Collection]:
    """One version of an index, by its folder, for the length of the block.

    Raises:
        InputError: it is damaged.
    """
    collection = open_collection(version, manifests.read(version))
    try:
        yield collection
    finally:
        collection.close()


@contextmanager
def opened_to_write(index: Path, wait: float = versions.WAIT) -> Iterator[Collection]:
    """The current version of an index, while nobody else writes to it and it is not switched.

    Raises:
        InputError: there is none, or it is damaged.
        BusyError: another process is still writing after `wait` seconds.
    """
    with versions.writing(index, wait) as place, opened_version(place) as collection:
        yield collection
