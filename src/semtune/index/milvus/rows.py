"""Collections of before documents were kept in Milvus: ids, rows and vectors. They open for search."""

from __future__ import annotations

import numpy as np

from semtune.index.exact import padded
from semtune.index.milvus.reading import Reader
from semtune.types import Embeddings, Neighbours


class MilvusRows:
    """See `semtune.protocols.VectorIndex`; the documents are in the index folder."""

    def __init__(self, reader: Reader) -> None:
        """Take an open collection."""
        self._reader = reader

    def search(self, vectors: Embeddings, k: int) -> Neighbours:
        """Find the `k` rows of largest inner product for each of the (n, dim) queries."""
        rows = np.full((len(vectors), k), -1, dtype=np.int64)
        scores = np.full((len(vectors), k), -np.inf, dtype=np.float32)
        found = self._reader.search([v.tolist() for v in vectors], k, "", ["row"]) if len(vectors) else []
        for i, hits in enumerate(found):
            for j, hit in enumerate(hits):
                rows[i, j], scores[i, j] = hit["row"], hit["score"]
        return padded(rows, scores, k)

    def close(self) -> None:
        """Close the connection."""
        self._reader.client.close()
