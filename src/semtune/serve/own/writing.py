"""Writes of the server to its indexes: texts are embedded first, and only then is the index kept from other writers.

One thread an index writes, so that requests wait for each other and none fails. Other processes, such as `semtune add`,
are waited for as well.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from semtune.encoders.checked import CheckedEncoder, Tokenizes
from semtune.encoders.unreadable import check_readable
from semtune.encoders.windows import LongTextEncoder, with_truncate
from semtune.errors import BusyError, ContractError, SemtuneError, TooLongError
from semtune.index import manifest as manifests
from semtune.index.collection import Collection, content_hash
from semtune.index.current import opened_to_write
from semtune.index.write import Written, write_documents
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.search.searcher import Searcher
from semtune.serve.catalogue import Served
from semtune.serve.embedding import pieces
from semtune.serve.errors import ApiError
from semtune.serve.workers import Workers
from semtune.types import Document, Encoded, Role

logger = logging.getLogger(__name__)

WAIT = 10.0  # seconds for other writers
TRIES = 3  # the index may be upgraded between the encoding and the write
T = TypeVar("T")


class Ahead:
    """An encoder that knows texts which were embedded before; others are embedded when they are asked for.

    Example:
        >>> from semtune.encoders.toy import ToyEncoder
        >>> ahead = Ahead(ToyEncoder())
        >>> ahead.learn(["kettle"], ToyEncoder().encode(["kettle"]))
        >>> ahead.encode(["kettle"]).vectors.shape
        (1, 64)
    """

    def __init__(self, encoder: Encoder, warnings: Sequence[str] = ()) -> None:
        """Begin with no text, and with warnings about those that will be learnt."""
        self.encoder = encoder
        self.warnings = list(warnings)
        self._known: dict[str, tuple[np.ndarray, int]] = {}

    def learn(self, texts: Sequence[str], made: Encoded) -> None:
        """Keep what documents were embedded to."""
        beyond = [0] * len(texts) if made.beyond is None else made.beyond.tolist()
        self._known.update(zip(texts, zip(made.vectors, beyond, strict=True), strict=True))

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed documents, (n,) → (n, dim)."""
        if missing := [text for text in dict.fromkeys(texts) if text not in self._known]:
            self.learn(missing, self.encoder.encode(missing, role, progress))
        vectors = np.stack([self._known[text][0] for text in texts])
        beyond = np.array([self._known[text][1] for text in texts], np.int32)
        return Encoded(vectors, 0, int((beyond > 0).sum()), beyond=beyond)


class IndexWriter:
    """Writes to one index, a request after the other, in a thread of its own."""

    def __init__(self, served: Served, workers: Workers) -> None:
        """Write to the index of `served`; other writers are waited for as long as `WAIT` seconds."""
        self._served = served
        self._workers = workers
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="semtune-write")

    async def write(self, documents: Sequence[Document]) -> tuple[Written, list[str]]:
        """Add or replace documents, which differ in their ids; they are on the disk when this returns.

        Returns:
            What became of them, and warnings about texts that the model cannot read.

        Raises:
            ApiError: 409, the index cannot be written; 503, others are writing.
            InputError: a document is too long, or cannot be stored.
        """
        tries = 0
        while True:
            ahead = await self._embedded(documents)
            try:
                return await self._run(partial(_write, ahead=ahead, documents=documents)), ahead.warnings
            except ContractError:
                tries += 1
                if tries == TRIES:
                    raise

    async def delete(self, ids: Sequence[str]) -> int:
        """Delete documents; returns how many there were.

        Raises:
            ApiError: 409, the index cannot be written; 503, others are writing.
        """
        return await self._run(lambda collection: collection.delete(ids))

    async def _run(self, work: Callable[[Collection], T]) -> T:
        """Run `work` on the index while nobody else writes; searches that begin afterwards see what it did."""
        deadline = time.monotonic() + WAIT
        home = self._served.home
        if home is None:
            raise ApiError(
                409, f"The index {self._served.name!r} cannot be written here: it was opened without its folder."
            )
        try:
            return await asyncio.wrap_future(self._thread.submit(self._alone, home, work, deadline))
        except BusyError as error:
            raise ApiError(503, str(error), code="index_busy", headers={"Retry-After": "5"}) from None

    def _alone(self, home: Path, work: Callable[[Collection], T], deadline: float) -> T:
        try:
            with opened_to_write(home, max(0.0, deadline - time.monotonic())) as collection:
                return work(collection)
        finally:
            self._follow()

    def _follow(self) -> None:
        """Search the version that was written to, if the index was upgraded meanwhile."""
        try:
            self._served.refresh()
        except SemtuneError as error:  # what was written is safe all the same
            logger.warning("%s: the new version cannot be opened; the old one answers. %s", self._served.name, error)

    async def _embedded(self, documents: Sequence[Document]) -> Ahead:
        """The index's encoder, with what of the documents is new embedded in the lane of bulk work."""
        encoder, texts, warnings = await self._workers.run(partial(_to_encode, self._served, documents), "bulk")
        ahead = Ahead(encoder, warnings)
        for piece in pieces(texts, len if isinstance(encoder, LongTextEncoder) else None):
            ahead.learn(piece, await self._workers.run(partial(_encode, encoder, piece, documents), "bulk"))
        return ahead


def _to_encode(served: Served, documents: Sequence[Document]) -> tuple[Encoder, list[str], list[str]]:
    """The encoder, the texts of the documents that it must read, and warnings about them."""
    with served.searching() as searcher, searcher.collection.snapshot() as seen:
        ids = [document.id for document in documents]
        hashes = seen.hashes(ids)
        before = dict(zip(ids, seen.get(ids), strict=True))
        fresh = [
            document
            for document in documents
            if hashes.get(document.id) != content_hash(document) and not _same_words(document, before[document.id])
        ]
        encoder = _encoder_of(searcher)
    texts, names = [document.content for document in fresh], [document.id for document in fresh]
    said = (
        check_readable(texts, names, encoder.tokenizer("document"), allow=True)
        if isinstance(encoder, Tokenizes)
        else ""
    )
    return encoder, list(dict.fromkeys(texts)), [said] if said else []


def _same_words(new: Document, old: Document | None) -> bool:
    return old is not None and old.content == new.content


def _encoder_of(searcher: Searcher) -> Encoder:
    """The encoder as it embeds documents: queries may be served with another rule for long texts."""
    encoder = searcher.encoder
    if isinstance(encoder, CheckedEncoder | LongTextEncoder):
        return with_truncate(encoder, searcher.manifest.truncate)
    return encoder


def _encode(encoder: Encoder, texts: Sequence[str], documents: Sequence[Document]) -> Encoded:
    try:
        return encoder.encode(texts, "document")
    except TooLongError as error:
        named = {document.content: document.id for document in documents}
        raise error.named([repr(named[text]) for text in texts]) from None


def _write(collection: Collection, ahead: Ahead, documents: Sequence[Document]) -> Written:
    manifests.require_same_model(collection.manifest, ahead.encoder.contract)
    manifests.require_same_arithmetic(collection.manifest, ahead.encoder.runtime)
    return write_documents(collection, ahead, documents)
