"""Archives of texts (.zip, .tar, .tar.gz, .tgz): their members are written to a temporary folder one by one.

Nothing in an archive is trusted. A member is written under its own name inside the temporary folder and nowhere else;
links are never created; sizes are those of the bytes that come out, not those that the archive states.
"""

from __future__ import annotations

import gzip
import re
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.outline import readable_suffixes
from semtune.prepare.readers.files.unpack import MAX_FILE, in_mib, suffix_of

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
MAX_MEMBERS = 1_000_000
MAX_TOTAL = 16 << 30  # bytes of all members
MAX_RATIO, FREE = (
    200,
    256 << 20,
)  # text packs to a tenth; more than MAX_RATIO is a zip bomb, unless it is below FREE bytes
CHUNK = 1 << 20
_NOT_READ = frozenset({*ARCHIVES, ".gz", ".bz2", ".xz", ".7z", ".rar", ".jar", ".tar.bz2", ".tar.xz"})
_BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, OSError, RuntimeError,
    NotImplementedError, ValueError,
)  # fmt: skip


class TooLargeError(Exception):
    """An archive exceeds the limits."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive; its stream is only valid until the next member."""

    name: str
    stream: IO[bytes]


def is_archive(path: Path) -> bool:
    """Whether a file is an archive, by its name."""
    return path.name.lower().endswith(ARCHIVES)


@contextmanager
def unpacked(path: Path, shown: str, tally: Tally) -> Iterator[Path]:
    """A temporary folder with the readable members of an archive; it is deleted afterwards.

    What is left out is counted. Of a broken archive the members before the break are read, and it is counted.
    """
    with tempfile.TemporaryDirectory(prefix="semtune-") as made:
        folder, left = Path(made), min(MAX_TOTAL, max(FREE, MAX_RATIO * path.stat().st_size))
        try:
            for member in _members(path, shown, tally):
                left -= _write(member, folder, shown, tally)
                if left < 0:
                    raise TooLargeError("it expands beyond the size limit (possible zip bomb)")
        except TooLargeError as error:
            tally.drop(f"archive beyond the limits, read up to there: {error}", shown)
        except _BROKEN:
            tally.drop("broken or encrypted archive, read up to the break", shown)
        yield folder


def read_names(path: Path) -> list[str]:
    """Names of the readable members.

    Raises:
        InputError: the archive is broken.
    """
    try:
        return [member.name for member in _members(path, path.name, Tally())]
    except (TooLargeError, *_BROKEN) as error:
        raise InputError(
            f"{path.absolute()} cannot be opened as an archive, or exceeds the limits ({error})."
        ) from None


def _members(path: Path, shown: str, tally: Tally) -> Iterator[Member]:
    seen: set[str] = set()
    entries = _zip(path) if path.suffix.lower() == ".zip" else _tar(path)
    for number, (given, sort, stream) in enumerate(entries, start=1):
        if number > MAX_MEMBERS:
            raise TooLargeError(f"more than {MAX_MEMBERS:,} members")
        if sort == "folder":
            continue
        name = given.replace("\\", "/")
        reason = sort or _refusal(name)
        name = str(PurePosixPath(name))
        if not reason and name in seen:
            reason = "duplicate member name"
        seen.add(name)
        if reason or stream is None:
            tally.drop(reason or "member that cannot be read", f"{shown}/{name}")
        else:
            yield Member(name, stream)


def _zip(path: Path) -> Iterator[tuple[str, str, IO[bytes] | None]]:
    """(name, reason to leave it out, content) of each member."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename
            if info.is_dir():
                yield name, "folder", None
            elif stat.S_ISLNK(info.external_attr >> 16):
                yield name, "link in an archive", None
            elif info.flag_bits & 1:
                yield name, "encrypted member of an archive", None
            else:
                with archive.open(info) as stream:
                    yield name, "", stream


def _tar(path: Path) -> Iterator[tuple[str, str, IO[bytes] | None]]:
    packed = not path.name.lower().endswith(".tar")
    with path.open("rb") as raw, gzip.open(raw) if packed else raw as stream:
        bounded = _Bounded(cast("IO[bytes]", stream), max(FREE, MAX_RATIO * path.stat().st_size))
        with tarfile.open(fileobj=bounded, mode="r|") as archive:  # type: ignore[call-overload]
            for info in archive:
                if info.isdir():
                    yield info.name, "folder", None
                elif info.issym() or info.islnk():
                    yield info.name, "link in an archive", None
                elif not info.isreg():
                    yield info.name, "device or pipe in an archive", None
                else:
                    yield info.name, "", archive.extractfile(info)
                archive.members = []  # tarfile keeps every member it saw


class _Bounded:
    """A stream that raises an error after a number of bytes."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream, self._left = stream, limit

    def read(self, size: int) -> bytes:
        """The next bytes."""
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise TooLargeError("it expands beyond the size limit (possible zip bomb)")
        return data


def _refusal(name: str) -> str:
    """Why a member is not read, by its name; empty if it is read."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name or re.match(r"[A-Za-z]:", name):
        return "member whose path leaves the archive"
    if any(part.startswith(".") for part in parts) or parts[0] == "__MACOSX":
        return "hidden file"
    file = Path(parts[-1])
    suffix = suffix_of(file)
    if suffix in readable_suffixes():
        return ""
    if is_archive(file) or file.suffix.lower() in _NOT_READ:
        return "archive in an archive"
    return f"file type not read ({suffix or 'no suffix'})"


def _write(member: Member, folder: Path, shown: str, tally: Tally) -> int:
    """Write a member to the folder and return its size in bytes. One that is too large or incomplete leaves no file."""
    target = folder / member.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        out = target.open("xb")
    except OSError as error:
        tally.drop("unreadable file", f"{shown}/{member.name} ({error.strerror})")
        return 0
    size, whole = 0, False
    try:
        with out:
            while size <= MAX_FILE and (chunk := member.stream.read(CHUNK)):
                size += len(chunk)
                out.write(chunk)
        whole = size <= MAX_FILE
    finally:
        if not whole:
            target.unlink()
    if not whole:
        tally.drop(f"file larger than {in_mib(MAX_FILE)}", f"{shown}/{member.name}")
    return size
