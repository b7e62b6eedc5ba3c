"""Searches an index for the documents that match a query. Imports neither torch nor transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from semtune.errors import InputError, ModelError
from semtune.index import manifest as manifests
from semtune.index import versions
from semtune.index.collection import Collection
from semtune.index.fusion import Fusion
from semtune.index.open import open_collection
from semtune.index.where import Where, parse_where
from semtune.protocols import Encoder
from semtune.search.answering import Parts, answers, like
from semtune.search.arrange import Reranker
from semtune.search.fields import FieldCheck
from semtune.search.index_encoder import encoder_of
from semtune.search.mode import Mode, SearchMode, chosen_mode, parse_mode
from semtune.search.options import SearchOptions
from semtune.search.places import has_index, index_folder, model_folder
from semtune.search.request import MAX_K, Request
from semtune.search.threshold import minimum_score
from semtune.types import Answer, Hit, Truncate

__all__ = ["MAX_K", "SearchOptions", "Searcher", "has_index", "index_folder", "model_folder"]

DEFAULTS = SearchOptions()


class Searcher:
    """An index that is open for search. Safe to use from many threads.

    Example:
        >>> searcher = Searcher.open("runs/python-docs")  # doctest: +SKIP
        >>> searcher.search("how do I read a zip file", k=3)[0].title  # doctest: +SKIP
        'zipfile.ZipFile.read'
    """

    def __init__(
        self,
        encoder: Encoder | None,
        collection: Collection,
        reranker: Reranker | None = None,
        mode: SearchMode = "auto",
    ) -> None:
        """Combine parts that are already open.

        Args:
            encoder: the model; None: for mode keyword only.
            collection: the index.
            reranker: scores (question, passage) pairs.
            mode: of searches in mode "auto"; "auto": what the index remembers.

        Raises:
            ContractError: the encoder is not the model the index was built with.
        """
        if encoder is not None:
            manifests.require_same_model(collection.manifest, encoder.contract)
        self.manifest = collection.manifest
        self.collection = collection
        self.reranker = reranker
        self.mode: SearchMode = mode
        self._encoder = encoder
        self._parts = Parts(encoder, collection, reranker, FieldCheck())

    @classmethod
    def open(
        cls,
        path: str | Path,
        model: str | None = None,
        runtime: str = "auto",
        truncate: Truncate | None = None,
        *,
        reranker: str | Reranker | None = None,
        mode: SearchMode = "auto",
    ) -> Searcher:
        """Open an index folder, or the index of a run folder.

        Args:
            path: the folder.
            model: another folder of the same model; by default the one recorded in the index.
            runtime: of the model; "auto": int8 for an index built with int8, else as in `load_encoder`, without int8.
            truncate: what becomes of queries longer than the model reads; None: as with the index's documents.
            reranker: a cross-encoder, or its folder or hub id, for `rerank`.
            mode: of searches in mode "auto"; with "keyword" no model is loaded.

        Raises:
            InputError: there is no complete index.
            ModelError: the index's model, or the cross-encoder, cannot be found.
            ContractError: the model has another fingerprint than the index, or the runtime computes other vectors.
        """
        folder = index_folder(Path(path))
        version = versions.current(folder)
        manifest = manifests.read(version)
        encoder = None if mode == "keyword" else encoder_of(folder, manifest, model, runtime, truncate)
        return cls(encoder, open_collection(version, manifest), _reranker(reranker), mode)

    @property
    def encoder(self) -> Encoder:
        """The model.

        Raises:
            ModelError: the index was opened for keyword search, without its model.
        """
        if self._encoder is None:
            raise ModelError(
                "This index was opened for mode keyword, without its model. For other modes open it with mode auto, "
                "dense or hybrid."
            )
        return self._encoder

    @property
    def count(self) -> int:
        """Documents in the index."""
        with self.collection.snapshot() as snapshot:
            return snapshot.count()

    def search(
        self,
        query: str,
        k: int = 10,
        min_score: str | float | None = None,
        *,
        where: Where | None = None,
        mode: SearchMode = "auto",
        rerank: int | None = None,
        group_by: str | None = None,
        diversity: float = 0.0,
        explain: bool = False,
        highlight: bool = False,
    ) -> list[Hit]:
        """The `k` documents that match `query` best, best first.

        Args:
            query: the query text.
            k: maximum number of hits.
            min_score: drop hits whose vectors are less similar than this: a score, or the name of a threshold
                ("best-f1", "p0.9").
            where: a filter on the metadata: `"lang=de and year>=2020"`, or `{"lang": "de", "year": {">=": 2020}}`.
            mode: "dense" (vectors), "keyword" (BM25), "hybrid" (both), or "auto": what the index remembers.
            rerank: number of best hits that the cross-encoder reads and sorts anew.
            group_by: one hit for each "document" that passages come from, or for each value of a field.
            diversity: from 0 to 1: prefer hits that differ from those before (maximal marginal relevance).
            explain: say how each hit was found.
            highlight: find the sentence of each hit that answers.

        Raises:
            InputError: the query is blank, a value is out of range, the filter cannot be understood or names a field
                that no document has, the model has no such threshold, or the index no full text.
        """
        options = SearchOptions(k, min_score, where, mode, rerank, group_by, diversity, explain, highlight)
        return self.answer(query, options).hits

    def answer(self, query: str, options: SearchOptions = DEFAULTS) -> Answer:
        """As `search`, with how much of the query was cut, and with warnings."""
        return self.answer_many([query], options)[0]

    def answer_many(self, queries: Sequence[str], options: SearchOptions = DEFAULTS) -> list[Answer]:
        """As `answer`, for many queries at once: they are encoded and looked up together."""
        return answers(self._parts, queries, self._request(options))

    def more_like_this(
        self,
        id_: str,
        k: int = 10,
        *,
        where: Where | None = None,
        group_by: str | None = None,
        diversity: float = 0.0,
        explain: bool = False,
    ) -> list[Hit]:
        """The `k` documents most similar to one of the index, by the vectors that it has; no model computes anything.

        Grouped, the document's own group is left out with it. There are no probabilities: those are of answers to
        questions.

        Raises:
            InputError: there is no such document, or a value is out of range.
        """
        request = Request(k, "dense", parse_where(where), group_by=group_by or "", diversity=diversity, explain=explain)
        request.check()
        return like(self._parts, id_, request)

    def mode_of(self, wanted: SearchMode = "auto") -> Mode:
        """The mode that a search in mode `wanted` has.

        Raises:
            ConfigError: there is no such mode.
            InputError: the index has no full text for it.
        """
        asked = parse_mode(self.mode if wanted == "auto" else wanted)
        return chosen_mode(asked, self.manifest, self.collection.has_full_text)

    def close(self) -> None:
        """Close the index's files and connections."""
        self.collection.close()

    def _request(self, asked: SearchOptions) -> Request:
        """What is asked, checked and with the index's own choices filled in."""
        mode = self.mode_of(asked.mode)
        encoder = None if mode == "keyword" else self.encoder  # refused here where the index was opened without it
        made = Request(
            k=asked.k,
            mode=mode,
            where=parse_where(asked.where),
            floor=_floor(asked.min_score, encoder),
            fusion=Fusion.of(self.manifest.fusion),
            rerank=asked.rerank or 0,
            group_by=asked.group_by or "",
            diversity=asked.diversity,
            explain=asked.explain,
            highlight=asked.highlight,
        )
        made.check()
        if made.rerank and self.reranker is None:
            raise InputError(
                "This index was opened without a cross-encoder. Name one: Searcher.open(path, reranker=MODEL), "
                "`semtune search INDEX QUERY --rerank MODEL`, or `semtune serve INDEX --rerank MODEL`."
            )
        return made


def _floor(min_score: str | float | None, encoder: Encoder | None) -> float | None:
    if min_score is None:
        return None
    if encoder is None:
        raise InputError(
            "min_score is a similarity of vectors, and mode keyword compares none. Leave it out, or use mode hybrid or "
            "dense."
        )
    return minimum_score(min_score, encoder.contract)


def _reranker(model: str | Reranker | None) -> Reranker | None:
    if model is None or not isinstance(model, str):
        return model
    from semtune.encoders.cross_encoder_onnx import open_reranker

    return open_reranker(model)
