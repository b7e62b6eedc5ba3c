"""Bytes to text: by byte-order mark, then UTF-8, then the charset that the page declares, then Windows-1252."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.files.unpack import MAX_FILE, MAX_TEXT_LINE, in_mib, read_head

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with the same bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
HEAD = 4096
BROKEN = "utf-8 with broken bytes"
UNREADABLE = "\ufffd"


def decode(data: bytes) -> tuple[str, str] | None:
    """Return text and encoding, or None if the bytes are not text.

    If most of the characters beyond ASCII are valid UTF-8, the rest is taken as broken UTF-8 and becomes U+FFFD.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _try(data, encoding)
    if b"\x00" in data[:HEAD]:
        return None
    declared = _CHARSET.search(data[:HEAD])
    names = ["utf-8", *([declared.group(1).decode("ascii")] if declared else []), BROKEN, "cp1252"]
    for name in names:
        found = _try(data, name)
        if found and len(_CONTROL.findall(found[0][:HEAD])) <= 0.02 * min(len(found[0]), HEAD):
            return found
    return None


def read_bytes(path: Path, shown: str, tally: Tally) -> bytes | None:
    """Read a whole file. One that is unreadable, empty or too large is counted and gives None."""
    try:
        head = read_head(path, MAX_FILE)
    except OSError as error:
        tally.drop("unreadable file", f"{shown} ({error.strerror})")
        return None
    if head.cut:
        tally.drop(f"file larger than {in_mib(MAX_FILE)}", shown)
        return None
    if not head.data.strip():
        tally.drop("empty file", shown)
        return None
    return head.data


def read_text(path: Path, shown: str, tally: Tally) -> str | None:
    """Read a file as text. One that is unreadable, binary, empty or too large is counted and gives None."""
    data = read_bytes(path, shown, tally)
    if data is None:
        return None
    found = decode(data)
    if found is None:
        tally.drop("binary file", shown)
        return None
    text, encoding = found
    if not text.strip():
        tally.drop("empty file", shown)
        return None
    if max(map(len, text.splitlines())) > MAX_TEXT_LINE:
        tally.drop(f"file with a line longer than {MAX_TEXT_LINE:,} characters", shown)
        return None
    if encoding == BROKEN:
        tally.count(f"files in {encoding}, shown as {UNREADABLE}")
    elif not encoding.startswith("utf"):
        tally.count(f"files not in UTF-8, read as {encoding}")
    return text


def _try(data: bytes, encoding: str) -> tuple[str, str] | None:
    if encoding == BROKEN:
        return _mended(data)
    try:
        return data.decode(encoding), encoding.lower()
    except (UnicodeDecodeError, LookupError):
        return None


def _mended(data: bytes) -> tuple[str, str] | None:
    text = data.decode("utf-8", errors="replace")
    broken = text.count(UNREADABLE)
    good = len(_NOT_ASCII.findall(text)) - broken
    return (text, BROKEN) if good > broken else None
