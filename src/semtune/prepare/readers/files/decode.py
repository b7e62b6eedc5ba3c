"""Bytes to text: by byte-order mark, then UTF-8, then the charset that the page declares, then as detected."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.files.encodings import guess, python_name, wide_encoding
from semtune.prepare.readers.files.unpack import MAX_FILE, MAX_TEXT_LINE, in_mib, read_head

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with the same bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHARSET = re.compile(
    rb"<meta\b[^>]{0,400}?charset\s*=\s*[\"']?\s*([\w:.-]+)|<\?xml\b[^>]{0,200}?encoding\s*=\s*[\"']([\w:.-]+)",
    re.IGNORECASE,
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # not ESC, which colours logs
_JAPANESE = (b"\x1b$B", b"\x1b$@")  # how ISO-2022-JP, which is ASCII to UTF-8, begins Japanese
HEAD = 4096
FEW_NULS = 0.01  # share of the bytes; with more it is not text
NULS = "NUL bytes left out of texts"
BROKEN = "utf-8 with broken bytes"
UNREADABLE = "\ufffd"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text.

    Attributes:
        text: without NUL bytes.
        encoding: that it was read as.
        sure: whether the encoding is known or as good as certain.
        nuls: how many NUL bytes were left out.
    """

    text: str
    encoding: str
    sure: bool = True
    nuls: int = 0

    @property
    def guessed(self) -> bool:
        """Whether the text is in an old encoding, so that what looks like mojibake cannot be UTF-8 decoded wrongly."""
        return not self.encoding.startswith("utf")


def decode(data: bytes) -> tuple[str, str] | None:
    """Return text and encoding, or None if the bytes are not text."""
    found = to_text(data)
    return (found.text, found.encoding) if found else None


def to_text(data: bytes, encoding: str = "") -> Decoded | None:
    """Decode the bytes of a file; None if they are not text.

    If most of the characters beyond ASCII are valid UTF-8, the rest is taken as broken UTF-8 and becomes U+FFFD.

    Args:
        data: the bytes.
        encoding: that the rest of the folder speaks for; empty: it is detected.
    """
    for mark, name in _BOMS:
        if data.startswith(mark):
            found = _try(data, name)
            return Decoded(*found) if found else None
    nuls = data.count(b"\x00")
    if nuls > FEW_NULS * len(data) and nuls > 1:
        return _wide(data)
    found = _narrow(data.replace(b"\x00", b"") if nuls else data, encoding)
    if found is None or len(_CONTROL.findall(found.text[:HEAD])) > 0.02 * min(len(found.text), HEAD):
        return None
    return Decoded(found.text, found.encoding, found.sure, nuls)


def needs_guess(data: bytes) -> bool:
    """Whether bytes have no mark, are not UTF-8 and do not declare their encoding."""
    return (
        not any(data.startswith(mark) for mark, _ in _BOMS)
        and not data.count(b"\x00") > FEW_NULS * len(data)
        and not is_known(data)
    )


def is_known(data: bytes) -> bool:
    """Whether bytes are UTF-8, perhaps broken, or in the encoding that they declare."""
    return _known(data) is not None


def _known(data: bytes) -> tuple[str, str] | None:
    names = ("iso2022_jp_2", "utf-8") if any(mark in data for mark in _JAPANESE) else ("utf-8",)
    found = next(filter(None, (_try(data, name) for name in names)), None)
    if found is None and (declared := _CHARSET.search(data[:HEAD])):
        label = python_name((declared.group(1) or declared.group(2)).decode("ascii"))
        found = _try(data, label) if label and not label.startswith("utf") else None
    return found or _mended(data)


def _narrow(data: bytes, encoding: str) -> Decoded | None:
    """Text in an encoding that needs no NUL bytes."""
    if (known := _known(data)) is not None:
        return Decoded(*known)
    if encoding and (found := _try(data, encoding)):
        return Decoded(*found)
    guessed = guess(data)
    found = _try(data, guessed.encoding) if guessed.encoding else None
    return Decoded(*found, sure=guessed.sure) if found else None


def _wide(data: bytes) -> Decoded | None:
    """UTF-16 or UTF-32 without a byte-order mark."""
    found = _try(data, wide_encoding(data) or "none")
    good = found is not None and not _CONTROL.search(found[0]) and any(map(str.isalnum, found[0]))
    return Decoded(*found) if good and found else None


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


def read_text(path: Path, shown: str, tally: Tally, encoding: str = "") -> Decoded | None:
    """Read a file as text. One that is unreadable, binary, empty or too large is counted and gives None."""
    data = read_bytes(path, shown, tally)
    if data is None:
        return None
    found = to_text(data, encoding)
    if found is None:
        tally.drop("binary file", shown)
        return None
    if not found.text.strip():
        tally.drop("empty file", shown)
        return None
    if max(map(len, found.text.splitlines())) > MAX_TEXT_LINE:
        tally.drop(f"file with a line longer than {MAX_TEXT_LINE:,} characters", shown)
        return None
    count_encoding(found, shown, tally)
    return found


def count_encoding(found: Decoded, shown: str, tally: Tally) -> None:
    """Count a file whose text is not plain UTF-8; one whose encoding is unsure is warned about."""
    tally.count(NULS, found.nuls)
    if found.encoding == BROKEN:
        tally.count(f"files in {BROKEN}, shown as {UNREADABLE}")
    elif found.guessed:
        tally.count(f"files not in UTF-8, read as {found.encoding}")
    if not found.sure:
        tally.warn(unsure(shown, found.encoding))


def unsure(shown: str, encoding: str) -> str:
    """The warning about a file whose encoding cannot be told."""
    return f"{shown}: its encoding is unsure; it was read as {encoding}. If letters are wrong, convert it to UTF-8."


def _try(data: bytes, encoding: str) -> tuple[str, str] | None:
    try:
        return data.decode(encoding), encoding.lower()
    except (UnicodeDecodeError, LookupError):
        return None


def _mended(data: bytes) -> tuple[str, str] | None:
    text = data.decode("utf-8", errors="replace")
    broken = text.count(UNREADABLE)
    good = len(_NOT_ASCII.findall(text)) - broken
    # One character may be UTF-8 by chance, two hardly are.
    return (text, BROKEN) if good > broken or 1 < good == broken else None
