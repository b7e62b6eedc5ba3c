"""A retriever and embeddings for LlamaIndex; `pip install 'semtune[llamaindex]'`."""

from __future__ import annotations

import asyncio

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from pydantic import PrivateAttr

from semtune.encoders.load import load_encoder
from semtune.index.where import Where
from semtune.integrations.passages import TIMEOUT, facts, open_passages
from semtune.protocols import Encoder
from semtune.search.mode import SearchMode
from semtune.search.options import SearchOptions
from semtune.types import Hit

FOR_READERS = ("title", "source", "headings", "url")
"""Metadata that language models see; the rest stays with the node."""


class SemtuneRetriever(BaseRetriever):
    """Searches an index for LlamaIndex.

    Example:
        >>> retriever = SemtuneRetriever("runs/python-docs", k=3)  # doctest: +SKIP
        >>> retriever.retrieve("how do I read a zip file")[0].metadata["title"]  # doctest: +SKIP
        'zipfile.ZipFile.read'
    """

    def __init__(
        self,
        index: str,
        k: int = 5,
        *,
        min_score: str | float | None = None,
        where: Where | None = None,
        mode: SearchMode = "auto",
        group_by: str | None = None,
        diversity: float = 0.0,
        api_key: str = "",
        timeout: float = TIMEOUT,
    ) -> None:
        """Open the index.

        Args:
            index: an index folder, a run folder, or the URL of a Semtune server.
            k: maximum number of nodes.
            min_score: leave out what is less similar: a score, or a calibrated threshold. With "best-f1", a
                question that no document answers returns nothing.
            where: a filter on the metadata.
            mode: "dense", "keyword", "hybrid", or "auto": what the index remembers.
            group_by: one hit for each "document" that passages come from, or for each value of a field.
            diversity: from 0 to 1: prefer hits that differ from those before.
            api_key: of the server.
            timeout: seconds until an answer of the server is given up.

        Raises:
            SemtuneError: it cannot be opened.
        """
        super().__init__()
        self._options = SearchOptions(
            k=k, min_score=min_score, where=where, mode=mode, group_by=group_by, diversity=diversity
        )
        self._passages = open_passages(index, api_key, timeout)

    def close(self) -> None:
        """Close the index, or the connections to the server."""
        self._passages.close()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [_node(hit) for hit in self._passages.search(query_bundle.query_str, self._options)]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


class SemtuneEmbedding(BaseEmbedding):
    """Embeds queries and documents for LlamaIndex, each with the prompt of its role, without torch if exported."""

    _encoder: Encoder = PrivateAttr()

    def __init__(self, model: str, runtime: str = "auto", embed_batch_size: int = 256) -> None:
        """Open a model folder or a hub id.

        Raises:
            SemtuneError: it cannot be opened.
        """
        encoder = load_encoder(model, runtime)
        super().__init__(model_name=encoder.contract.name, embed_batch_size=embed_batch_size)
        self._encoder = encoder

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._encoder.encode([query], "query").vectors[0].tolist()

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._encoder.encode(texts, "document").vectors.tolist() if texts else []

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)


def _node(hit: Hit) -> NodeWithScore:
    metadata = facts(hit)
    hidden = [name for name in metadata if name not in FOR_READERS]
    node = TextNode(
        id_=hit.id,
        text=hit.text,
        metadata=metadata,
        excluded_llm_metadata_keys=hidden,
        excluded_embed_metadata_keys=hidden,
    )
    return NodeWithScore(node=node, score=hit.score)
