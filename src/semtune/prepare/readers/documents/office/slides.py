"""PowerPoint slides (.pptx): a section a slide under its title, with the notes of the speaker."""

from __future__ import annotations

import re
from collections.abc import Iterator

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.outline_types import Outline
from semtune.prepare.readers.documents.outliner import Outliner
from semtune.prepare.readers.files.xml_events import events
from semtune.prepare.readers.files.zip_parts import Parts, open_parts
from semtune.text import one_line

_TITLES = frozenset({"title", "ctrTitle"})
_FURNITURE = frozenset({"sldNum", "dt", "ftr", "hdr", "sldImg"})


def read_pptx(data: bytes, name: str, tally: Tally | None = None) -> Outline:  # noqa: ARG001 - as every reader of bytes
    """The slides in their order.

    Raises:
        InputError: it is no .pptx file.
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
    shown = [event.attributes for event in events(parts.read(main), name) if event.kind == "start" and event.name == "sldId"]
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
        each["Id"]: (each.get("Type", ""), each["Target"] if each["Target"].startswith("/") else f"{folder}/{each['Target']}")
        for each in found
        if "Id" in each and "Target" in each and each.get("TargetMode") != "External"
    }


def _lines(data: bytes, name: str) -> Iterator[tuple[bool, str]]:
    """(whether it is the title, text) of each paragraph and each row of a table."""
    text: list[str] = []
    cells: list[str] = []
    role, inside, in_text = "", 0, False
    for event in events(data, name):
        if event.kind == "text":
            text.append(event.name if in_text else "")
        elif event.kind == "start":
            in_text = event.name == "t"
            inside += event.name == "tbl"
            if event.name == "sp":
                role = ""
            elif event.name == "ph":
                role = event.attributes.get("type", "body")
            elif event.name in {"br", "tab"}:
                text.append(" ")
        else:
            in_text = False
            inside -= event.name == "tbl"
            line = one_line("".join(text))
            if event.name == "p" and inside:
                text.append(" ")
            elif event.name == "tc":
                cells.append(line)
                text = []
            elif event.name == "tr":
                yield False, " | ".join(filter(None, cells))
                cells = []
            elif event.name == "p":
                text = []
                if line and role not in _FURNITURE:
                    yield role in _TITLES, line
