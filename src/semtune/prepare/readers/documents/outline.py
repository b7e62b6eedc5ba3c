"""One file to its outline, by the reader for its suffix; a file that cannot be read is counted."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.outline_types import Outline, UnreadableError
from semtune.prepare.readers.files.decode import read_bytes, read_text
from semtune.prepare.readers.files.garbled import notice_garbled
from semtune.prepare.readers.files.mojibake import repair_outline, repair_page
from semtune.prepare.readers.files.unpack import suffix_of
from semtune.registry import EXTRA_OF, READERS, RegistryEntry


def readable_suffixes() -> tuple[str, ...]:
    """Suffixes of the files that can be read; each may also be packed as .gz."""
    return tuple(_by_suffix())


@cache
def _by_suffix() -> dict[str, RegistryEntry]:
    return {suffix: entry for entry in READERS for suffix in entry.facts["suffixes"]}


def takes_text(path: Path) -> bool:
    """Whether a file is read as text, so that its encoding matters."""
    reader = _by_suffix().get(suffix_of(path))
    return reader is not None and reader.facts["takes"] != "bytes"


def read_outline(path: Path, name: str, tally: Tally, encoding: str = "") -> Outline:
    """The outline of one file: texts, and headings alone. One that cannot be read or has neither is counted.

    Args:
        path: of the file.
        name: in the data set.
        tally: counts what is left out.
        encoding: of the file where it is not UTF-8 and the source speaks for it; empty: it is detected.
    """
    suffix = suffix_of(path)
    reader = _by_suffix()[suffix]
    if not reader.usable and any(EXTRA_OF.get(module) == "documents" for module in reader.modules):
        tally.drop(f"{suffix} file not read (needs: pip install 'semtune[documents]')", name)
        return []
    try:
        outline = _of_bytes(path, name, tally) if not takes_text(path) else _of_text(path, name, tally, encoding)
    except InputError as error:
        reason = error.reason if isinstance(error, UnreadableError) else "cannot be read"
        tally.drop(f"{suffix} file that {reason}", error)
        return []
    if outline is None:
        return []
    outline = [(headings, body) for headings, body in outline if body.strip() or any(headings)]
    if not outline:
        tally.drop("file without text", name)
    notice_garbled((body for _, body in outline), name, tally)
    tally.count("files", bool(outline))
    return outline


def _of_bytes(path: Path, name: str, tally: Tally) -> Outline | None:
    data = read_bytes(path, name, tally)
    if data is None:
        return None
    return repair_outline(_by_suffix()[suffix_of(path)].load()(data, name, tally), tally)


def _of_text(path: Path, name: str, tally: Tally, encoding: str) -> Outline | None:
    found = read_text(path, name, tally, encoding)
    if found is None:
        return None
    reader = _by_suffix()[suffix_of(path)]
    counted = (tally,) if reader.facts["counts"] else ()
    if found.guessed:  # it was never UTF-8: what looks like mojibake is a wrong guess, and a repair would hide it
        return reader.load()(found.text, *counted)
    text = repair_page(found.text, tally) if reader.facts["takes"] == "html" else found.text
    return repair_outline(reader.load()(text, *counted), tally)
