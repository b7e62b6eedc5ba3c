"""Vectors of many texts, stored while they are computed, so that a stopped run goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semtune.encoders.checked import Tokenizes
from semtune.encoders.unreadable import check_readable, unreadable
from semtune.encoders.vector_store import VectorStore
from semtune.locks import lock_file
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.types import Embeddings

CHUNK = 8192  # texts between two times of storing
FOLDER, LOCK = ".vectors", ".lock"
ROOM = 1 << 30  # bytes of vectors that are kept beside those of the texts: of labelled pairs, of another file
ROLE = "query"  # of texts that are compared with their like, as in sentence-transformers' paraphrase mining


@dataclass(frozen=True, slots=True)
class Vectors:
    """(n, dim) unit vectors of texts.

    Attributes:
        values: the vectors.
        readable: (n,) whether the model knows the letters; the vectors of the other texts are all alike.
        truncated: number of texts whose end was not read.
        warning: about unreadable texts; empty if there are none.
    """

    values: Embeddings
    readable: NDArray[np.bool_]
    truncated: int
    warning: str


def embed_stored(
    encoder: Encoder,
    texts: Sequence[str],
    names: Sequence[str],
    folder: Path | None,
    progress: Progress,
    allow_unreadable: bool,
) -> Vectors:
    """Embed texts, and keep the vectors in a folder if one is given.

    Raises:
        InputError: the model does not know the letters of more than a fifth of the texts.
    """
    tokenizer = encoder.tokenizer(ROLE) if isinstance(encoder, Tokenizes) else None
    warning = check_readable(texts, names, tokenizer, allow=allow_unreadable)
    readable = np.ones(len(texts), dtype=np.bool_)
    if warning:
        readable[unreadable(texts, tokenizer)] = False  # type: ignore[arg-type]
    if folder is None:
        made = encoder.encode(list(texts), ROLE, progress)
        return Vectors(made.vectors, readable, made.truncated, warning)
    folder.mkdir(parents=True, exist_ok=True)
    store = VectorStore(folder / FOLDER, ROOM + 8 * len(texts) * encoder.contract.dimension)
    values = np.empty((len(texts), encoder.contract.dimension), dtype=np.float32)
    truncated = 0
    with lock_file(folder / LOCK, remove=True) as ours, progress.track("embed texts", len(texts)) as advance:
        chosen = store.over(encoder) if ours else encoder  # only one process may write
        for start in range(0, len(texts), CHUNK):
            part = chosen.encode(list(texts[start : start + CHUNK]), ROLE)
            values[start : start + CHUNK] = part.vectors
            truncated += part.truncated
            advance(len(part.vectors))
    return Vectors(values, readable, truncated, warning)
