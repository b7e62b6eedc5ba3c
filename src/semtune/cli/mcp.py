"""`semtune mcp`: an index as tools for chatbots."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, Console
from semtune.cli.index_options import INDEX, SEARCH_MODEL, SEARCH_TRUNCATE

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def mcp(
    index: Annotated[Path, INDEX],
    http: Annotated[
        bool, typer.Option("--http", help="Serve over streamable HTTP; by default over stdin and stdout.")
    ] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="With --http; 0 takes a free port.")] = 8081,
    host: Annotated[
        str, typer.Option("--host", help="With --http; 0.0.0.0 accepts connections from other machines.")
    ] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="With --http; a host name under which a proxy passes requests on."),
    ] = None,
    model: Annotated[str | None, SEARCH_MODEL] = None,
    truncate: Annotated[str | None, SEARCH_TRUNCATE] = None,
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Serve an index to chatbots by the Model Context Protocol: tools search, fetch and similar.

    With --http, requests must show the API key in SEMTUNE_MCP_KEY, if it is set, as `Authorization: Bearer KEY`.
    """
    from semtune.encoders.load import parse_runtime
    from semtune.encoders.windows import parse_truncate
    from semtune.errors import ConfigError
    from semtune.machine import share_freed_memory
    from semtune.registry import need

    need("mcp")
    from semtune.search.following import follow_searcher
    from semtune.serve.mcp.server import mcp_server, serve_stdio

    if as_json and not http:
        raise ConfigError("--json describes the address, so it needs --http; over stdio, stdout is the protocol's.")
    rule = parse_truncate(truncate) if truncate else None
    share_freed_memory()
    with redirect_stdout(sys.stderr):  # over stdio, stdout carries nothing but the protocol
        followed = follow_searcher(index, model, parse_runtime(runtime), rule)
    try:
        server = mcp_server(followed, f"semtune-{index.resolve().name}")
        if http:
            from semtune.serve.mcp.http import KEY_VARIABLE, http_app, is_loopback

            key = os.environ.get(KEY_VARIABLE, "").strip()
            console = Console(as_json)
            if not key and not is_loopback(host):
                console.say(f"warning: whoever reaches this machine can search the index. Set {KEY_VARIABLE} to a key.")
            count = followed.value.count
            _serve_http(http_app(server, host, key, allow_host or ()), host, port, console, count, bool(key))
        else:
            serve_stdio(server)
    finally:
        followed.close()


def _serve_http(app: ASGIApp, host: str, port: int, console: Console, count: int, with_key: bool) -> None:
    from semtune.serve.mcp.http import PATH
    from semtune.serve.server import run_server

    def announce(url: str) -> None:
        address = f"{url}{PATH}"
        console.say(f"Serving {count:,} documents by MCP at {address}  —  Ctrl-C stops it.")
        console.document({"url": address, "documents": count, "key": with_key, "tools": ["search", "fetch", "similar"]})

    run_server(app, host, port, announce)
