"""Runs the application until it is stopped."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from semtune.errors import SemtuneError
from semtune.registry import need

if TYPE_CHECKING:
    from starlette.types import ASGIApp
    from uvicorn import Config, Server

BACKLOG = 256
GRACE = 10  # seconds for requests in progress when the server is stopped
KEEP_ALIVE = 75  # seconds an unused connection stays open; clients and proxies keep theirs about a minute
ANSWERS_PARENT = 60  # seconds; a process that still imports does not answer, and would be started again and again
MAX_HEAD = 64 * 1024  # bytes of request line and headers


class AddressError(SemtuneError):
    """The server cannot listen on the address."""


def run_server(
    app: ASGIApp, host: str = "127.0.0.1", port: int = 8080, announce: Callable[[str], None] | None = None
) -> None:
    """Serve `app` until Ctrl-C or SIGTERM, then finish the requests in progress and return.

    Args:
        app: an application that is ready.
        host: name or address to listen on; "0.0.0.0" or "::" accepts other machines.
        port: 0 for any free port.
        announce: called once with the server's URL, when it accepts connections.

    Raises:
        AddressError: the port is in use or not allowed, or the host is not an address of this machine.
        MissingExtraError: uvicorn is not installed.
    """
    need("uvicorn")
    with listen(host, port) as listener:
        if announce:
            announce(url(listener))
        run_until_stopped(uvicorn_server(app), listener)


def uvicorn_server(app: ASGIApp) -> Server:
    """A server of an application, with the limits of `uvicorn_config`."""
    from uvicorn import Server

    return Server(uvicorn_config(app))


def uvicorn_config(app: ASGIApp | Callable[[], ASGIApp], *, factory: bool = False, workers: int = 1) -> Config:
    """How uvicorn runs; the log is ours, or nobody's where none was configured.

    Args:
        app: the application.
        factory: `app` is called in each process, and makes it.
        workers: processes.
    """
    from uvicorn import Config

    from semtune.serve.connection_guard import GuardedConnection

    return Config(
        app,
        factory=factory,
        workers=workers,
        http=GuardedConnection,
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=MAX_HEAD,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        timeout_worker_healthcheck=ANSWERS_PARENT,
    )


def run_until_stopped(server: Server, listener: socket.socket) -> None:
    """Run a server until Ctrl-C, SIGTERM or its own wish."""
    with _sigterm_as_interrupt(), suppress(KeyboardInterrupt):  # uvicorn raises it again when it has stopped
        server.run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket, so that a port in use is noticed before anything starts.

    Raises:
        AddressError: see `run_server`.
    """
    if not 0 <= port <= 65535:  # getaddrinfo would take it modulo 65536
        raise AddressError(f"Port {port} does not exist. Give a port from 1 to 65535, or 0 for any free port.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise AddressError(_unusable(host, port, error)) from None
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere the option lets two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)  # now, not later: until then a second server could bind the same port
    except OSError as error:
        listener.close()
        raise AddressError(_unusable(host, port, error)) from None
    return listener


def url(listener: socket.socket) -> str:
    """The address to open in a browser on this machine."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _unusable(host: str, port: int, error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is already in use, perhaps by another `semtune serve`. "
            "Give another with --port, or 0 for any free port."
        )
    if number in {errno.EACCES, errno.EPERM}:
        return (
            f"You are not allowed to use port {port}; ports below 1024 are usually reserved for the system. "
            "Give another with --port."
        )
    if number == errno.EADDRNOTAVAIL or isinstance(error, (socket.gaierror, UnicodeError)):
        return (
            f"{host!r} is not an address of this machine. "
            "Give 127.0.0.1 (this machine only) or 0.0.0.0 (all its addresses) with --host."
        )
    return f"Cannot listen on {host} port {port}: {error}. Give another address with --host and --port."


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Turn SIGTERM into KeyboardInterrupt, so that the caller's `finally` blocks run."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
