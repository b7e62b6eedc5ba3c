"""One file to its outline, by the reader for its suffix; a file that cannot be read is counted."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.outline_types import Outline
from semtune.prepare.readers.files.decode import read_bytes, read_text
from semtune.prepare.readers.files.mojibake import repair_outline, repair_page
from semtune.prepare.readers.files.unpack import suffix_of
from semtune.registry import READERS, RegistryEntry


def readable_suffixes() -> tuple[str, ...]:
    """Suffixes of the files that can be read; each may also be packed as .gz."""
    return tuple(_by_suffix())


@cache
def _by_suffix() -> dict[str, RegistryEntry]:
    return {suffix: entry for entry in READERS for suffix in entry.facts["suffixes"]}


def read_outline(path: Path, name: str, tally: Tally) -> Outline:
    """The outline of one file: texts, and headings alone. One that cannot be read or has neither is counted."""
    outline = [(headings, body) for headings, body in _outline(path, name, tally) if body.strip() or any(headings)]
    outline = repair_outline(outline, tally)
    tally.count("files", bool(outline))
    return outline


def _outline(path: Path, name: str, tally: Tally) -> Outline:
    suffix = suffix_of(path)
    reader = _by_suffix()[suffix]
    outline: Outline = []
    try:
        if reader.facts["takes"] == "bytes":
            data = read_bytes(path, name, tally)
            if data is None:
                return []
            outline = reader.load()(data, name, tally)
        else:
            text = read_text(path, name, tally)
            if text is None:
                return []
            outline = reader.load()(repair_page(text, tally) if reader.facts["takes"] == "html" else text)
    except InputError as error:
        tally.drop(f"{suffix} file that cannot be read", error)
        return []
    if not any(body.strip() or any(headings) for headings, body in outline):
        tally.drop("file without text", name)
    return outline
