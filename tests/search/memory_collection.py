"""A collection in memory: exact search by numpy, filters by `matches`, BM25 written out. The reference of the tests."""

from __future__ import annotations

import math
from collections import Counter
from contextlib import nullcontext

import numpy as np

from semtune.errors import InputError
from semtune.index.collection import Match
from semtune.index.filters import matches
from semtune.index.manifest import IndexManifest
from semtune.index.terms import analyse, query_terms

K1, B = 1.2, 0.75


class MemoryCollection:
    """A collection and its own snapshot. `deeper` counts calls of `search` by depth."""

    language = "en"

    def __init__(self, documents, vectors, contract=None, has_full_text=True, **manifest):
        self.has_full_text = has_full_text
        self._documents = list(documents)
        self._vectors = np.asarray(vectors, dtype=np.float32)
        self.depths = []
        self.manifest = IndexManifest(
            backend="memory", index_type="Flat", metric="ip", dimension=self._vectors.shape[1],
            count=len(self._documents), model="model", model_name="model",
            fingerprint=contract.document_fingerprint if contract else "none", runtime="toy", recall_at_10=1.0,
            truncated=0, **manifest,
        )  # fmt: skip

    def snapshot(self):
        return nullcontext(self)

    def count(self, where=None):
        return len(self._rows(where))

    def get(self, ids):
        known = {document.id: document for document in self._documents}
        return [known.get(id_) for id_ in ids]

    def documents(self):
        return iter(self._documents)

    def vectors(self, ids):
        rows = {document.id: row for row, document in enumerate(self._documents)}
        if any(id_ not in rows for id_ in ids):
            raise InputError("no such document")
        return self._vectors[[rows[id_] for id_ in ids]]

    def search(self, vectors, k, where=None):
        self.depths.append(k)
        rows = self._rows(where)
        found = []
        for query in vectors:
            scores = self._vectors[rows] @ query
            best = np.argsort(-scores, kind="stable")[:k]
            found.append([Match(self._documents[rows[at]].id, float(scores[at])) for at in best])
        return found

    def keyword_search(self, queries, k, where=None):
        return [self._bm25(query, k, set(self._rows(where))) for query in queries]

    def close(self):
        self.closed = True

    def _rows(self, where):
        return [row for row, d in enumerate(self._documents) if where is None or matches(where, d.metadata)]

    def _bm25(self, query, k, rows):
        counts = [Counter(analyse(document.content, self.language)) for document in self._documents]
        mean = sum(count.total() for count in counts) / len(counts)
        scores = dict.fromkeys(rows, 0.0)
        for term in query_terms(query, self.language):
            having = sum(term in count for count in counts)
            weight = math.log(1 + (len(counts) - having + 0.5) / (having + 0.5))
            for row in rows:
                tf = counts[row][term]
                length = counts[row].total() / mean
                scores[row] += weight * tf * (K1 + 1) / (tf + K1 * (1 - B + B * length))
        best = sorted((row for row in rows if scores[row] > 0), key=lambda row: (-scores[row], row))[:k]
        return [Match(self._documents[row].id, scores[row]) for row in best]
