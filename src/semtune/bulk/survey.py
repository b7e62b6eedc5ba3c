"""One pass over the input before the work: its hash, how many rows it has about, and whether it is whole."""

from __future__ import annotations

import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from semtune.bulk.lines import is_gzip
from semtune.errors import InputError
from semtune.progress import Progress

BLOCK = 1 << 20
GZIP = 31  # zlib's name for gzip with any window


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of the input.

    Attributes:
        sha256: of the file's bytes.
        size: in bytes.
        changed: when, in nanoseconds; with the size it tells whether the file changed since.
        lines: of the unpacked content.
    """

    sha256: str
    size: int
    changed: int
    lines: int

    def check_unchanged(self, path: Path) -> None:
        """Refuse a file that changed while it was read.

        Raises:
            InputError: it did; its vectors may be of the old and the new content.
        """
        found = path.stat()
        if (found.st_size, found.st_mtime_ns) != (self.size, self.changed):
            raise InputError(f"{path} changed while it was read. Run the same command again when it is complete.")


def survey(path: Path, progress: Progress) -> Survey:
    """Read a file once.

    Raises:
        InputError: it cannot be read, or its compressed data are broken.
    """
    digest, counter = hashlib.sha256(), _Unpacked() if is_gzip(path) else _Plain()
    try:
        with path.open("rb") as source, progress.track("read", path.stat().st_size) as advance:
            found = os.fstat(source.fileno())
            while block := source.read(BLOCK):
                digest.update(block)
                counter.add(block)
                advance(len(block))
        lines = counter.close()
    except OSError as error:
        raise InputError(f"Cannot read {path.absolute()}: {error.strerror}.") from None
    except (zlib.error, EOFError):
        raise InputError(f"{path} is a broken gzip file. Compress it again.") from None
    return Survey(digest.hexdigest(), found.st_size, found.st_mtime_ns, lines)


class _Plain:
    """Counts lines."""

    def __init__(self) -> None:
        self._lines = 0
        self._last = b""

    def add(self, block: bytes) -> None:
        self._lines += block.count(b"\n")
        self._last = block[-1:] or self._last

    def close(self) -> int:
        return self._lines + (self._last not in (b"", b"\n"))


class _Unpacked:
    """Counts the lines of compressed data, a block at a time, whatever they unpack to."""

    def __init__(self) -> None:
        self._inner = _Plain()
        self._member = zlib.decompressobj(GZIP)

    def add(self, block: bytes) -> None:
        while block:
            if self._member.eof:  # another file follows in the same one
                block = block.lstrip(b"\0")
                if not block:
                    return
                self._member = zlib.decompressobj(GZIP)
            self._inner.add(self._member.decompress(block, BLOCK))
            block = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def close(self) -> int:
        while not self._member.eof and (rest := self._member.decompress(b"", BLOCK)):
            self._inner.add(rest)
        if not self._member.eof:
            raise EOFError
        return self._inner.close()
