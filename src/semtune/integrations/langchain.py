"""A retriever and embeddings for LangChain; `pip install 'semtune[langchain]'`."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from pydantic import PrivateAttr, SecretStr

from semtune.encoders.load import load_encoder
from semtune.integrations.passages import TIMEOUT, Passages, facts, open_passages
from semtune.search.mode import SearchMode
from semtune.search.options import SearchOptions


class SemtuneRetriever(BaseRetriever):
    """Searches an index for LangChain.

    Example:
        >>> retriever = SemtuneRetriever(index="runs/python-docs", k=3)  # doctest: +SKIP
        >>> retriever.invoke("how do I read a zip file")[0].metadata["title"]  # doctest: +SKIP
        'zipfile.ZipFile.read'

    Attributes:
        index: an index folder, a run folder, or the URL of a Semtune server.
        k: maximum number of documents.
        min_score: leave out what is less similar: a score, or a calibrated threshold. With "best-f1", a
            question that no document answers returns nothing.
        where: a filter on the metadata.
        mode: "dense", "keyword", "hybrid", or "auto": what the index remembers.
        group_by: one hit for each "document" that passages come from, or for each value of a field.
        diversity: from 0 to 1: prefer hits that differ from those before.
        api_key: of the server.
        timeout: seconds until an answer of the server is given up.
    """

    index: str
    k: int = 5
    min_score: str | float | None = None
    where: dict[str, Any] | str | None = None
    mode: SearchMode = "auto"
    group_by: str | None = None
    diversity: float = 0.0
    api_key: SecretStr | None = None
    timeout: float = TIMEOUT
    _passages: Passages = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Open the index.

        Raises:
            SemtuneError: it cannot be opened.
        """
        super().model_post_init(context)
        key = self.api_key.get_secret_value() if self.api_key else ""
        self._passages = open_passages(self.index, key, self.timeout)

    def close(self) -> None:
        """Close the index, or the connections to the server."""
        self._passages.close()

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        del run_manager
        options = SearchOptions(
            k=self.k,
            min_score=self.min_score,
            where=self.where,
            mode=self.mode,
            group_by=self.group_by,
            diversity=self.diversity,
        )
        hits = self._passages.search(query, options)
        return [Document(id=hit.id, page_content=hit.text, metadata=facts(hit)) for hit in hits]


class SemtuneEmbeddings(Embeddings):
    """Embeds queries and documents for LangChain, each with the prompt of its role, without torch if exported."""

    def __init__(self, model: str, runtime: str = "auto") -> None:
        """Open a model folder or a hub id.

        Raises:
            SemtuneError: it cannot be opened.
        """
        self._encoder = load_encoder(model, runtime)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of documents."""
        return self._encoder.encode(texts, "document").vectors.tolist() if texts else []

    def embed_query(self, text: str) -> list[float]:
        """The vector of a query."""
        return self._encoder.encode([text], "query").vectors[0].tolist()
