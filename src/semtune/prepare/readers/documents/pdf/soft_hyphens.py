"""Soft hyphens that pdfium shows as hyphens: fonts in WinAnsi encoding have one sign for both.

Only the page's own bytes tell them apart: a soft hyphen is byte 0xAD in a string, a hyphen byte 0x2D.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Set

MAX_BYTES = 64 << 20  # of all streams together, unpacked
_STREAM = re.compile(rb"stream\r?\n")
_END = b"endstream"
_HEAD = 400  # bytes before a stream in which its dictionary stands
_NO_PAGE = re.compile(rb"/Image|/FontFile|/Length1|/XRef|/ObjStm|/Metadata")
_SHOWS_TEXT = re.compile(rb"(?s)\bBT\s.*\sTf\b.*\bT[jJ]\b")  # the operators of a page; fonts have none of them
_HYPHENATED = re.compile(r"\w+-\w+")
_KERNED = re.compile(rb"\)\s*-?[\d.]*\s*\(")
_LETTERS = rb"[A-Za-z\xc0-\xff]+"
_SOFT = re.compile(rb"(?=(?<![A-Za-z\xc0-\xff])(" + _LETTERS + rb")(?:\xad|\\255)(" + _LETTERS + rb"))")


def soft_hyphens(data: bytes) -> set[str]:
    """The words of a PDF file that a soft hyphen splits, shown with a hyphen: "dor-mant"."""
    found: set[str] = set()
    left = MAX_BYTES
    for begin in _STREAM.finditer(data):
        end = data.find(_END, begin.end())
        head = data[max(0, begin.start() - _HEAD) : begin.start()].rpartition(b" obj")[2]
        if end < 0 or left <= 0 or _NO_PAGE.search(head):
            continue
        content = _unpacked(data[begin.end() : end], left) if b"FlateDecode" in head else data[begin.end() : end]
        left -= len(content)
        if (b"\xad" in content or b"\\255" in content) and _SHOWS_TEXT.search(content):
            words = _SOFT.findall(_KERNED.sub(b"", content))
            found |= {b"-".join(halves).decode("cp1252", "replace") for halves in words}
    return found


def without_soft_hyphens(text: str, words: Set[str]) -> str:
    """A text with these words whole."""
    if not words:
        return text
    return _HYPHENATED.sub(lambda found: found[0].replace("-", "") if found[0] in words else found[0], text)


def _unpacked(data: bytes, limit: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, limit)
    except zlib.error:
        return b""
