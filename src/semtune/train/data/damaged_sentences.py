"""Damaged sentences for the denoising auto-encoder."""

from __future__ import annotations

import numpy as np

DELETED_SHARE = 0.6  # of the words: what TSDAE found best (Wang et al. 2021)


def damaged(texts: list[str], seed: int, deleted: float = DELETED_SHARE) -> list[str]:
    """Each text with a share of its words deleted, but never all; the same seed deletes the same words."""
    rng = np.random.default_rng(seed)
    made: list[str] = []
    for text in texts:
        words = text.split() or [text]
        kept = rng.random(len(words)) >= deleted
        kept[rng.integers(len(words))] |= not kept.any()
        made.append(" ".join(word for word, stays in zip(words, kept, strict=True) if stays))
    return made
