"""FAISS, the default back-end: exact for small corpora, a graph (HNSW) for large ones."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np

from semtune.errors import InputError
from semtune.index.exact import padded
from semtune.io import storage_errors
from semtune.types import Embeddings, Neighbours

FILE = "vectors.faiss"
EXACT_UP_TO = 50_000  # below, a full scan of 384-d vectors answers in about 5 ms
LINKS, BUILD_BREADTH, SEARCH_BREADTH = 32, 200, 128


class FaissIndex:
    """A FAISS index on inner products, in one file."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: Embeddings) -> FaissIndex:
        """Index (n, dim) vectors; row numbers are positions in the array."""
        count, dimension = vectors.shape
        if count <= EXACT_UP_TO:
            index = faiss.IndexFlatIP(dimension)
        else:
            index = faiss.IndexHNSWFlat(dimension, LINKS, faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction = BUILD_BREADTH
            index.hnsw.efSearch = SEARCH_BREADTH
        index.add(np.ascontiguousarray(vectors))
        return cls(index)

    @classmethod
    def open(cls, folder: Path) -> FaissIndex:
        """Open the index of an index folder.

        Raises:
            InputError: the file is missing or damaged.
        """
        try:
            return cls(faiss.read_index(str(folder / FILE)))
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{folder / FILE} cannot be read ({reason}). Build the index again with `semtune index`."
            ) from None

    @property
    def kind(self) -> str:
        """The FAISS factory name of what was built."""
        return f"HNSW{LINKS}" if isinstance(self._index, faiss.IndexHNSW) else "Flat"

    def save(self, folder: Path) -> None:
        """Write the index into an index folder."""
        with storage_errors(folder):
            try:
                faiss.write_index(self._index, str(folder / FILE))
            except RuntimeError as error:
                # FAISS reports a full disk as a RuntimeError with no errno.
                raise OSError(28, str(error).splitlines()[0], str(folder / FILE)) from error

    def search(self, vectors: Embeddings, k: int) -> Neighbours:
        """Find the `k` rows of largest inner product for each of the (n, dim) queries."""
        scores, rows = self._index.search(np.ascontiguousarray(vectors, dtype=np.float32), min(k, self._index.ntotal))
        return padded(rows, scores, k)

    def close(self) -> None:
        """Nothing to let go of: the index lives in memory."""
