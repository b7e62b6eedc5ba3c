"""Limits the size of request bodies."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """ASGI middleware: answers 413 when a body has more than `limit` bytes, with or without a Content-Length.

    The error is raised while the endpoint reads, so that the application's own handler writes the response.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and count its body as it is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = _content_length(scope)
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            if announced > self._limit:
                raise self._too_large()
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise self._too_large()
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> HTTPException:
        # The rest of the body is not read, so the connection cannot be used again.
        return HTTPException(
            413,
            f"The request body is larger than the limit of {self._limit:,} bytes. Send the texts in several requests.",
            headers={"Connection": "close"},
        )


def _content_length(scope: Scope) -> int:
    values = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(values[0]) if values and values[0].isdigit() else 0
