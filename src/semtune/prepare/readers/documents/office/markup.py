"""Texts with light mark-up: AsciiDoc, Org, MDX, RTF and XML."""

from __future__ import annotations

import re

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.markdown import read_markdown
from semtune.prepare.readers.documents.outline_types import Outline
from semtune.prepare.readers.documents.outliner import Outliner
from semtune.prepare.readers.documents.plain_text import read_plain
from semtune.prepare.readers.files.decode import to_text
from semtune.prepare.readers.files.xml_events import events
from semtune.registry import need
from semtune.text import one_line

_ADOC_HEADING = re.compile(r"^(={1,6})\s+(\S.*?)(?:\s+=+)?$")
_ADOC_SILENT = re.compile(r"^(?:\[[^\]]*\]|:[\w!-]+:.*|//(?!//).*|\.\w[^.]*|\|={3,}|\+|'{3,})$")
_ADOC_FENCE = re.compile(r"^(-{4,}|\.{4,}|`{3,}|/{4,})\w*$")
_ADOC_LINK = re.compile(r"(?:link:|xref:|(?=https?://))(\S+?)\[([^\]]*)\]")
_ORG_HEADING = re.compile(r"^(\*+)\s+(?:(?:TODO|DONE)\s+)?(.*?)(?:\s+:[\w@:]+:)?$")
_ORG_SILENT = re.compile(r"^\s*(?:#\+(?!TITLE)\w.*|:[\w-]+:.*|# .*|#)$", re.IGNORECASE)
_ORG_TITLE = re.compile(r"^#\+TITLE:\s*(.+)$", re.IGNORECASE)
_ORG_LINK = re.compile(r"\[\[([^\]]+)\](?:\[([^\]]+)\])?\]")
_MDX_SILENT = re.compile(r"^(?:import\s+[^\n]*?['\"][^'\"\n]+['\"];?|export\s+[^\n]*)$|^\{/\*.*?\*/\}$", re.MULTILINE)
_MDX_TAG = re.compile(r"</?[A-Z][\w.]*(?:\s[^<>]*)?/?>|<>|</>")
_CODE = re.compile(r"^(```.*?^```|~~~.*?^~~~)[ \t]*$", re.MULTILINE | re.DOTALL)


def read_adoc(text: str) -> Outline:
    """Sections of an AsciiDoc text."""
    out, fence = Outliner(), ""
    for line in text.splitlines():
        mark = _ADOC_FENCE.match(line.rstrip())
        if mark and fence in {"", mark.group(1)}:
            fence = "" if fence else mark.group(1)
        elif fence:
            out.line("" if fence.startswith("/") else f"    {line}")
        elif heading := _ADOC_HEADING.match(line):
            out.heading(len(heading.group(1)), one_line(heading.group(2)))
        elif not _ADOC_SILENT.match(line):
            out.line(_ADOC_LINK.sub(lambda found: found.group(2) or found.group(1), line))
    return out.close()


def read_org(text: str) -> Outline:
    """Sections of an Org text."""
    titles = [found.group(1) for line in text.splitlines() if (found := _ORG_TITLE.match(line))]
    out = Outliner(titles[0].strip() if titles else "")
    for line in text.splitlines():
        if heading := _ORG_HEADING.match(line):
            out.heading(len(heading.group(1)), one_line(heading.group(2)))
        elif not _ORG_SILENT.match(line) and not _ORG_TITLE.match(line):
            out.line(_ORG_LINK.sub(lambda found: found.group(2) or found.group(1), line))
    return out.close()


def read_mdx(text: str) -> Outline:
    """Sections of an MDX text: Markdown without imports, exports and components."""
    parts = _CODE.split(text)
    plain = [_MDX_TAG.sub("", _MDX_SILENT.sub("", part)) if n % 2 == 0 else part for n, part in enumerate(parts)]
    return read_markdown("".join(plain))


def read_xml(data: bytes, name: str, tally: Tally | None = None) -> Outline:  # noqa: ARG001 - as every reader of bytes
    """The text of an XML file: a paragraph an element that holds text.

    Raises:
        InputError: it is not well-formed.
    """
    lines: list[str] = []
    for event in events(data, name):
        if event.kind == "text":
            lines.append(event.name)
        else:
            lines.append("\n")
    kept = [one_line(line) for line in "".join(lines).split("\n")]
    return read_plain("\n\n".join(filter(None, kept)))


def read_rtf(data: bytes, name: str, tally: Tally | None = None) -> Outline:  # noqa: ARG001 - as every reader of bytes
    """The text of an RTF file."""
    need("striprtf")
    from striprtf.striprtf import rtf_to_text

    found = to_text(data)
    return read_plain(rtf_to_text(data.decode("latin-1"), errors="replace")) if found else []
