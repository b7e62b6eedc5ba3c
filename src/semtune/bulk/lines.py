"""The lines of a text file, one at a time; a line of any length costs no more memory than the longest one allowed."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from semtune.errors import InputError
from semtune.prepare.readers.files.decode import to_text, unsure
from semtune.prepare.readers.files.unpack import MAX_LINE, read_head

HEAD = 2 * MAX_LINE  # bytes that tell the encoding and the columns
BUFFER = 1 << 20
UTF8 = "utf-8"
MOST = 0.5  # share of the lines


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a text file.

    Attributes:
        text: its first whole lines.
        encoding: of the file.
        warning: about the encoding; empty if it is UTF-8 or told by a mark.
    """

    text: str
    encoding: str
    warning: str = ""

    @property
    def old(self) -> bool:
        """Whether the file is in an old encoding, so that what looks like mojibake is none."""
        return not self.encoding.startswith("utf")


def is_gzip(path: Path) -> bool:
    """Whether a file is compressed, by its name."""
    return path.suffix.lower() == ".gz"


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file's content, unpacked if its name ends in .gz."""
    return cast("IO[bytes]", gzip.open(path, "rb")) if is_gzip(path) else path.open("rb", buffering=BUFFER)


def read_beginning(path: Path, *, table: bool) -> Head:
    """The beginning of a text file, and its encoding.

    A file is UTF-8 unless a mark says otherwise, or the beginning can be only in another encoding. Single lines that
    are not UTF-8 do not make it another one: they are left out later.

    Args:
        path: of the file.
        table: it is one; most of a table's lines in another encoding are taken for it even if it is unsure which.

    Raises:
        InputError: it cannot be read, is empty, or is not text.
    """
    try:
        head = read_head(path, HEAD)
    except OSError as error:
        raise InputError(f"Cannot read {path.absolute()}: {error.strerror}.") from None
    data = head.data
    if head.cut and b"\n" in data:
        data = data[: data.rindex(b"\n") + 1]
    if not data.strip():
        raise InputError(f"{path} is empty. Give a file with at least one text.")
    found = to_text(data)
    if found is None:
        raise InputError(f"{path} is not text. Give one text a line in UTF-8, JSON lines, CSV or Parquet.")
    if found.encoding.startswith("utf-8 "):  # with broken bytes
        return Head(data.decode(UTF8, "surrogateescape"), UTF8)
    if found.guessed and not (found.sure or (table and _share_broken(data) > MOST)):
        return Head(data.decode(UTF8, "surrogateescape"), UTF8)
    said = unsure(path.name, found.encoding) if not found.sure else ""
    if found.guessed and found.sure:
        said = f"{path.name} is not in UTF-8; it was read as {found.encoding}."
    return Head(found.text, found.encoding, said)


def _share_broken(data: bytes) -> float:
    lines = data.splitlines()
    return sum(not _is_utf8(line) for line in lines) / max(1, len(lines))


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode(UTF8)
    except UnicodeDecodeError:
        return False
    return True


def open_lines(path: Path, encoding: str, newline: str | None = None) -> Iterator[str]:
    r"""The lines of a file with their ends; bytes that are not in the encoding become lone surrogates.

    Of a line longer than `MAX_LINE`, only the beginning is given, which is longer than `MAX_LINE` too.

    Args:
        path: of the file.
        encoding: see `read_beginning`.
        newline: as of `open`: None, every kind of line end becomes "\n"; "", they stay.

    Raises:
        InputError: the file ends in the middle of compressed data, or cannot be decoded at all.
    """
    errors = "replace" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    try:
        with io.TextIOWrapper(open_bytes(path), encoding, errors, newline) as source:
            while line := source.readline(MAX_LINE + 2):
                if len(line) > MAX_LINE and not line.endswith(("\n", "\r")):
                    _skip_line(source)
                yield line.replace("\0", "") if "\0" in line else line
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise InputError(f"{path} is a broken gzip file. Compress it again.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in {encoding} ({error.reason}). Convert it to UTF-8.") from None


def _skip_line(source: io.TextIOWrapper) -> None:
    while (rest := source.readline(BUFFER)) and not rest.endswith(("\n", "\r")):
        pass
