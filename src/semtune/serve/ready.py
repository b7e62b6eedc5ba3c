"""Listens while models are opened and checked: requests are answered 503 until the application is ready."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LIVE = "/health/live"
HEALTH_PATHS = ("/health", LIVE)
RETRY_AFTER = "1"


class Ready:
    """ASGI application in front of one that is still to be made."""

    def __init__(
        self,
        make: Callable[[], ASGIApp],
        on_ready: Callable[[], None],
        on_error: Callable[[BaseException], None],
        on_stop: Callable[[], None],
    ) -> None:
        """Remember how to make the application; a thread does so when the server starts.

        Args:
            make: opens and checks the models, and makes the application.
            on_ready: called once, when requests are answered.
            on_error: called when `make` has failed.
            on_stop: called when the server has answered its last request.
        """
        self._make, self._on_ready, self._on_error, self._on_stop = make, on_ready, on_error, on_stop
        self._app: ASGIApp | None = None
        self._making: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the application, or say that it is not ready."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif self._app:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _not_yet(scope["path"])(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._making = asyncio.ensure_future(self._made())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        with contextlib.suppress(asyncio.CancelledError):
            await self._making
        self._on_stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _made(self) -> None:
        with ThreadPoolExecutor(1, "semtune-open") as thread:
            try:
                self._app = await asyncio.wrap_future(thread.submit(self._make))
            except BaseException as error:  # whoever started the server raises it
                self._on_error(error)
                return
        self._on_ready()


def _not_yet(path: str) -> JSONResponse:
    if path.rstrip("/") == LIVE:
        return JSONResponse({"status": "starting"})
    message = "The server is starting: models are being opened and checked. Try again in a second."
    # Both forms in one, since which dialect a path has is not known yet.
    content = {
        "detail": message,
        "error": {"message": message, "type": "server_error", "param": None, "code": "starting"},
        "error_type": "unhealthy",
    }
    return JSONResponse(content, 503, headers={"Retry-After": RETRY_AFTER})
