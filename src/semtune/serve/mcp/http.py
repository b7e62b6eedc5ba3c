"""The MCP server over streamable HTTP, with an API key where one is set."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PATH = "/mcp"
KEY_VARIABLE = "SEMTUNE_MCP_KEY"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")  # as a client writes them
MAX_BODY = 256 * 1024


def http_app(server: Server[Any], host: str, key: str = "", names: Sequence[str] = ()) -> Starlette:
    """The application; every request stands for itself, so that there are no sessions to lose.

    Args:
        server: made by `mcp_server`.
        host: that it listens on. On this machine only, requests for other names than its own are refused: a web page
            may point a name of its own at this machine (DNS rebinding).
        key: that requests must show as `Authorization: Bearer KEY`; empty: none.
        names: further host names under which a proxy passes requests on.
    """
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        max_request_body_size=MAX_BODY,
        transport_security=_allowed(host, names),
        host=host,
    )
    if key:
        app.add_middleware(RequireKey, key=key)
    return app


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    return host in ("localhost", "::1") or host.startswith("127.")


def _allowed(host: str, names: Sequence[str]) -> TransportSecuritySettings:
    if not names and not is_loopback(host):
        return TransportSecuritySettings(enable_dns_rebinding_protection=False)
    hosts = [*LOOPBACK, *names]
    return TransportSecuritySettings(
        allowed_hosts=(forms := [form for name in hosts for form in (name, f"{name}:*")]),
        allowed_origins=[f"{scheme}://{form}" for form in forms for scheme in ("http", "https")],
    )


class RequireKey:
    """ASGI middleware: answers 401 without the key. Keys are compared by their hashes, in constant time."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._hash = _hashed(key.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if it has the key."""
        if scope["type"] == "http" and not self._known(scope):
            refused = JSONResponse(
                {"detail": "The API key is missing or wrong. Send it in the header 'Authorization: Bearer KEY'."},
                401,
                headers={"WWW-Authenticate": "Bearer"},
            )
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _known(self, scope: Scope) -> bool:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, key = given.partition(b" ")
        return hmac.compare_digest(_hashed(key.strip()), self._hash) and scheme.lower() == b"bearer"


def _hashed(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
