"""The texts that topics are found in, with their vectors: from a file, or from an index, which has both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from semtune.bulk.rows import cells
from semtune.bulk.source import open_source
from semtune.encoders.vector_store import VectorStore
from semtune.errors import InputError
from semtune.index.collection import read_vectors
from semtune.index.current import opened
from semtune.io import user_cache
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.search.places import index_folder
from semtune.tasks.texts import embed, read_texts
from semtune.tasks.topics.draws import distinct, keys_of
from semtune.tasks.topics.settings import TopicsSettings
from semtune.tasks.topics.ward import Labels
from semtune.types import Embeddings

AT_ONCE = 4_096  # texts encoded; what was encoded before a kill is not encoded again
KEPT = 4 << 30  # bytes of vectors
KEY = "topics"


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts and the vectors of the distinct ones.

    Attributes:
        names: (n,) of each text: its id, else its line.
        texts: (n,)
        vectors: (m, dim) of the distinct texts, in the order of their keys.
        keys: (m,) of the distinct texts, ascending.
        first: (m,) row of each distinct text in `texts`.
        place: (n,) of each text among the distinct ones.
        model, fingerprint: of the encoder; the fingerprint is that of its document side.
        dates, labels: (n,) values of the columns that were asked for; empty without.
        left_out: reason → rows that are not texts.
        truncated, cut_tokens: of the texts.
        warnings: about the source.
    """

    names: list[str]
    texts: list[str]
    vectors: Embeddings
    keys: np.ndarray
    first: Labels
    place: Labels
    model: str
    fingerprint: str
    dates: list[Any] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    truncated: int = 0
    cut_tokens: int = 0
    warnings: list[str] = field(default_factory=list)


def of_file(encoder: Encoder, file: Path, settings: TopicsSettings, progress: Progress) -> Texts:
    """Read and embed the texts of a file, in the role "document"; equal texts once.

    Raises:
        InputError: the file cannot be read, or holds no text.
        ConfigError: the file has no such column.
    """
    read = read_texts(file, settings.column)
    columns = [name for name in (settings.date_column, settings.labels_column) if name]
    values = cells(open_source(file, settings.column), columns) if columns else {}
    found = [values.get(row.line, {}) for row in read.rows]
    keys = keys_of(read.texts)
    first, place = distinct(keys)
    names = [row.id or f"line {row.line}" for row in read.rows]
    store = VectorStore(user_cache() / "topics", KEPT)
    kept = store.over(encoder)
    parts, truncated, cut, warnings = [], 0, 0, [*read.warnings]
    with progress.track("encode", len(first)) as advance:
        for start in range(0, len(first), AT_ONCE):
            rows = first[start : start + AT_ONCE].tolist()
            made = embed(kept, [read.rows[n].text for n in rows], [names[n] for n in rows], "document", progress,
                         settings.allow_unreadable)  # fmt: skip
            parts.append(made.vectors)
            truncated, cut = truncated + made.truncated, cut + made.cut_tokens
            warnings += [made.warning] if made.warning and made.warning not in warnings else []
            advance(len(rows))
    return Texts(
        names, read.texts, np.concatenate(parts), keys[first], first, place, encoder.contract.name,
        encoder.contract.document_fingerprint, _values(found, settings.date_column),
        _values(found, settings.labels_column), read.left_out, truncated, cut, warnings,
    )  # fmt: skip


def of_index(index: Path, settings: TopicsSettings, progress: Progress) -> Texts:
    """Read the documents and vectors of an index; nothing is encoded.

    Raises:
        InputError: there is no index, or it is empty.
    """
    with opened(index_folder(index)) as collection, collection.snapshot() as snapshot:
        documents = list(snapshot.documents())
        if not documents:
            raise InputError(f"The index {index} is empty. Add documents: `semtune add {index} SOURCE`.")
        texts = [found.content for found in documents]
        keys = keys_of(texts)
        first, place = distinct(keys)
        vectors = read_vectors(snapshot, [documents[n].id for n in first.tolist()], progress)
    manifest = collection.manifest
    found = [found.metadata for found in documents]
    _check_metadata(index, found, settings)
    return Texts(
        [found.id for found in documents], texts, vectors, keys[first], first, place, manifest.model_name,
        manifest.fingerprint, _values(found, settings.date_column), _values(found, settings.labels_column),
    )  # fmt: skip


def _values(rows: Sequence[Any], name: str) -> list[Any]:
    return [row.get(name) for row in rows] if name else []


def _check_metadata(index: Path, rows: Sequence[Any], settings: TopicsSettings) -> None:
    known = sorted({name for row in rows for name in row})
    for name in (settings.date_column, settings.labels_column):
        if name and name not in known:
            listed = ", ".join(known) or "none"
            raise InputError(f"No document of the index {index} has the metadata {name!r}. It has: {listed}.")
