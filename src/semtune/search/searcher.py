"""Searches an index for the documents that match a query. Imports neither torch nor transformers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from semtune.encoders.checked import Tokenizes
from semtune.encoders.load import load_encoder
from semtune.encoders.unreadable import unreadable_query
from semtune.errors import InputError, ModelError, TooLongError
from semtune.index import manifest as manifests
from semtune.index.collection import Collection, Match, Snapshot
from semtune.index.manifest import IndexManifest
from semtune.index.open import open_collection
from semtune.protocols import Encoder
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

    def __init__(self, encoder: Encoder, collection: Collection) -> None:
        """Combine parts that are already open.

        Raises:
            ContractError: the encoder is not the model the index was built with.
        """
        manifests.require_same_model(collection.manifest, encoder.contract)
        self.encoder = encoder
        self.manifest = collection.manifest
        self.collection = collection

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
        return cls(encoder, open_collection(folder, manifest))

    @property
    def count(self) -> int:
        """Documents in the index."""
        with self.collection.snapshot() as snapshot:
            return snapshot.count()

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
        cut = [0] * len(queries) if asked.beyond is None else asked.beyond.tolist()
        with self.collection.snapshot() as snapshot:
            found = snapshot.search(asked.vectors, k)
            return [
                Answer(self._hits(snapshot, matches, floor), beyond, self._warnings(query, beyond))
                for query, matches, beyond in zip(queries, found, cut, strict=True)
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
        self.collection.close()

    def _hits(self, snapshot: Snapshot, found: Sequence[Match], floor: float) -> list[Hit]:
        kept = [match for match in found if match.score >= floor]
        documents = snapshot.get([match.id for match in kept])
        curve = self.encoder.contract.calibration
        return [
            Hit(d.id, score, d.text, d.title, d.metadata, curve.probability(score) if curve else None)
            for d, (_, score) in zip(documents, kept, strict=True)
            if d is not None
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
