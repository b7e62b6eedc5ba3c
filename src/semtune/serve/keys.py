"""API keys: who may ask, who may write and who may look after the indexes.

The middleware stands before everything else, so that a request without a key reaches neither a route nor its body.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from semtune.serve.errors import ApiError, Dialect, refusal
from semtune.serve.key_file import KeyFile, KeyScope, keys_in
from semtune.serve.ready import HEALTH_PATHS

READING_METHODS = ("GET", "HEAD", "OPTIONS")
ADMIN, DOCUMENTS, FEEDBACK = "/admin", "/documents", "/feedback"
Origins: TypeAlias = Sequence[str]


def scope_needed(method: str, path: str) -> KeyScope:
    """What a key must be allowed to do for a request; feedback counts as reading, since every reader may judge."""
    if _under(path, ADMIN):
        return "admin"
    if _under(path, DOCUMENTS) and method not in READING_METHODS:
        return "write"
    return "write" if method in ("PUT", "PATCH", "DELETE") else "read"


def changes_something(method: str, path: str) -> bool:
    """Whether a request leaves something behind, so that a page of another site must not be able to send it."""
    return method not in READING_METHODS and (scope_needed(method, path) != "read" or _under(path, FEEDBACK))


def _under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")


class ApiKeys:
    """ASGI middleware: answers 401 without a known key, and 403 where the key may not do that.

    Browsers send the password of a page by themselves, also for a form on another site. So writes that another site
    began are refused, with keys or without.
    """

    def __init__(
        self, app: ASGIApp, file: KeyFile | None, dialects: Sequence[Dialect] = (), origins: Origins = ()
    ) -> None:
        """Take the keys; None: everybody may do all. `origins` are other sites whose pages may write."""
        self._app = app
        self._file = file
        self._dialects = dialects
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if it is allowed. `request.state` then has `key_name` and `key_scope`."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, path, headers = scope["method"], scope["path"], Headers(scope=scope)
        try:
            name, may = self._admitted(method, path, headers)
        except ApiError as error:
            answer = refusal(path, error, self._dialects)
            answer.headers["Connection"] = "close"  # the body was not read, so the connection cannot be used again
            await answer(scope, receive, send)
            return
        scope.setdefault("state", {}).update(key_name=name, key_scope=may)
        await self._app(scope, receive, send)

    def _admitted(self, method: str, path: str, headers: Headers) -> tuple[str, KeyScope]:
        if changes_something(method, path) and not self._same_site(headers):
            raise ApiError(
                403,
                "This request changes something and was sent by a page of another site, so it is refused. Use the "
                "server's own page, or allow the site with --cors-origin.",
                code="cross_site",
            )
        if self._file is None:
            return "", "admin"
        if path.rstrip("/") in HEALTH_PATHS:
            return "", "read"
        given = keys_in(headers)
        key = self._file.find(given)
        if key is None:
            raise _unknown(bool(given), _is_page(method, headers))
        needed = scope_needed(method, path)
        if not key.may(needed):
            raise ApiError(
                403,
                f"The key {key.name!r} may {key.scope} only; {method} {path} needs one with the scope {needed}.",
                code="insufficient_permissions",
            )
        return key.name, key.scope

    def _same_site(self, headers: Headers) -> bool:
        """Whether a request does not come from another site's page; programs send neither of the headers."""
        origin = headers.get("origin", "")
        if origin and origin in self._origins:
            return True
        if said := headers.get("sec-fetch-site", ""):  # by the browser, which also knows of proxies in between
            return said in ("same-origin", "none")
        return not origin or urlsplit(origin).netloc == headers.get("host", "")


def _unknown(given: bool, page: bool) -> ApiError:
    said = "The API key is not known here." if given else "This server needs an API key."
    scheme = 'Basic realm="semtune", charset="UTF-8"' if page else 'Bearer realm="semtune"'
    return ApiError(
        401,
        f"{said} Send one as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'; in a browser it is the password, with "
        "any user name.",
        code="invalid_api_key",
        headers={"WWW-Authenticate": scheme},
    )


def _is_page(method: str, headers: Headers) -> bool:
    return method in ("GET", "HEAD") and "text/html" in headers.get("accept", "")
