"""Sees every request from outside: its id, a line in the log, the metrics, a span."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Iterable
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semtune.serve.account import Account, begin
from semtune.serve.ready import HEALTH_PATHS
from semtune.serve.tracing import Tracing

ACCESS = logging.getLogger("semtune.access")
REQUEST_ID = b"x-request-id"
GOOD_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")  # others are replaced: the id is written into the log
QUIET = (*HEALTH_PATHS, "/metrics")  # asked every few seconds by machines
CLOSE = (b"connection", b"close")  # after an answer to a body that was not read: it would be taken for a request
GONE = 499  # nginx's number for a client that closed the connection


class Meter(Protocol):
    """Is told of each request; `semtune.serve.metrics.Metrics` is one."""

    def began(self) -> None:
        """A request has begun."""
        ...

    def ended(self, path: str, method: str, status: int, seconds: float, mine: Account) -> None:
        """A request has been answered."""
        ...


class Observed:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp, meter: Meter, tracing: Tracing, log_texts: bool = False) -> None:
        self._app, self._meter, self._tracing, self._log_texts = app, meter, tracing, log_texts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and keep account of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        mine = Account(_id_of(scope))
        begin(mine)
        status = 500  # of an exception that reaches us: the outermost handler answers it
        started = time.perf_counter()

        unread = _has_body(scope)

        async def read() -> Message:
            nonlocal unread
            message = await receive()
            unread = unread and message.get("more_body", False)
            return message

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _completed(message.get("headers", []), mine.id, unread)
            await send(message)

        self._meter.began()
        with self._tracing.request(scope) as span:
            try:
                await self._app(scope, read, named)
            finally:
                status = GONE if mine.gone else status
                span.end(route_of(scope), status, mine)
                seconds = time.perf_counter() - started
                self._meter.ended(route_of(scope), scope["method"], status, seconds, mine)
                self._write(scope, status, seconds, mine)

    def _write(self, scope: Scope, status: int, seconds: float, mine: Account) -> None:
        level = logging.DEBUG if scope["path"].rstrip("/") in QUIET else logging.INFO
        if not ACCESS.isEnabledFor(level):
            return
        told = {
            "request_id": mine.id,
            "method": scope["method"],
            "path": scope["path"],  # without the part after "?", which may hold a query
            "status": status,
            "ms": round(seconds * 1000, 2),
            "queue_ms": round(mine.waited * 1000, 2),
            "model": mine.model or None,
            "texts": mine.texts,
        }
        if self._log_texts and mine.queries:
            told["queries"] = list(mine.queries)
        ACCESS.log(
            level, "request", extra={"request": {key: value for key, value in told.items() if value is not None}}
        )


def route_of(scope: Scope) -> str:
    """The route that answers, such as `/documents/{id}`; "other" where there is none, so that names stay few."""
    return getattr(scope.get("route"), "path", None) or "other"


def _completed(headers: Iterable[tuple[bytes, bytes]], request_id: str, unread: bool) -> list[tuple[bytes, bytes]]:
    made = [*headers, (REQUEST_ID, request_id.encode("ascii"))]
    return [*made, CLOSE] if unread and not any(name == CLOSE[0] for name, _ in made) else made


def _has_body(scope: Scope) -> bool:
    return any(
        (name == b"content-length" and value != b"0") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )


def _id_of(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == REQUEST_ID and GOOD_ID.fullmatch(value):
            return value.decode("ascii")
    return uuid.uuid4().hex
