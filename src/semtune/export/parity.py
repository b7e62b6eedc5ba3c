"""Checks that an exported graph gives the same vectors as torch, by text length and batch size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from semtune.encoders.invariance import Invariance
from semtune.errors import GateError
from semtune.metrics import SHORTEST, unit
from semtune.types import Embeddings

MIN_COSINE = 0.9999
MAX_LENGTH_ERROR = 1e-3  # relative to the norm, which matters for models that do not normalise
NEAR_COSINE = 0.8  # of an int8 graph, on plain sentences; below this, quantisation has broken it
SENTENCE = "The quick brown fox jumps over the lazy dog while a patient reader measures every word of it. "
WORDS = (1, 4, 16, 60, 150, 600)  # most models truncate the longest
BATCHES = (1, 3, len(WORDS))


@dataclass(frozen=True, slots=True)
class Parity:
    """How the graph's vectors differ from torch's for the same texts: in direction and in relative length.

    Attributes:
        invariance: how they differ from the same texts' alone, in batches; None until measured.
    """

    min_cosine: float
    max_abs_difference: float
    max_length_error: float
    texts: int
    by_words: dict[int, float]
    by_batch: dict[int, float]
    invariance: Invariance | None = None

    def as_dict(self, near: bool = False) -> dict[str, object]:
        """The JSON form of `parity.json`; `near` for a quantised graph, which has another limit."""
        limits = (
            {"limit_of_plain_sentences": NEAR_COSINE}
            if near
            else {"limit": MIN_COSINE, "length_limit": MAX_LENGTH_ERROR}
        )
        values = {key: value for key, value in asdict(self).items() if key != "invariance"}
        beside = {"invariance": self.invariance.as_dict("int8" if near else "fp32")} if self.invariance else {}
        return {**values, **limits, **beside}


def probe_texts(extra: Sequence[str] = ()) -> list[str]:
    """Texts of many lengths, with some unusual ones and some of the user's own."""
    stream = (SENTENCE * 40).split()
    return [*(" ".join(stream[:n]) for n in WORDS), "", "  ", "日本語のテキスト", "naïve café — “quotes” 😀", *extra]


def measure_parity(
    reference: Callable[[list[str]], Embeddings], graph: Callable[[list[str]], Embeddings], texts: list[str]
) -> Parity:
    """Compare two encoders on `texts`, text by text and in batches.

    Args:
        reference, graph: texts → vectors, (n, dim).
    """
    raw = reference(texts)
    want, length = unit(raw), np.maximum(np.linalg.norm(raw, axis=1), SHORTEST)
    by_batch, cosines, differences, errors = {}, np.ones(len(texts)), [], []
    for size in BATCHES:
        got = np.concatenate([graph(texts[i : i + size]) for i in range(0, len(texts), size)])
        norms = np.linalg.norm(got, axis=1)
        nothing = (length <= SHORTEST) & (norms <= SHORTEST)  # a text of unknown words alone, in a static model
        same = np.where(nothing, 1.0, (want * unit(got)).sum(axis=1))
        cosines = same if size == 1 else cosines
        by_batch[size] = float(same.min())
        differences.append(np.abs(want - unit(got)).max())
        errors.append(np.where(nothing, 0.0, np.abs(norms / length - 1)).max())
    return Parity(
        min_cosine=float(np.min(list(by_batch.values()))),  # unlike min(), np.min is NaN if any value is NaN
        max_abs_difference=float(np.max(differences)),
        max_length_error=float(np.max(errors)),
        texts=len(texts),
        by_words={words: float(cosines[i]) for i, words in enumerate(WORDS)},
        by_batch=by_batch,
    )


def require_parity(parity: Parity, what: str) -> None:
    """Refuse a graph whose vectors differ from torch's.

    Raises:
        GateError: a vector differs from torch's by more than the limits.
    """
    if parity.min_cosine >= MIN_COSINE and parity.max_length_error <= MAX_LENGTH_ERROR:
        return
    raise GateError(
        f"{what} is not the same model: its minimum cosine to torch is {parity.min_cosine:.5f} (required: {MIN_COSINE})"
        f" and its vectors differ in length by up to {parity.max_length_error:.2%} (allowed: {MAX_LENGTH_ERROR:.2%}) "
        f"(by words: {parity.by_words}, by batch: {parity.by_batch}). Nothing was written."
    )


def require_near_parity(parity: Parity, what: str) -> None:
    """Refuse a broken quantised graph; `semtune evaluate --stages` measures how much quality it costs.

    Raises:
        GateError: a vector is not a number, or plain sentences of four or more words have a low cosine to torch.
    """
    plain = min(cosine for words, cosine in parity.by_words.items() if words >= 4)
    if np.isfinite(parity.min_cosine) and plain >= NEAR_COSINE:
        return
    raise GateError(
        f"{what} is broken by quantisation: its minimum cosine to torch on plain sentences is {plain:.3f} (required: "
        f"{NEAR_COSINE}; by words: {parity.by_words}). Serve this model in fp32. Nothing was written."
    )
