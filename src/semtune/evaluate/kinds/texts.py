"""Shared by all kinds: encodes each distinct text once, and starts their result."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from semtune.evaluate.result import Kind, Scores
from semtune.metrics import unit
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.types import Embeddings, Role

SAME = 1e-6  # vectors that differ less in every dimension count as equal


class Texts:
    """Vectors of texts, each distinct text encoded once.

    Attributes:
        count: number of distinct texts.
        truncated: number of truncated ones.
        not_finite: number of vectors with NaN or infinity, which are replaced by zeros.
        collapsed: whether all distinct texts have the same vector.
    """

    def __init__(self, encoder: Encoder, texts: Iterable[str], role: Role, progress: Progress) -> None:
        distinct = list(dict.fromkeys(texts))
        self._row = {text: row for row, text in enumerate(distinct)}
        encoded = encoder.encode(distinct, role, progress)
        broken = np.flatnonzero(~np.isfinite(encoded.vectors).all(axis=1))
        vectors = encoded.vectors.copy()
        vectors[broken] = 0
        self._vectors = unit(vectors)
        self._cut = np.zeros(len(distinct), dtype=bool) if encoded.cut is None else encoded.cut
        self.count, self.truncated, self.not_finite = len(distinct), encoded.truncated, len(broken)
        self.collapsed = self.count > 1 and bool(np.ptp(self._vectors, axis=0).max() < SAME)

    def rows(self, texts: Sequence[str]) -> list[int]:
        """(n,) positions of these texts among the distinct ones."""
        return [self._row[text] for text in texts]

    def cut(self, texts: Sequence[str]) -> int:
        """How many of these texts were cut at the length limit."""
        return int(self._cut[self.rows(texts)].sum())

    def vectors(self, texts: Sequence[str]) -> Embeddings:
        """(n, dim) unit vectors of these texts."""
        return self._vectors[self.rows(texts)]


def begin(kind: Kind, encoder: Encoder, parts: Mapping[str, Texts], counts: Mapping[str, int]) -> Scores:
    """A result without metrics.

    Args:
        kind: of the evaluation.
        encoder: the encoder that was measured.
        parts: name → texts, which are added to the counts.
        counts: other counts.
    """
    return Scores(
        kind=kind,
        model=encoder.contract.name,
        fingerprint=encoder.contract.fingerprint,
        runtime=encoder.runtime,
        metrics={},
        counts={**counts, **{name: texts.count for name, texts in parts.items()}},
        truncated={name: texts.truncated for name, texts in parts.items()},
        not_finite=sum(texts.not_finite for texts in parts.values()),
        collapsed=any(texts.collapsed for texts in parts.values()),
    )


def without_numbers(scores: Scores) -> Scores:
    """The result of a model whose vectors are not finite: every metric is NaN."""
    return replace(
        scores,
        metrics=dict.fromkeys(scores.metrics, float("nan")),
        per_query={name: np.full_like(values, np.nan) for name, values in scores.per_query.items()},
        matrix={one: dict.fromkeys(row, float("nan")) for one, row in scores.matrix.items()},
        language_pairs=(),
    )


def item_ids(*columns: Sequence[object]) -> tuple[str, ...]:
    """An id for each row, made from its content, so that results on the same rows can be matched in any order.

    The second of two equal rows gets the suffix ":2".
    """
    seen: Counter[str] = Counter()
    made = []
    for row in zip(*columns, strict=True):
        id_ = hashlib.sha256(repr(row).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        seen[id_] += 1
        made.append(id_ if seen[id_] == 1 else f"{id_}:{seen[id_]}")
    return tuple(made)
