"""OpenDocument texts (.odt): headings become sections, tables are read row by row, notes stand where they belong.

Tracked deletions are ignored.
"""

from __future__ import annotations

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.inline import note_in_line, plain_hyphens
from semtune.prepare.readers.documents.outline_types import Outline
from semtune.prepare.readers.documents.outliner import Outliner
from semtune.prepare.readers.files.xml_events import Event, events
from semtune.prepare.readers.files.zip_parts import open_parts
from semtune.text import one_line

_HIDDEN = frozenset({"tracked-changes", "annotation", "automatic-styles", "forms", "sequence-decls", "note-citation"})
_SPACES = {"s": " ", "tab": " ", "line-break": "\n"}


def read_odt(data: bytes, name: str, tally: Tally | None = None) -> Outline:  # noqa: ARG001 - as every reader of bytes
    """Sections of a document.

    Raises:
        InputError: it is not an .odt file.
    """
    with open_parts(data, name, "an OpenDocument text") as parts:
        content = parts.read("content.xml")
    return _OdtSections().sections(content, name)


class _OdtSections:
    def __init__(self) -> None:
        self._out = Outliner()
        self._text: list[str] = []
        self._cells: list[str] = []
        self._around: list[list[str]] = []  # the lines that the open notes stand in
        self._tables = self._lists = self._hidden = self._depth = 0
        self._level = 1

    def sections(self, content: bytes, name: str) -> Outline:
        for event in events(content, name):
            if event.name in _HIDDEN and event.kind != "text":
                self._hidden += 1 if event.kind == "start" else -1
            elif self._hidden:
                continue
            elif event.kind == "text":
                self._text.append(plain_hyphens(event.name) if self._depth else "")
            elif event.kind == "start":
                self._enter(event)
            else:
                self._leave(event.name)
        return self._out.close()

    def _enter(self, event: Event) -> None:
        self._depth += event.name in {"p", "h"}
        self._tables += event.name == "table"
        self._lists += event.name == "list"
        if event.name == "note":
            self._around.append(self._text)
            self._text = []
        if event.name == "h" and not self._around:
            self._level = int(event.attributes.get("outline-level", "1") or 1)
        self._text.append(_SPACES.get(event.name, ""))

    def _leave(self, name: str) -> None:
        self._depth -= name in {"p", "h"}
        self._tables -= name == "table"
        self._lists -= name == "list"
        if name == "note":
            note, self._text = note_in_line("".join(self._text)), self._around.pop()
            self._text.append(note)
        elif self._around:  # a note is one line, whatever it holds
            self._text.append(" " if name in {"p", "h"} else "")
        elif name == "table-cell":
            self._cells.append(one_line("".join(self._text)))
            self._text = []
        elif name == "table-row":
            self._out.line(" | ".join(filter(None, self._cells)))
            self._cells = []
        elif name in {"p", "h"} and self._tables:
            self._text.append(" ")
        elif name in {"p", "h"}:
            self._paragraph(name == "h")

    def _paragraph(self, heading: bool) -> None:
        text, self._text = "".join(self._text).strip(), []
        if heading and text:
            self._out.heading(self._level, one_line(text))
        elif text:
            self._out.line(f"- {one_line(text)}" if self._lists else text)
            if not self._lists:
                self._out.line("")
