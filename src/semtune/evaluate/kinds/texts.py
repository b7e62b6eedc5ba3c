"""What all kinds share: each distinct text encoded once, and the beginning of their result."""

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

SAME = 1e-6  # vectors nearer than this in every dimension are one


class Texts:
    """Vectors of texts, each distinct text encoded once.

    Attributes:
        count: distinct texts.
        truncated: how many of them lost their end.
        not_finite: how many of their vectors hold NaN or infinity; these are taken for zeros from here on.
        collapsed: all distinct texts have one vector.
    """

    def __init__(self, encoder: Encoder, texts: Iterable[str], role: Role, progress: Progress) -> None:
        distinct = list(dict.fromkeys(texts))
        self._row = {text: row for row, text in enumerate(distinct)}
        encoded = encoder.encode(distinct, role, progress)
        broken = np.flatnonzero(~np.isfinite(encoded.vectors).all(axis=1))
        vectors = encoded.vectors.copy()
        vectors[broken] = 0
        self._vectors = unit(vectors)
        self.count, self.truncated, self.not_finite = len(distinct), encoded.truncated, len(broken)
        self.collapsed = self.count > 1 and bool(np.ptp(self._vectors, axis=0).max() < SAME)

    def rows(self, texts: Sequence[str]) -> list[int]:
        """(n,) numbers of these texts among the distinct ones."""
        return [self._row[text] for text in texts]

    def vectors(self, texts: Sequence[str]) -> Embeddings:
        """(n, dim) unit vectors of these texts."""
        return self._vectors[self.rows(texts)]


def begin(kind: Kind, encoder: Encoder, parts: Mapping[str, Texts], counts: Mapping[str, int]) -> Scores:
    """A result without metrics.

    Args:
        kind: of the evaluation.
        encoder: what was measured.
        parts: name of the texts → their vectors; their numbers join the counts.
        counts: what else was counted.
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
    """The result of a model whose vectors are no numbers: every metric is NaN."""
    return replace(
        scores,
        metrics=dict.fromkeys(scores.metrics, float("nan")),
        per_query={name: np.full_like(values, np.nan) for name, values in scores.per_query.items()},
        matrix={one: dict.fromkeys(row, float("nan")) for one, row in scores.matrix.items()},
    )


def item_ids(*columns: Sequence[object]) -> tuple[str, ...]:
    """An id a row, made of its content, so that results on the same rows can be laid side by side in whatever order.

    Of rows that are alike the second has ":2" at its end.
    """
    seen: Counter[str] = Counter()
    made = []
    for row in zip(*columns, strict=True):
        id_ = hashlib.sha256(repr(row).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        seen[id_] += 1
        made.append(id_ if seen[id_] == 1 else f"{id_}:{seen[id_]}")
    return tuple(made)
