"""What a bulk encoding did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EncodedFile:
    """What became of a file's texts.

    Attributes:
        path: of the result.
        texts: that were embedded: the number of vectors.
        truncated: texts that were longer than the model reads.
        cut_tokens: of them that were not read.
        seconds: that this call took.
        runtime: that computed the vectors.
        rows: of the file, also those that cannot be read.
        left_out: reason → number of rows without a vector.
        examples: reason → the first such row.
        empty: texts without a letter; their vectors say nothing.
        column: of a table, that was embedded; None for text lines.
        dimension: of the vectors.
        tokens: that were read.
        fingerprint: of the model.
        shards: in which the work was done.
        resumed: how many of them an earlier call had finished.
        warnings: for people.
    """

    path: str
    texts: int
    truncated: int
    cut_tokens: int
    seconds: float
    runtime: str
    rows: int
    left_out: Mapping[str, int]
    examples: Mapping[str, str]
    empty: int
    column: str | None
    dimension: int
    tokens: int
    fingerprint: str
    shards: int
    resumed: int
    warnings: Sequence[str]
