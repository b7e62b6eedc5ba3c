"""HTTP by hand over a socket: what no well-behaved client sends."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

PATIENCE = 10.0  # seconds; a reply takes milliseconds, but the machine may be busy


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def words(self) -> str:
        """The message of an error, in whichever form the dialect has; the whole body of what is not JSON."""
        text = self.body.decode("utf-8")
        try:
            content = json.loads(text)
        except ValueError:
            return text
        if isinstance(content, dict):
            for name in ("detail", "error", "message"):
                if name in content:
                    inner = content[name]
                    return inner.get("message", "") if isinstance(inner, dict) else str(inner)
        return text


class NoReplyError(Exception):
    """The server closed the connection without a word."""


@contextmanager
def connected(port: int, timeout: float = PATIENCE) -> Iterator[socket.socket]:
    """A connection to the server."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        yield connection


def read_reply(connection: socket.socket, method: str = "GET") -> Reply:
    """Read one response.

    Raises:
        NoReplyError: there is none.
        TimeoutError: the server hangs.
    """
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        body = response.read()
    except (http.client.BadStatusLine, ConnectionError) as error:
        raise NoReplyError(repr(error)) from None
    finally:
        response.close()
    return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def exchange(port: int, data: bytes | Iterable[bytes], method: str = "GET", timeout: float = PATIENCE) -> Reply:
    """Send bytes as they are, as far as the server takes them, and read the response."""
    with connected(port, timeout) as connection:
        # A server that refuses a body stops reading it; its answer is there nevertheless.
        with contextlib.suppress(ConnectionError):
            for piece in [data] if isinstance(data, bytes) else data:
                connection.sendall(piece)
        return read_reply(connection, method)


def request(
    method: str, target: str, body: bytes = b"", headers: Iterable[tuple[str, str]] = (), version: str = "1.1"
) -> bytes:
    """The bytes of a request; a Content-Length is added unless the headers frame the body themselves."""
    lines = [f"{method} {target} HTTP/{version}", "Host: localhost"]
    given = list(headers)
    lines += [f"{name}: {value}" for name, value in given]
    if not {name.lower() for name, _ in given} & {"content-length", "transfer-encoding"} and (body or method != "GET"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def post(target: str, body: bytes, *headers: tuple[str, str]) -> bytes:
    """A POST of JSON."""
    named = {name.lower() for name, _ in headers}
    kind = () if "content-type" in named else (("Content-Type", "application/json"),)
    return request("POST", target, body, [*kind, *headers])
