"""Books (.epub): the chapters in the order of the spine, each read as the HTML page that it is."""

from __future__ import annotations

from posixpath import dirname, join
from urllib.parse import unquote

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.html import read_html
from semtune.prepare.readers.documents.outline_types import Outline
from semtune.prepare.readers.files.decode import decode
from semtune.prepare.readers.files.xml_events import events
from semtune.prepare.readers.files.zip_parts import open_parts


def read_epub(data: bytes, name: str, tally: Tally | None = None) -> Outline:
    """The chapters of a book.

    Raises:
        InputError: it is not an .epub file.
    """
    outline: Outline = []
    with open_parts(data, name, "an EPUB book") as parts:
        container = events(parts.read("META-INF/container.xml"), name)
        package = next((e.attributes.get("full-path", "") for e in container if e.name == "rootfile"), "")
        files: dict[str, str] = {}
        spine: list[str] = []
        for event in events(parts.read(package), name):
            if event.kind == "start" and event.name == "item" and event.attributes.get("properties") != "nav":
                files[event.attributes.get("id", "")] = event.attributes.get("href", "")
            elif event.kind == "start" and event.name == "itemref":
                spine.append(event.attributes.get("idref", ""))
        for chapter in (files[idref] for idref in spine if idref in files):
            found = decode(parts.read(join(dirname(package), unquote(chapter))))
            if found:
                outline += read_html(found[0], tally)
            elif tally is not None:
                tally.drop("chapter of a book that cannot be read", f"{name}, {chapter}")
    return outline
