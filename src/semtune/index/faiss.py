"""A FAISS index in memory: exact for few vectors, a graph (HNSW) for many. Old index folders hold one in a file."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from semtune.errors import InputError
from semtune.index.exact import EXACT_UP_TO, padded
from semtune.io import storage_errors
from semtune.types import Embeddings, Neighbours

FILE = "vectors.faiss"
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
    def flat(cls, blocks: Iterable[Embeddings], dimension: int) -> FaissIndex:
        """An exact index of any size from (m, dimension) blocks; the vectors are in memory only once."""
        index = faiss.IndexFlatIP(dimension)
        for block in blocks:
            index.add(np.ascontiguousarray(block, dtype=np.float32))
        return cls(index)

    @classmethod
    def open(cls, folder: Path, count: int, dimension: int) -> FaissIndex:
        """Open the index of an index folder.

        Args:
            folder: the index folder.
            count, dimension: the expected number and dimension of the vectors.

        Raises:
            InputError: the file is missing or damaged, or belongs to another index.
        """
        try:
            index = faiss.read_index(str(folder / FILE))
        except (RuntimeError, MemoryError) as error:  # a damaged length can request too much memory
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(
                f"{folder / FILE} cannot be read ({reason}). Build the index again with `semtune index`."
            ) from None
        if (index.ntotal, index.d) != (count, dimension):
            raise InputError(
                f"{folder / FILE} holds {index.ntotal} vectors of {index.d} dimensions, but its manifest says {count} "
                f"of {dimension}. Build the index again with `semtune index`."
            )
        return cls(index)

    @property
    def kind(self) -> str:
        """The FAISS factory name of the index."""
        return f"HNSW{LINKS}" if isinstance(self._index, faiss.IndexHNSW) else "Flat"

    def save(self, folder: Path) -> None:
        """Write the index into an index folder."""
        with storage_errors(folder):
            write_index(self._index, folder / FILE)

    def search(self, vectors: Embeddings, k: int) -> Neighbours:
        """Find the `k` rows of largest inner product for each of the (n, dim) queries."""
        scores, rows = self._index.search(np.ascontiguousarray(vectors, dtype=np.float32), min(k, self._index.ntotal))
        return padded(rows, scores, k)

    def vectors(self, rows: NDArray[np.int64]) -> Embeddings:
        """The vectors of some rows, (len(rows), dim); rows must exist."""
        return self._index.reconstruct_batch(np.ascontiguousarray(rows, dtype=np.int64))

    def close(self) -> None:
        """Do nothing: the index is in memory."""


def write_index(index: faiss.Index, path: Path) -> None:
    """Write a FAISS index into a file.

    Raises:
        OSError: the disk is full.
    """
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:  # FAISS reports a full disk with no errno
        raise OSError(errno.ENOSPC, str(error).splitlines()[0], str(path)) from error
