"""Parallel text to pairs: translation memories (.tmx), and pairs of line files as in Tatoeba and OPUS (Moses)."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from semtune.errors import InputError
from semtune.prepare.drop_log import BadRows
from semtune.prepare.readers.files.unpack import read_head
from semtune.prepare.readers.files.xml_events import events
from semtune.prepare.readers.tables.delimited import Row, load_decoded
from semtune.text import one_line

_LANGUAGE = r"[a-z]{2,3}(?:[_-][A-Za-z]{2,4})?"
_NAME = re.compile(rf"(?P<stem>.*?\.?)(?P<one>{_LANGUAGE})-(?P<two>{_LANGUAGE})\.(?P<own>{_LANGUAGE})(?P<gz>\.gz)?$")
_MARKUP = frozenset({"bpt", "ept", "it", "ph", "ut"})  # codes of the format that a translator worked on


def partner(path: Path) -> Path | None:
    """The other file of `NAME.deu-eng.deu` and `NAME.deu-eng.eng`; None if the name has another form."""
    found = _NAME.fullmatch(path.name)
    if not found or found["own"] not in {found["one"], found["two"]} or found["one"] == found["two"]:
        return None
    other = found["two"] if found["own"] == found["one"] else found["one"]
    return path.with_name(f"{found['stem']}{found['one']}-{found['two']}.{other}{found['gz'] or ''}")


def is_parallel(path: Path) -> bool:
    """Whether a file is one half of a pair whose other half is in the same folder."""
    other = partner(path)
    return other is not None and other.is_file()


@dataclass(frozen=True, slots=True)
class LanguagePair:
    """The language of a file's lines and of the other file's."""

    source: str
    target: str


def language_pair(path: Path) -> LanguagePair:
    """The languages in the name of a parallel file."""
    other = partner(path)
    assert other is not None, path  # noqa: S101 - is_parallel holds it
    own, others = (half.name.removesuffix(".gz").rpartition(".")[2] for half in (path, other))
    return LanguagePair(own, others)


@dataclass(frozen=True, slots=True)
class ParallelLines:
    """Numbered pairs of lines, and whether one of the files is in an old encoding."""

    rows: Iterator[tuple[int, Row]]
    old: bool


def read_lines(path: Path, bad: BadRows) -> ParallelLines:
    """Pairs of lines: this file's line is the anchor, the other file's line of the same number the positive.

    Raises:
        InputError: a file cannot be read, or the numbers of lines differ.
    """
    other = partner(path)
    assert other is not None, path  # noqa: S101 - is_parallel holds it
    halves = [load_decoded(half, tally=bad.tally) for half in (path, other)]
    one, two = (half.text.removesuffix("\n").split("\n") for half in halves)
    if len(one) != len(two):
        raise InputError(
            f"{path.name} has {len(one):,} lines and {other.name} {len(two):,}: they are not translations line by line."
        )
    return ParallelLines(_paired(one, two, bad), any(half.guessed for half in halves))


def _paired(one: list[str], two: list[str], bad: BadRows) -> Iterator[tuple[int, Row]]:
    for number, (anchor, positive) in enumerate(zip(one, two, strict=True), start=1):
        bad.row()
        yield number, {"anchor": anchor, "positive": positive}


def read_tmx(path: Path, bad: BadRows) -> Iterator[tuple[int, Row]]:
    """Pairs of a translation memory: the source language's segment with those of the other languages.

    Raises:
        InputError: it cannot be read, or is not well-formed.
    """
    try:
        read_head(path, 1)
    except OSError as error:
        raise InputError(f"Cannot read {path.absolute()}: {error.strerror}.") from None
    source, number = "", 0
    for unit in _units(path):
        if isinstance(unit, str):
            source = unit.lower()
            continue
        number += 1
        bad.row()
        first = next((place for place, (language, _) in enumerate(unit) if source and language.startswith(source)), 0)
        texts = [text for _, text in unit]
        if len(texts) < 2 or not all(texts):
            bad.refuse(number, "unit without two segments", " | ".join(texts))
            continue
        yield number, {"anchor": texts.pop(first), "positive": texts}


def _units(path: Path) -> Iterator[str | list[tuple[str, str]]]:
    """The header's source language, then each unit as (language, text)."""
    unit: list[tuple[str, str]] = []
    language, text, hidden, inside = "", "", 0, False
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
        for event in events(cast("IO[bytes]", stream), path.absolute()):
            starts = event.kind == "start"
            if event.kind == "text":
                text += event.name if inside and not hidden else ""
            elif event.name in _MARKUP:
                hidden += 1 if starts else -1
            elif event.name == "header" and starts:
                yield event.attributes.get("srclang", "")
            elif event.name == "tuv" and starts:
                language = event.attributes.get("lang", "").lower()
            elif event.name == "seg":
                inside = starts
                if not starts:
                    unit.append((language, one_line(text)))
                text = ""
            elif event.name == "tu" and not starts:
                yield unit
                unit = []
