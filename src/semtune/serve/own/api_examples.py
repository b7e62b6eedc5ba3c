"""Example bodies of the other dialects' routes, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute

RERANK = {"query": "how do I read a zip file", "documents": ["Read a zip file.", "Boil water."], "top_n": 1}
TEI: dict[str, dict[str, Any]] = {
    "/embed": {"inputs": ["how do I read a zip file", "Boil water."], "truncate": True},
    "/embed_all": {"inputs": "how do I read a zip file"},
    "/similarity": {"inputs": {"source_sentence": "read a zip file", "sentences": ["open an archive", "boil water"]}},
    "/rerank": {"query": "how do I read a zip file", "texts": ["Read a zip file.", "Boil water."]},
    "/tokenize": {"inputs": "how do I read a zip file"},
    "/decode": {"ids": [101, 2129, 102]},
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "/v1/embeddings": {"input": ["how do I read a zip file"], "encoding_format": "float", "input_type": "query"},
    "/v1/embed": {"texts": ["how do I read a zip file"], "input_type": "search_query"},
    "/v2/embed": {"texts": ["how do I read a zip file"], "input_type": "search_query", "embedding_types": ["float"]},
    "/v1/rerank": RERANK,
    "/v2/rerank": RERANK,
    **TEI,
    **{f"/tei/{{name}}{path}": body for path, body in TEI.items()},
}


def add_examples(routes: APIRouter) -> None:
    """Give the routes that are known here an example of their body; call it before they are included."""
    for route in routes.routes:
        if isinstance(route, APIRoute) and route.path in EXAMPLES and "POST" in (route.methods or ()):
            content = {"application/json": {"example": EXAMPLES[route.path]}}
            route.openapi_extra = {**(route.openapi_extra or {}), "requestBody": {"content": content}}
