"""Decompresses a request body as it arrives, never more than a bounded part at a time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

PART = 256 * 1024  # bytes made at a time: a small body may hold gigabytes
GZIP = 16 + zlib.MAX_WBITS


class NotGzipError(Exception):
    """The bytes are not valid gzip, or end too early."""


class Gunzip:
    """A gzip stream of one or more members."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(GZIP)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` holds, in parts; the caller may stop when it has had enough.

        Raises:
            NotGzipError: the data is not gzip.
        """
        while data:
            if self._stream.eof:
                self._stream = zlib.decompressobj(GZIP)
            self._begun = True
            try:
                part = self._stream.decompress(data, PART)
            except zlib.error as error:
                raise NotGzipError(str(error)) from None
            if part:
                yield part
            data = self._stream.unconsumed_tail or self._stream.unused_data

    def finish(self) -> None:
        """Call after the last data.

        Raises:
            NotGzipError: the stream is not complete.
        """
        if self._begun and not self._stream.eof:
            raise NotGzipError("the data ends too early")
