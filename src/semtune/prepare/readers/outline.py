"""One file to its outline: the reader for its kind, and what is counted where it cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from semtune.errors import InputError
from semtune.prepare.mojibake import mend_outline, mend_page
from semtune.prepare.readers.decode import read_bytes, read_text
from semtune.prepare.readers.docx import read_docx
from semtune.prepare.readers.html import read_html
from semtune.prepare.readers.markdown import read_markdown
from semtune.prepare.readers.pdf import read_pdf
from semtune.prepare.readers.plain import Outline, read_plain
from semtune.prepare.readers.rst import read_rst
from semtune.prepare.readers.unpack import suffix_of
from semtune.prepare.tally import Tally

TEXTS: dict[str, Callable[[str], Outline]] = {
    ".txt": read_plain,
    ".text": read_plain,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".html": read_html,
    ".htm": read_html,
    ".xhtml": read_html,
    ".rst": read_rst,
    ".rest": read_rst,
}
BINARIES: dict[str, Callable[[bytes, str, Tally], Outline]] = {
    ".pdf": read_pdf,
    ".docx": lambda data, name, _: read_docx(data, name),
}
READERS = (*TEXTS, *BINARIES)  # each also packed, as .gz


def read_outline(path: Path, name: str, tally: Tally) -> Outline:
    """What one file holds, empty texts left out; nothing, counted, if it cannot be read or has no text."""
    outline = [(headings, body) for headings, body in _outline(path, name, tally) if body.strip()]
    outline = mend_outline(outline, tally)
    tally.count("files", bool(outline))
    return outline


def _outline(path: Path, name: str, tally: Tally) -> Outline:
    suffix = suffix_of(path)
    outline: Outline = []
    try:
        if suffix in BINARIES:
            data = read_bytes(path, name, tally)
            if data is None:
                return []
            outline = BINARIES[suffix](data, name, tally)
        else:
            text = read_text(path, name, tally)
            if text is None:
                return []
            outline = TEXTS[suffix](mend_page(text, tally) if TEXTS[suffix] is read_html else text)
    except InputError as error:
        tally.drop(f"{suffix} file that cannot be read", error)
        return []
    if not any(body.strip() for _, body in outline):
        tally.drop("file without text", name)
    return outline
