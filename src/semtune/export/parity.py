"""Is the exported graph the same model? Measured by length and by batch size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from semtune.errors import GateError
from semtune.types import Embeddings

MIN_COSINE = 0.9999
SENTENCE = "The quick brown fox jumps over the lazy dog while a patient reader measures every word of it. "
WORDS = (1, 4, 16, 60, 150, 600)  # the longest is cut by most models
BATCHES = (1, 3, len(WORDS))


@dataclass(frozen=True, slots=True)
class Parity:
    """Cosine between torch's vectors and the graph's, for the same texts."""

    min_cosine: float
    max_abs_difference: float
    texts: int
    by_words: dict[int, float]
    by_batch: dict[int, float]

    def as_dict(self) -> dict[str, object]:
        """The JSON form of `parity.json`."""
        return {**asdict(self), "limit": MIN_COSINE}


def probe_texts(extra: Sequence[str] = ()) -> list[str]:
    """Texts of every length, with some of the user's own and some awkward ones."""
    stream = (SENTENCE * 40).split()
    return [*(" ".join(stream[:n]) for n in WORDS), "", "  ", "日本語のテキスト", "naïve café — “quotes” 😀", *extra]


def measure(
    reference: Callable[[list[str]], Embeddings], graph: Callable[[list[str]], Embeddings], texts: list[str]
) -> Parity:
    """Compare two encoders on `texts`, text by text and in batches.

    Args:
        reference, graph: texts → unit vectors, (n, dim).
    """
    want = _unit(reference(texts))
    alone = np.concatenate([_unit(graph([text])) for text in texts])
    cosines = (want * alone).sum(axis=1)
    by_batch = {}
    for size in BATCHES:
        got = np.concatenate([_unit(graph(texts[i : i + size])) for i in range(0, len(texts), size)])
        by_batch[size] = float((want * got).sum(axis=1).min())
    return Parity(
        min_cosine=min(float(cosines.min()), *by_batch.values()),
        max_abs_difference=float(np.abs(want - alone).max()),
        texts=len(texts),
        by_words={words: float(cosines[i]) for i, words in enumerate(WORDS)},
        by_batch=by_batch,
    )


def require(parity: Parity, what: str) -> None:
    """Refuse a graph that is another model.

    Raises:
        GateError: some text's vector differs from torch's by more than the limit.
    """
    if not parity.min_cosine >= MIN_COSINE:
        raise GateError(
            f"{what} is not the same model: the worst cosine to torch is {parity.min_cosine:.5f}, at least {MIN_COSINE} is needed "
            f"(by words: {parity.by_words}, by batch: {parity.by_batch}). Nothing was written."
        )


def _unit(vectors: Embeddings) -> Embeddings:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
