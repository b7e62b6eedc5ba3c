"""Searches an index for the documents that match a query. Imports neither torch nor transformers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from semtune.encoders.checked import Tokenizes
from semtune.encoders.load import load_encoder
from semtune.encoders.unreadable import unreadable_query
from semtune.errors import ContractError, InputError, ModelError, TooLongError
from semtune.index import manifest as manifests
from semtune.index.documents import DocumentStore
from semtune.index.manifest import IndexManifest
from semtune.index.open import open_vectors
from semtune.protocols import Encoder, VectorIndex
from semtune.search.threshold import minimum_score
from semtune.types import Answer, Hit, Truncate

RUN_INDEX = "index"
MAX_K = 1000
SHOWN = 40  # characters of a query in a message


class Searcher:
    """An index that is open for search. Safe to use from many threads.

    Example:
        >>> searcher = Searcher.open("runs/python-docs")  # doctest: +SKIP
        >>> searcher.search("how do I read a zip file", k=3)[0].title  # doctest: +SKIP
        'zipfile.ZipFile.read'
    """

    def __init__(self, encoder: Encoder, index: VectorIndex, documents: DocumentStore, manifest: IndexManifest) -> None:
        """Combine parts that are already open.

        Raises:
            ContractError: the encoder is not the model the index was built with.
        """
        manifests.require_same_model(manifest, encoder.contract)
        if len(documents) != manifest.count:
            raise ContractError(
                f"The manifest of the index says {manifest.count} documents, but there are {len(documents)}. Build the "
                "index again with `semtune index`."
            )
        self.encoder = encoder
        self.manifest = manifest
        self._index = index
        self._documents = documents

    @classmethod
    def open(
        cls, path: str | Path, model: str | None = None, runtime: str = "auto", truncate: Truncate | None = None
    ) -> Searcher:
        """Open an index folder, or the index of a run folder.

        Args:
            path: the folder.
            model: another folder of the same model; by default the one recorded in the index.
            runtime: of the model; "auto": int8 for an index built with int8, else as in `load_encoder`, without int8.
            truncate: what becomes of queries longer than the model reads; None: as with the index's documents.

        Raises:
            InputError: there is no complete index.
            ModelError: the index's model cannot be found.
            ContractError: the model has another fingerprint than the index, or the runtime computes other vectors.
        """
        folder = index_folder(Path(path))
        manifest = manifests.read(folder)
        if runtime == "auto" and manifest.runtime == "onnx-int8":
            runtime = "onnx-int8"
        place = model or str(model_folder(folder, manifest))
        encoder = load_encoder(place, runtime, exact=True, truncate=truncate or manifest.truncate)
        manifests.require_same_model(manifest, encoder.contract)
        manifests.require_same_arithmetic(manifest, encoder.runtime)
        return cls(encoder, open_vectors(folder, manifest), DocumentStore(folder), manifest)

    @property
    def count(self) -> int:
        """Documents in the index."""
        return self.manifest.count

    def search(self, query: str, k: int = 10, min_score: str | float | None = None) -> list[Hit]:
        """The `k` documents most similar to `query`, best first.

        Args:
            query: the query text.
            k: maximum number of hits.
            min_score: drop hits scoring below this: a score, or the name of a threshold ("best-f1", "p0.9").

        Raises:
            InputError: the query is blank, `k` is out of range, or the model has no such threshold.
        """
        return self.search_many([query], k, min_score)[0]

    def search_many(self, queries: Sequence[str], k: int = 10, min_score: str | float | None = None) -> list[list[Hit]]:
        """As `search`, for many queries at once."""
        return [answer.hits for answer in self.answer_many(queries, k, min_score)]

    def answer(self, query: str, k: int = 10, min_score: str | float | None = None) -> Answer:
        """As `search`, with how much of the query was cut, and with warnings."""
        return self.answer_many([query], k, min_score)[0]

    def answer_many(self, queries: Sequence[str], k: int = 10, min_score: str | float | None = None) -> list[Answer]:
        """As `answer`, for many queries at once."""
        floor = -math.inf if min_score is None else minimum_score(min_score, self.encoder.contract)
        if not 1 <= k <= MAX_K:
            raise InputError(f"k is {k}; allowed: 1 to {MAX_K}.")
        for query in queries:
            if not query.strip():
                raise InputError("The query is empty. Give at least one word.")
        try:
            asked = self.encoder.encode(queries, "query")
        except TooLongError as error:
            raise error.named([f"the query {query[:SHOWN]!r}" for query in queries]) from None
        found = self._index.search(asked.vectors, min(k, self.count))
        cut = [0] * len(queries) if asked.beyond is None else asked.beyond.tolist()
        return [
            Answer(self._hits(rows, scores, floor), beyond, self._warnings(query, beyond))
            for query, rows, scores, beyond in zip(
                queries, found.rows.tolist(), found.scores.tolist(), cut, strict=True
            )
        ]

    def _warnings(self, query: str, cut_tokens: int) -> tuple[str, ...]:
        """What the user of a query should know."""
        lost = f"The query is longer than the model reads: its last {cut_tokens:,} tokens were cut."
        unread = ""
        if isinstance(self.encoder, Tokenizes) and not query.isascii():
            try:
                unread = unreadable_query(query, self.encoder.tokenizer("query"))
            except ModelError:  # its runtime has another tokenizer
                unread = ""
        return (*([lost] if cut_tokens else []), *([unread] if unread else []))

    def close(self) -> None:
        """Close the index's files and connections."""
        self._index.close()

    def _hits(self, rows: list[int], scores: list[float], floor: float) -> list[Hit]:
        kept = [(row, score) for row, score in zip(rows, scores, strict=True) if row >= 0 and score >= floor]
        documents = self._documents.get([row for row, _ in kept])
        curve = self.encoder.contract.calibration
        return [
            Hit(d.id, score, d.text, d.title, d.metadata, curve.probability(score) if curve else None)
            for d, (_, score) in zip(documents, kept, strict=True)
        ]


def index_folder(path: Path) -> Path:
    """The index folder at a path: the path itself, or the index of a run.

    Raises:
        InputError: there is no index.
    """
    if not path.is_dir():
        raise InputError(
            f"There is no folder {path.resolve()}. Give an index made by `semtune index`, or a run folder."
        )
    if (path / RUN_INDEX / manifests.FILE).is_file():
        return path / RUN_INDEX
    if (path / "config.yaml").exists() and not (path / "documents.jsonl").exists():
        raise InputError(f"The run {path} has no index yet. Continue it with `semtune run {path / 'config.yaml'}`.")
    manifests.read(path)
    return path


def has_index(path: Path) -> bool:
    """Whether a path is an index, or a run that has or will have one, and not a model."""
    if not path.is_dir():
        return False
    return (path / manifests.FILE).is_file() or (path / RUN_INDEX).is_dir() or (path / "config.yaml").exists()


def model_folder(folder: Path, manifest: IndexManifest) -> Path:
    """The folder of the model of an index."""
    return (folder / manifest.model).resolve()
