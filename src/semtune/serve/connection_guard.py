"""Guards each connection, before there is a request: time and size of what a client sends until its headers are whole.

uvicorn limits neither: a client may open many connections and send a byte a minute on each (slowloris), or headers
without end.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol, cast

from uvicorn.config import Config
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.server import ServerState

HEAD_SECONDS = 20.0  # for a client to send request line and headers
HEAD_BYTES = 64 * 1024  # of both; the limit of the application is lower, and answers in words


def _answer(status: str, said: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {len(said)}\r\n"
    return f"{head}connection: close\r\n\r\n{said}".encode("ascii")


REFUSED = _answer("431 Request Header Fields Too Large", "The request line and the headers are too large.\n")
LATE = _answer("408 Request Timeout", "The headers of the request did not arrive in time.\n")


class _Http(Protocol):
    """What the protocols of uvicorn have in common."""

    cycle: Any

    def connection_made(self, transport: asyncio.Transport) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def eof_received(self) -> bool | None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class GuardedConnection(asyncio.Protocol):
    """Passes a connection on to uvicorn's own protocol, whichever it is, and closes it if no request comes of it."""

    head_seconds = HEAD_SECONDS

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """As uvicorn makes its protocols."""
        self._http: _Http = AutoHTTPProtocol(config, server_state, app_state, _loop)  # type: ignore[call-arg]
        self._loop = _loop or asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._received = 0  # bytes of a head that is not complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._http.connection_made(self._transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Pass data on, and see whether a head is complete."""
        self._received += len(data)
        self._http.data_received(data)
        if self._in_request():
            self._received = 0
            self._forget()
        elif self._received > HEAD_BYTES:
            self._close(REFUSED)
        elif self._timer is None:  # the first bytes after an answer
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self._forget()
        self._http.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """Pass it on: uvicorn closes the connection, also if the client still reads."""
        return self._http.eof_received()

    def pause_writing(self) -> None:
        """Pass it on."""
        self._http.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._http.resume_writing()

    def _in_request(self) -> bool:
        cycle = self._http.cycle
        return cycle is not None and not cycle.response_complete

    def _expect(self) -> None:
        self._timer = self._loop.call_later(self.head_seconds, self._late)

    def _late(self) -> None:
        self._timer = None
        if not self._in_request():
            self._close(LATE if self._received else b"")

    def _close(self, answer: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            if answer:
                self._transport.write(answer)
            self._transport.close()

    def _forget(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
