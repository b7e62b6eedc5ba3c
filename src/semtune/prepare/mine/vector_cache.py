"""Passage vectors cached on disk from one call to the next: computing them is what takes hours in mining."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from functools import cache

import numpy as np

from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.run_directory import versions
from semtune.types import Encoded, Role
from semtune.work_cache import WorkCache, named_after


class VectorCache:
    """An encoder that reads vectors from a folder if they are there, and stores what it computes; passages only.

    Each call is one file, so a killed process loses at most the block of passages it was encoding.
    """

    def __init__(self, encoder: Encoder, kept: WorkCache) -> None:
        self.contract = encoder.contract
        self.runtime = encoder.runtime
        self._encoder, self._kept = encoder, kept

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dim) float32."""
        if role != "document":
            return self._encoder.encode(texts, role, progress)
        facts = (self.contract.fingerprint, self.runtime, *_libraries(), role)
        name = "vectors-" + named_after(*facts, *texts) + ".npz"
        if (known := _read(self._kept.get(name))) is not None:
            return known
        encoded = self._encoder.encode(texts, role, progress)
        out = io.BytesIO()
        np.savez(out, vectors=encoded.vectors, counts=np.asarray([encoded.tokens, encoded.truncated]))
        self._kept.put(name, out.getvalue())
        return encoded


def _read(data: bytes | None) -> Encoded | None:
    """The stored vectors; None if there are none or they cannot be read."""
    if data is None:
        return None
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            tokens, truncated = found["counts"].tolist()
            return Encoded(found["vectors"], tokens, truncated)
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
        return None


@cache
def _libraries() -> tuple[str, ...]:
    return tuple(versions("torch", "sentence-transformers", "onnxruntime").values())
