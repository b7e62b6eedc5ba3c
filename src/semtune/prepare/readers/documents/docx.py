"""Word documents (.docx): headings become sections, tables are read row by row; macros and deleted text are ignored."""

from __future__ import annotations

import re
from posixpath import dirname

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.inline import note_in_line, plain_hyphens
from semtune.prepare.readers.documents.outline_types import Outline
from semtune.prepare.readers.documents.outliner import Outliner
from semtune.prepare.readers.files.xml_events import Event, events
from semtune.prepare.readers.files.zip_parts import open_parts
from semtune.text import one_line

_HEADING = re.compile(r"heading (\d)$")
MAIN = "word/document.xml"
_SIGNS = {"noBreakHyphen": "-", "softHyphen": "", "tab": " ", "br": " ", "cr": " "}
_HIDDEN = frozenset({"Fallback", "delText", "instrText"})  # a copy for old programs, deleted text, field codes


def read_docx(data: bytes, name: str, tally: Tally | None = None) -> Outline:  # noqa: ARG001 - as every reader of bytes
    """Sections of a document: (headings from the title down, text).

    Raises:
        InputError: it is not a .docx file.
    """
    with open_parts(data, name, "a Word document") as parts:
        main = _main_part(parts.read("_rels/.rels"), name)
        folder = dirname(main)
        body, styles = parts.read(main), parts.read(f"{folder}/styles.xml")
        notes = {kind: _notes(parts.read(f"{folder}/{kind}s.xml"), name) for kind in ("footnote", "endnote")}
    if not body:
        raise InputError(f"{name} cannot be opened as a Word document: it has no text part.")
    return _DocxSections(_levels(styles, name), notes).sections(events(body, name))


def _main_part(relationships: bytes, name: str) -> str:
    """The part with the text; programs other than Word give it other names."""
    for event in events(relationships, name) if relationships else ():
        if event.kind == "start" and event.attributes.get("Type", "").endswith("/officeDocument"):
            return event.attributes.get("Target", "").lstrip("/") or MAIN
    return MAIN


def _notes(part: bytes, name: str) -> dict[str, str]:
    """Id → footnote or endnote as it stands in the line."""
    found: dict[str, str] = {}
    id_, reads, hidden = "", False, 0
    for event in events(part, name) if part else ():
        if event.kind == "text":
            found[id_] = found.get(id_, "") + (plain_hyphens(event.name) if reads and not hidden else "")
        elif event.name in _HIDDEN:
            hidden += 1 if event.kind == "start" else -1
        elif event.name in {"footnote", "endnote"}:
            id_ = event.attributes.get("id", "") if event.kind == "start" else ""
        elif event.name == "t":
            reads = event.kind == "start"
        else:
            found[id_] = found.get(id_, "") + (_SIGNS.get(event.name, "") if event.kind == "start" else _ends(event))
    return {key: note_in_line(text) for key, text in found.items() if key}


def _ends(event: Event) -> str:
    return " " if event.name == "p" else ""


def _levels(styles: bytes, name: str) -> dict[str, int]:
    """Style id → heading level; the names are English in every language of Word, the ids are not."""
    levels: dict[str, int] = {}
    style = ""
    for event in events(styles, name) if styles else ():
        if event.kind == "start" and event.name == "style":
            style = event.attributes.get("styleId", "")
        elif event.kind == "start" and event.name == "name" and style:
            label = event.attributes.get("val", "").lower()
            if found := _HEADING.match(label):
                levels[style] = int(found.group(1))
            elif label == "title":
                levels[style] = 0
    return levels


class _DocxSections:
    """Turns paragraphs and tables into lines under headings."""

    def __init__(self, levels: dict[str, int], notes: dict[str, dict[str, str]]) -> None:
        self._notes = notes
        self._out = Outliner()
        self._levels = levels
        self._text: list[str] = []
        self._cells: list[str] = []
        self._style = ""
        self._listed = False
        self._tables = 0
        self._hidden = 0
        self._in_text = False

    def sections(self, stream: object) -> Outline:
        for event in stream:  # type: ignore[attr-defined]
            if event.kind == "text":
                if self._in_text and not self._hidden:
                    self._text.append(plain_hyphens(event.name))
            elif event.name in _HIDDEN:
                self._hidden += 1 if event.kind == "start" else -1
            elif self._hidden:
                continue
            elif event.kind == "start":
                self._enter(event)
            else:
                self._leave(event.name)
        return self._out.close()

    def _enter(self, event: Event) -> None:
        if event.name == "t":
            self._in_text = True
        elif event.name == "pStyle":
            self._style = event.attributes.get("val", "")
        elif event.name == "numPr":
            self._listed = True
        elif event.name in {"tab", "br", "cr"} and (self._text or event.name != "tab"):
            self._text.append("\n" if event.name != "tab" else " ")
        elif event.name == "noBreakHyphen":
            self._text.append("-")
        elif event.name in {"footnoteReference", "endnoteReference"}:
            notes = self._notes[event.name.removesuffix("Reference")]
            self._text.append(notes.get(event.attributes.get("id", ""), ""))
        elif event.name == "tbl":
            self._tables += 1

    def _leave(self, name: str) -> None:
        if name == "t":
            self._in_text = False
        elif name == "p":
            self._paragraph()
        elif name == "tc" and self._tables == 1:
            self._cells.append(one_line("".join(self._text)))
            self._text = []
        elif name == "tr" and self._tables == 1:
            self._out.line(" | ".join(filter(None, self._cells)))
            self._cells = []
        elif name == "tbl":
            self._tables -= 1
            if not self._tables:
                self._out.line("")

    def _paragraph(self) -> None:
        style, listed, self._style, self._listed = self._style, self._listed, "", False
        if self._tables:
            self._text.append(" ")  # the end of the cell ends the line
            return
        text, self._text = "".join(self._text).strip(), []
        if style in self._levels and text:
            self._out.heading(self._levels[style], one_line(text))
        elif text:
            self._out.line(f"- {one_line(text)}" if listed else text)
            if not listed:
                self._out.line("")
