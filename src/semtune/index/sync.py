"""Which documents of an index belong to files that are gone, when it takes over the state of a folder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from semtune.errors import GateError
from semtune.types import Document

MOST = 0.5  # share of an index that a folder may delete without being asked
_ROW = re.compile(r":(\d+)$")  # rows of a table have its name and their number as source


@dataclass(frozen=True, slots=True)
class Gone:
    """Documents that the source no longer gives.

    Attributes:
        ids: to be deleted.
        files: file → number of documents to be deleted.
        kept: ids of documents whose file is still there but could not be read this time.
        elsewhere: number of documents that cannot have come from this source; they are left alone.
    """

    ids: tuple[str, ...] = ()
    files: Mapping[str, int] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    elsewhere: int = 0


def file_of(metadata: Mapping[str, Any]) -> str:
    """The file that a document came from, as its reader named it; empty if it did not come from one."""
    source = metadata.get("source")
    return _ROW.sub("", source) if isinstance(source, str) else ""


def find_gone(
    indexed: Iterable[Document], given: Iterable[Document], is_there: Callable[[str], bool], whole_folder: bool = True
) -> Gone:
    """The indexed documents that the source no longer gives.

    Only documents that can have come from the source are looked at: of a folder, those that name a file and are no rows
    of a table, since tables in folders are not read; of one file, those that name this file. Where the source's
    documents name no files, as in a data set, the whole index is looked at.

    Args:
        indexed: all documents of the index.
        given: all documents of the source.
        is_there: whether a file, by the name in the metadata, still is in the source and is not empty.
        whole_folder: whether the source is a folder or an archive, and not one file.
    """
    present, files, rows = set(), set(), False
    for document in given:
        present.add(document.id)
        files.add(file_of(document.metadata))
        rows = rows or _is_row(document.metadata)
    ids: list[str] = []
    kept: list[str] = []
    gone: Counter[str] = Counter()
    elsewhere = 0
    for document in indexed:
        file = file_of(document.metadata)
        if document.id in present:
            continue
        if "" not in files and not (
            bool(file) and (rows or not _is_row(document.metadata)) if whole_folder else file in files
        ):
            elsewhere += 1
        elif file and file not in files and is_there(file):
            kept.append(document.id)
        else:
            ids.append(document.id)
            gone[file] += 1
    return Gone(tuple(ids), dict(gone), tuple(kept), elsewhere)


def _is_row(metadata: Mapping[str, Any]) -> bool:
    return bool(_row_of(metadata))


def _row_of(metadata: Mapping[str, Any]) -> str:
    """The number of the table's row that a document is; empty if it is none."""
    found = _ROW.search(str(metadata.get("source", "")))
    return found[1] if found else ""


def has_own_id(document: Document) -> bool:
    """Whether the id of a table's row is from a column, not the row's number."""
    number = _row_of(document.metadata)
    return bool(number) and document.id.partition("#")[0].partition("~")[0] != number


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
