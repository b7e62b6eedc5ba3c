"""A file's bytes, unpacked if its name ends in .gz, with limits that keep them in memory."""

from __future__ import annotations

import errno
import gzip
import zlib
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path

MAX_FILE = 64 << 20  # bytes of one text in a folder; more is a log or a dump, not a document
MAX_TABLE = 2 << 30  # bytes of one table
MAX_LINE = 4 << 20  # characters of one line of a table
MAX_TEXT_LINE = 1 << 20  # characters of one line of a text


_PLAIN = "README LICENSE LICENCE COPYING CHANGELOG CHANGES NEWS HISTORY TODO AUTHORS INSTALL NOTICE CONTRIBUTING FAQ"
PLAIN_NAMES = frozenset(_PLAIN.split())  # texts by custom, without a suffix


@dataclass(frozen=True, slots=True)
class Head:
    """The first bytes of a file; `cut` tells whether there were more."""

    data: bytes
    cut: bool


def suffix_of(path: Path) -> str:
    """The suffix of a file's content: that of `a.md.gz` is `.md`, that of `README` `.txt`."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return Path(path.stem).suffix.lower()
    return ".txt" if path.name.upper() in PLAIN_NAMES else suffix


def stem_of(path: Path) -> str:
    """A file's name without the suffix of its content: that of `a.b.md.gz` is `a.b`."""
    return path.name.removesuffix(".gz").removesuffix(".GZ").rpartition(".")[0] or path.name


def read_head(path: Path, limit: int) -> Head:
    """At most the first `limit` bytes of a file's content.

    Raises:
        OSError: it cannot be read, or its name ends in .gz and it is not a gzip file; `strerror` says why.
    """
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as source:
            data = source.read(limit)
            return Head(data, bool(source.read(1)))
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise OSError(errno.EIO, "broken gzip file") from None


def read_ends(path: Path, size: int) -> Head:
    """The whole lines of the first and of the last `size` bytes of a file; all of one that is not larger than both.

    Of a file whose name ends in .gz only the first, since the last cost as much to unpack as all of it.

    Raises:
        OSError: as `read_head`.
    """
    if path.suffix.lower() == ".gz":
        return read_head(path, size)
    with path.open("rb") as source:
        first = source.read(size)
        end = source.seek(0, SEEK_END)
        source.seek(max(len(first), end - size))
        last = source.read(size)
    if end <= len(first) + len(last):
        return Head(first + last, False)
    return Head((first[: first.rfind(b"\n") + 1] or first) + last[last.find(b"\n") + 1 :], True)


def in_mib(size: int) -> str:
    """A number of bytes in MiB, for messages."""
    return f"{size / (1 << 20):,.0f} MiB"
