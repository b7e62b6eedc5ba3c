"""The tools as an MCP server: over stdio, or as an HTTP application."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from pydantic import BaseModel, ValidationError

from semtune import __version__
from semtune.errors import SemtuneError, nearest
from semtune.index.follow import Following
from semtune.machine import usable_cpus
from semtune.search.searcher import Searcher
from semtune.serve.mcp import schemas, texts, tools
from semtune.settings import in_words

LOG = logging.getLogger(__name__)

INSTRUCTIONS = (
    "Searches documents. Call search with the user's question, and fetch to read a result whole. Answer "
    "from what they return and name the sources. Where search says that the answer is not in these documents, say so "
    "instead of answering from memory."
)
READ_ONLY = types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


@dataclass(frozen=True, slots=True)
class _Tool:
    title: str
    description: str
    takes: type[BaseModel]
    gives: type[BaseModel]
    work: Callable[[Following[Searcher], Any], BaseModel]
    text: Callable[[Any], str]


TOOLS = {
    "search": _Tool(
        "Search the documents",
        "Find the passages that answer a question, with their sources. If nothing reaches the calibrated floor, the "
        "result says that the answer is not in these documents.",
        schemas.SearchArguments,
        schemas.SearchResult,
        tools.search,
        texts.search_text,
    ),
    "fetch": _Tool(
        "Read a document",
        "Get the whole text and the metadata of a document that search or similar found.",
        schemas.FetchArguments,
        schemas.FetchResult,
        tools.fetch,
        texts.fetch_text,
    ),
    "similar": _Tool(
        "Find similar documents",
        "Find the passages most like one that search found.",
        schemas.SimilarArguments,
        schemas.Found,
        tools.similar,
        texts.similar_text,
    ),
}


def mcp_server(index: Following[Searcher], name: str) -> Server[Any]:
    """A server with the tools search, fetch and similar.

    Call `registry.need("mcp")` before importing this module.

    Args:
        index: what they read; another version of it is picked up.
        name: of the server, for the host's list.
    """
    limiter = anyio.CapacityLimiter(max(2, usable_cpus()))

    async def on_list(context: Any, params: Any) -> types.ListToolsResult:
        del context, params
        fields = await anyio.to_thread.run_sync(tools.description, index, limiter=limiter)
        return types.ListToolsResult(tools=[_listed(each, tool, fields) for each, tool in TOOLS.items()])

    async def on_call(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        del context
        work = partial(call, index, params.name, params.arguments or {})
        return await anyio.to_thread.run_sync(work, limiter=limiter)

    return Server(
        name,
        version=__version__,
        title="Semtune",
        instructions=INSTRUCTIONS,
        get_tool_input_schema=lambda each: TOOLS[each].takes.model_json_schema() if each in TOOLS else None,
        on_list_tools=on_list,
        on_call_tool=on_call,
    )


def call(index: Following[Searcher], name: str, arguments: dict[str, Any]) -> types.CallToolResult:
    """Run a tool; whatever goes wrong is a result in words, which the language model reads and can act on."""
    if name not in TOOLS:
        return _error(f"There is no tool {name!r}. Allowed: {', '.join(TOOLS)}.{nearest(name, TOOLS)}")
    tool = TOOLS[name]
    try:
        result = tool.work(index, tool.takes.model_validate(arguments))
    except ValidationError as error:
        return _error(in_words(error, tool.takes))
    except SemtuneError as error:
        return _error(str(error))
    except Exception:
        LOG.exception("The tool %s failed", name)
        return _error("Internal error. This is a bug in Semtune; the log of `semtune mcp` has the details.")
    shown = types.TextContent(type="text", text=tool.text(result))
    return types.CallToolResult(content=[shown], structured_content=result.model_dump(mode="json"))


def serve_stdio(server: Server[Any]) -> None:
    """Serve over stdin and stdout until the host closes them."""

    async def run() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    anyio.run(run)


def _listed(name: str, tool: _Tool, fields: str) -> types.Tool:
    return types.Tool(
        name=name,
        title=tool.title,
        description=f"{tool.description} {fields}" if name == "search" else tool.description,
        input_schema=tool.takes.model_json_schema(),
        output_schema=tool.gives.model_json_schema(),
        annotations=READ_ONLY,
    )


def _error(message: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=message)], is_error=True)
