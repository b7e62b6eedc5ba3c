"""Triplets: is the positive nearer to the anchor than the negative?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from semtune.evaluate.kinds.texts import Texts, begin, item_ids
from semtune.evaluate.result import Scores, Values
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.types import Pair


def score_triplets(encoder: Encoder, rows: Sequence[Pair], left_out: int, progress: Progress) -> Scores:
    """Share of rows whose positive is nearer than all negatives, and the mean margin.

    As in sentence-transformers' `TripletEvaluator`, by cosine; anchors have the role "query", the others "document". A
    tie counts as wrong.

    Args:
        encoder: the encoder to measure.
        rows: each with at least one negative.
        left_out: number of rows without negatives, for the counts.
        progress: shows the encoding.
    """
    anchors = Texts(encoder, (row.anchor for row in rows), "query", progress)
    others = Texts(encoder, (text for row in rows for text in (row.positive, *row.negatives)), "document", progress)
    near = _cosines(anchors, others, [(row.anchor, row.positive) for row in rows])
    all_far = _cosines(anchors, others, [(row.anchor, text) for row in rows for text in row.negatives])
    starts = np.cumsum([0, *(len(row.negatives) for row in rows[:-1])])
    far = np.maximum.reduceat(all_far, starts)
    values: dict[str, Values] = {"accuracy": (near > far).astype(np.float64), "margin": near - far}
    counts = {"triplets": len(rows), "rows_without_negative": left_out}
    return replace(
        begin("triplets", encoder, {"anchors": anchors, "positives_and_negatives": others}, counts),
        metrics={name: float(each.mean()) for name, each in values.items()},
        per_query=values,
        query_ids=item_ids([row.anchor for row in rows], [row.positive for row in rows], [r.negatives for r in rows]),
        items=tuple((row.anchor, f"+ {row.positive}", *(f"- {text}" for text in row.negatives)) for row in rows),
        answers=tuple(f"positive {one:.2f}, negative {two:.2f}" for one, two in zip(near, far, strict=True)),
    )


def _cosines(anchors: Texts, others: Texts, pairs: Sequence[tuple[str, str]]) -> Values:
    one = anchors.vectors([anchor for anchor, _ in pairs]).astype(np.float64)
    two = others.vectors([text for _, text in pairs]).astype(np.float64)
    return np.einsum("ij,ij->i", one, two)
