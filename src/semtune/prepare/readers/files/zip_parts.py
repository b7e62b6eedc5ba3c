"""The parts of documents that are zip files (.docx, .pptx, .odt, .epub, .xlsx), with limits: none may be a zip bomb."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from posixpath import normpath

from semtune.errors import InputError
from semtune.prepare.readers.files import unpack

MAX_PARTS = 10_000
CHUNK = 1 << 20
BROKEN = (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, zlib.error, EOFError, OSError, ValueError)


class Parts:
    """The parts of a document. No more than `unpack.MAX_FILE` bytes come out of them together."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._archive, self._name, self._left = archive, name, unpack.MAX_FILE
        self.names = archive.namelist()
        if len(self.names) > MAX_PARTS:
            raise InputError(f"{name} has more than {MAX_PARTS:,} parts.")

    def read(self, part: str) -> bytes:
        """The bytes of a part; none if there is no such part.

        Raises:
            InputError: it is too large.
        """
        part = normpath(part).lstrip("/")
        if part not in self.names:
            return b""
        with self._archive.open(part) as source:
            data = source.read(self._left + 1)
        self._spend(len(data))
        return data

    def check(self) -> None:
        """Unpack every part once without keeping it, for libraries that set no limit.

        Raises:
            InputError: together they are too large.
        """
        for part in self.names:
            with self._archive.open(part) as source:
                while chunk := source.read(CHUNK):
                    self._spend(len(chunk))

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise InputError(f"{self._name} expands into a document that is too large.")


@contextmanager
def open_parts(data: bytes, name: str, what: str) -> Iterator[Parts]:
    """The parts of a document.

    Raises:
        InputError: it is not a zip file, or is broken or encrypted.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield Parts(archive, name)
    except InputError:
        raise
    except BROKEN:
        raise InputError(f"{name} cannot be opened as {what} (broken or encrypted).") from None
