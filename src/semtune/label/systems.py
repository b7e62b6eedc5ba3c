"""The systems whose answers are pooled: the index's own model, the base, and BM25."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from semtune.encoders.vector_store import VectorStore
from semtune.index.exact import ExactIndex
from semtune.index.local.words import Words
from semtune.locks import lock_file
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.search.searcher import Searcher, SearchOptions
from semtune.types import Document, Embeddings

TUNED, BASE, BM25 = "tuned", "base", "bm25"
CHUNK = 1024  # passages encoded between two writes to the disk
BLOCK = 64  # questions compared with all passages at a time
VECTORS, LOCK = "vectors", "vectors.lock"


class System(Protocol):
    """Answers questions with passages."""

    def rank(self, texts: Sequence[str], depth: int) -> list[list[str]]:
        """For each text the ids of the `depth` best passages, best first."""
        ...


class IndexSystem:
    """The index, searched as it is served."""

    def __init__(self, searcher: Searcher) -> None:
        self._searcher = searcher

    def rank(self, texts: Sequence[str], depth: int) -> list[list[str]]:
        """See `System`."""
        answers = self._searcher.answer_many(texts, SearchOptions(depth)) if texts else []
        return [[hit.id for hit in answer.hits] for answer in answers]


class BaseSystem:
    """Another model over the same passages, compared exactly."""

    def __init__(self, encoder: Encoder, vectors: Embeddings, ids: Sequence[str]) -> None:
        """Search (n, dim) `vectors`, the passages' of `ids`."""
        self._encoder, self._index, self._ids = encoder, ExactIndex(vectors), ids

    def rank(self, texts: Sequence[str], depth: int) -> list[list[str]]:
        """See `System`."""
        asked = self._encoder.encode(list(texts), "query").vectors if texts else np.empty((0, 0), np.float32)
        found: list[list[str]] = []
        for start in range(0, len(asked), BLOCK):
            rows = self._index.search(asked[start : start + BLOCK], min(depth, len(self._ids))).rows
            found += [[self._ids[int(row)] for row in each if row >= 0] for each in rows]
        return found


class KeywordSystem:
    """BM25 over the same passages."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def rank(self, texts: Sequence[str], depth: int) -> list[list[str]]:
        """See `System`."""
        return [[match.id for match in self._words.search(text, depth)] for text in texts]


def keyword_system(documents: Sequence[Document], say: Callable[[str], None]) -> dict[str, System]:
    """BM25; where the passages have no words, that is said."""
    words = Words(documents)
    if words.is_empty:
        say("BM25 is not pooled: the passages have no words.")
        return {}
    return {BM25: KeywordSystem(words)}


def base_system(
    encoder: Encoder, documents: Sequence[Document], kept: VectorStore | None, folder: Path, progress: Progress = QUIET
) -> BaseSystem:
    """The base over the passages of the index; its vectors are computed once and kept in `folder`.

    Args:
        encoder: of the base.
        documents: the passages.
        kept: the vectors of the index's run, which are used if they hold all passages.
        folder: where labels are kept. A killed process leaves its finished chunks there.
        progress: shown while the passages are encoded.
    """
    texts = [document.content for document in documents]
    found = kept.find_all(encoder, "document", texts) if kept else None
    vectors = found if found is not None else _encoded(encoder, texts, folder, progress)
    return BaseSystem(encoder, vectors, [document.id for document in documents])


def _encoded(encoder: Encoder, texts: Sequence[str], folder: Path, progress: Progress) -> Embeddings:
    size = len(texts) * encoder.contract.dimension * 4
    store = VectorStore(folder / VECTORS, 4 * size + (1 << 26))  # room for a further model
    folder.mkdir(parents=True, exist_ok=True)
    with lock_file(folder / LOCK) as ours:  # only one process may write
        chosen = store.over(encoder) if ours else encoder
        parts = []
        with progress.track("encode the passages with the base", len(texts)) as advance:
            for start in range(0, len(texts), CHUNK):
                chunk = texts[start : start + CHUNK]
                parts.append(chosen.encode(chunk, "document").vectors)
                advance(len(chunk))
    return np.concatenate(parts)
