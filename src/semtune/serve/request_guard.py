"""Guards each request: size and time of what the client sends, time of the answer, and work that nobody waits for."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semtune.serve.account import account
from semtune.serve.errors import ApiError, Dialect, refusal
from semtune.serve.request_body import CLOSE, BodyLimits, ClientLeft, read_body, streamed

LARGE = 256 * 1024  # bytes of a body that must not wait for a collection by chance
MAX_URL = 32 * 1024  # bytes of path and query
MAX_HEADERS = 32 * 1024  # bytes of names and values
RETRY_AFTER = "1"
Refuse: TypeAlias = Callable[[ApiError, Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Guarded:
    """What a request may take.

    Attributes:
        body: limits of the body.
        seconds: until the answer must have begun.
        streamed: paths, and beginnings of paths that end with a slash, whose bodies are read in parts and whose work
            may take as long as it needs.
        dialects: forms of the errors.
    """

    body: BodyLimits
    seconds: float
    streamed: tuple[str, ...] = ()
    dialects: Sequence[Dialect] = ()

    def is_streamed(self, path: str) -> bool:
        """Whether a path is one of those that take long."""
        return any(path == one.rstrip("/") or (one.endswith("/") and path.startswith(one)) for one in self.streamed)


class RequestGuard:
    """ASGI middleware: refuses what is too large or too slow, and cancels what nobody waits for.

    The endpoint is cancelled when the client closes the connection, or when the time is over, which is answered with
    503. Work that waits for a thread is then dropped; work that runs in a thread is finished, and its result thrown
    away.
    """

    def __init__(self, app: ASGIApp, guarded: Guarded) -> None:
        self._app = app
        self._guarded = guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = self._guarded
        try:
            _check_head(scope)
            if given.is_streamed(scope["path"]):
                await self._app(scope, streamed(scope, receive, given.body.seconds), send)
                return
            body = await read_body(scope, receive, given.body)
        except ApiError as error:
            await self._refuse(error, scope, receive, send)
        except ClientLeft:
            account().gone = True
        else:
            await _Answering(self._app, scope, receive, send).within(given.seconds, body, self._refuse)
            if len(body) > LARGE:
                del body
                gc.collect()  # errors hold it in reference cycles; what was there at the start is frozen

    async def _refuse(self, error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
        await refusal(scope["path"], error, self._guarded.dialects)(scope, receive, send)


class _Answering:
    """One request whose body has been read."""

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self._app, self._scope, self._send_out = app, scope, send
        self._started = False
        self._left = asyncio.ensure_future(_until_gone(receive))
        self._receive_raw = receive

    async def within(self, seconds: float, body: bytes, refuse: Refuse) -> None:
        """Run the endpoint until it has answered, the client has left or the time is over."""
        working = asyncio.ensure_future(self._app(self._scope, self._replay(body), self._send))
        try:
            await asyncio.wait({working, self._left}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if self._started and not working.done() and not self._left.done():  # its end may take longer
                await asyncio.wait({working, self._left}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await working
                return
            await _cancelled(working)
            if self._left.done():
                account().gone = True
            else:
                await refuse(_too_slow(seconds), self._scope, self._receive_raw, self._send_out)
        finally:
            await _cancelled(working)
            await _cancelled(self._left)

    def _replay(self, body: bytes) -> Receive:
        sent = False

        async def receive() -> Message:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}
            await asyncio.wait({self._left})
            return {"type": "http.disconnect"}

        return receive

    async def _send(self, message: Message) -> None:
        self._started = True
        await self._send_out(message)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancelled(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # read, so that asyncio does not report it as forgotten


def _check_head(scope: Scope) -> None:
    url = len(scope.get("raw_path") or b"") + len(scope.get("query_string", b""))
    if url > MAX_URL:
        raise ApiError(
            414,
            f"The address has {url:,} bytes; the limit is {MAX_URL:,}. Send the text in the body of a POST.",
            headers=CLOSE,
        )
    size = sum(len(name) + len(value) for name, value in scope["headers"])
    if size > MAX_HEADERS:
        raise ApiError(
            431,
            f"The headers have {size:,} bytes; the limit is {MAX_HEADERS:,}. Send fewer or shorter ones.",
            headers=CLOSE,
        )


def _too_slow(seconds: float) -> ApiError:
    return ApiError(
        503,
        f"The answer was not ready within {seconds:g} seconds and was given up. Send fewer texts in one request, or "
        "try again when the server is less busy.",
        code="timeout",
        headers={"Retry-After": RETRY_AFTER},
    )
