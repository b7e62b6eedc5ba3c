"""Vectors in the forms that clients ask for."""

from __future__ import annotations

import base64

import numpy as np

from semtune.types import Embeddings


def base64_float32(vectors: Embeddings) -> list[str]:
    """Each of (n, dim) vectors as base64 of its little-endian float32 values."""
    return [base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii") for vector in vectors]


def bits(vectors: Embeddings, signed: bool = False) -> list[list[int]]:
    """(n, dim) vectors as n lists of dim / 8 bytes: a bit is 1 where a value is above 0, the first is the highest.

    Args:
        vectors: of a dimension that is a multiple of 8.
        signed: from -128 to 127, as faiss and Cohere's "binary"; else from 0 to 255, "ubinary".
    """
    packed = np.packbits(vectors > 0, axis=1).astype(np.int16)
    return (packed - 128 if signed else packed).tolist()
