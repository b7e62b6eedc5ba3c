"""Writes vectors as JSON, row by row, so that other threads compute in between."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from semtune.errors import ModelError
from semtune.types import Embeddings

NUMPY = orjson.OPT_SERIALIZE_NUMPY


def rows(vectors: Embeddings) -> list[orjson.Fragment]:
    """Each of (n, dim) vectors as a JSON list of the shortest numbers that are the same in float32.

    A large answer written at once would hold Python's lock for as long as many queries take.

    Raises:
        ModelError: a vector is not finite; JSON has no word for that, and null is no number.
    """
    if not np.isfinite(vectors).all():
        raise ModelError("A vector has NaN or infinity. It means nothing and is not returned.")
    return [orjson.Fragment(orjson.dumps(row, option=NUMPY)) for row in np.ascontiguousarray(vectors, np.float32)]


def as_json(content: Any) -> bytes:
    """An answer that may hold rows of vectors, and no other numbers that are not finite."""
    return orjson.dumps(content)
