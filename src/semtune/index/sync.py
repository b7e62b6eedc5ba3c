"""Which documents of an index belong to files that are gone, when it takes over the state of a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from semtune.errors import GateError
from semtune.types import Document

MOST = 0.5  # share of an index that a folder may delete without being asked
_ROW = re.compile(r":\d+$")  # rows of a table have its name and their number as source


@dataclass(frozen=True, slots=True)
class Gone:
    """Documents that the source no longer gives.

    Attributes:
        ids: to be deleted.
        kept: ids of documents whose file is still there but could not be read this time.
        elsewhere: number of documents that did not come from files; they are left alone.
    """

    ids: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    elsewhere: int = 0


def file_of(metadata: Mapping[str, Any]) -> str:
    """The file that a document came from, as its reader named it; empty if it did not come from one."""
    source = metadata.get("source")
    return _ROW.sub("", source) if isinstance(source, str) else ""


def find_gone(indexed: Iterable[Document], given: Iterable[Document], is_there: Callable[[str], bool]) -> Gone:
    """The indexed documents that the source no longer gives.

    Where the source's documents name their files, only documents that name a file are looked at: what was added from
    elsewhere stays.

    Args:
        indexed: all documents of the index.
        given: all documents of the source.
        is_there: whether a file, by the name in the metadata, still is in the source and is not empty.
    """
    present, files = set(), set()
    for document in given:
        present.add(document.id)
        files.add(file_of(document.metadata))
    named = "" not in files
    ids, kept, elsewhere = [], [], 0
    for document in indexed:
        if document.id in present:
            continue
        file = file_of(document.metadata)
        if named and not file:
            elsewhere += 1
        elif file and file not in files and is_there(file):
            kept.append(document.id)
        else:
            ids.append(document.id)
    return Gone(tuple(ids), tuple(kept), elsewhere)


def is_in(folder: Path) -> Callable[[str], bool]:
    """Whether a file, or the archive that it is in, is in a folder and not empty."""

    def look(name: str) -> bool:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            return False
        for place in (path, *path.parents[:-1]):
            try:
                if (folder / place).is_file():
                    return (folder / place).stat().st_size > 0
            except OSError:  # it may not be looked at, which is no sign that it is gone
                return True
        return False

    return look


def check_deletions(deleted: int, count: int, folder: Path) -> None:
    """Refuse to delete most of an index: a folder that is not mounted looks empty.

    Raises:
        GateError: more than half of the index would go.
    """
    if deleted > MOST * count:
        raise GateError(
            f"{folder} no longer has {deleted:,} of the index's {count:,} documents, more than half. Nothing was "
            "changed. If they are to be deleted, add --allow-many-deletions. Else look whether the whole folder is "
            "there: it may not be mounted, or it may not be the one that was indexed."
        )
