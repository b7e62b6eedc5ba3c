"""PowerPoint slides (.pptx): a section a slide under its title, with the notes of the speaker."""

from __future__ import annotations

import re

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.outline_types import Outline
from semtune.prepare.readers.documents.outliner import Outliner
from semtune.prepare.readers.files.xml_events import Event, events
from semtune.prepare.readers.files.zip_parts import Parts, open_parts
from semtune.text import one_line

_TITLES = frozenset({"title", "ctrTitle"})
_FURNITURE = frozenset({"sldNum", "dt", "ftr", "hdr", "sldImg"})


def read_pptx(data: bytes, name: str, tally: Tally | None = None) -> Outline:  # noqa: ARG001 - as every reader of bytes
    """The slides in their order.

    Raises:
        InputError: it is not a .pptx file.
    """
    out = Outliner()
    with open_parts(data, name, "PowerPoint slides") as parts:
        for slide in _slides(parts, name):
            out.heading(1, "")
            for title, line in _lines(parts.read(slide), name):
                if title:
                    out.heading(1, line)
                else:
                    out.line(line)
            for notes in _related(parts, slide, "notesSlide", name):
                out.line("")
                for _, line in _lines(parts.read(notes), name):
                    out.line(line)
    return out.close()


def _slides(parts: Parts, name: str) -> list[str]:
    """The parts that hold the slides, in the order of the presentation."""
    main = "ppt/presentation.xml"
    targets = _targets(parts, main, name)
    shown = [
        event.attributes for event in events(parts.read(main), name) if event.kind == "start" and event.name == "sldId"
    ]
    ordered = [targets[key][1] for each in shown for key in each.values() if key in targets]
    return ordered or sorted(part for part in parts.names if re.fullmatch(r"ppt/slides/slide\d+\.xml", part))


def _related(parts: Parts, part: str, kind: str, name: str) -> list[str]:
    return [target for sort, target in _targets(parts, part, name).values() if sort.endswith(kind)]


def _targets(parts: Parts, part: str, name: str) -> dict[str, tuple[str, str]]:
    """Id → (kind, part) of what a part refers to."""
    folder, _, file = part.rpartition("/")
    data = parts.read(f"{folder}/_rels/{file}.rels")
    found = [event.attributes for event in (events(data, name) if data else ()) if event.kind == "start"]
    return {
        each["Id"]: (
            each.get("Type", ""),
            each["Target"] if each["Target"].startswith("/") else f"{folder}/{each['Target']}",
        )
        for each in found
        if "Id" in each and "Target" in each and each.get("TargetMode") != "External"
    }


def _lines(data: bytes, name: str) -> list[tuple[bool, str]]:
    """(whether it is the title, text) of each paragraph and each row of a table."""
    slide = _Slide()
    for event in events(data, name):
        if event.kind == "text":
            slide.text(event.name)
        elif event.kind == "start":
            slide.enter(event)
        else:
            slide.leave(event.name)
    return slide.lines


class _Slide:
    """Collects the paragraphs and the rows of a slide."""

    def __init__(self) -> None:
        self.lines: list[tuple[bool, str]] = []
        self._text: list[str] = []
        self._cells: list[str] = []
        self._role, self._tables, self._in_text = "", 0, False

    def text(self, text: str) -> None:
        if self._in_text:
            self._text.append(text)

    def enter(self, event: Event) -> None:
        self._in_text = event.name == "t"
        self._tables += event.name == "tbl"
        if event.name == "sp":
            self._role = ""
        elif event.name == "ph":
            self._role = event.attributes.get("type", "body")
        elif event.name in {"br", "tab"}:
            self._text.append(" ")

    def leave(self, name: str) -> None:
        self._in_text = False
        self._tables -= name == "tbl"
        if name == "p" and self._tables:
            self._text.append(" ")
        elif name == "tr":
            self.lines.append((False, " | ".join(filter(None, self._cells))))
            self._cells = []
        elif name in {"p", "tc"}:
            self._end(name == "tc")

    def _end(self, cell: bool) -> None:
        line, self._text = one_line("".join(self._text)), []
        if cell:
            self._cells.append(line)
        elif line and self._role not in _FURNITURE:
            self.lines.append((self._role in _TITLES, line))
