"""Connections to Milvus: the address, the secret, TLS, and errors in words."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from semtune.errors import InputError, StorageError
from semtune.index.manifest import IndexManifest
from semtune.index.settings import IndexSettings
from semtune.registry import need

if TYPE_CHECKING:
    from pymilvus import MilvusClient

Answer = TypeVar("Answer")
PATIENCE = 60.0  # seconds for which a call is repeated while the server does not answer
# The client pings an idle connection every 10 s. gRPC servers with default settings, such as milvus-lite, close it
# after the third ping ("too_many_pings"). With this option a dead server is still noticed during a call.
# The other options let it find a server that came back within a second, and not within up to two minutes.
CHANNEL = {
    "grpc.keepalive_permit_without_calls": False,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a Milvus database is, without any secret.

    Attributes:
        uri: a file ending in .db (milvus-lite), or "http://host:19530", or "https://..." for TLS.
        database: its name; empty for the default one.
        token_env: the environment variable that holds the token, "user:password" or an API key.
        tls_ca: PEM file with the certificate of the server or of its authority; empty: those of the system.
        tls_certificate, tls_key: PEM files of this client, for servers that ask for one.
    """

    uri: str
    database: str = ""
    token_env: str = "SEMTUNE_MILVUS_TOKEN"  # noqa: S105 - the name of a variable
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""

    @classmethod
    def of(cls, source: IndexSettings | IndexManifest) -> Place:
        """The place that settings or a manifest name."""
        return cls(
            source.uri, source.database, source.token_env, source.tls_ca, source.tls_certificate, source.tls_key
        )  # fmt: skip

    def absolute(self) -> Place:
        """The same with absolute paths of files."""
        paths = {name: getattr(self, name) for name in ("tls_ca", "tls_certificate", "tls_key")}
        kept = {name: str(Path(path).resolve()) if path else "" for name, path in paths.items()}
        uri = str(self.file.resolve()) if self.file else self.uri
        return Place(uri, self.database, self.token_env, **kept)

    @property
    def file(self) -> Path | None:
        """The file of a milvus-lite URI; None for a server."""
        return None if "://" in self.uri else Path(self.uri)

    @property
    def name(self) -> str:
        """The place in words, for messages."""
        return f"{self.uri} (database {self.database!r})" if self.database else self.uri

    def tls(self) -> dict[str, Any]:
        """The client's arguments for TLS."""
        given = {
            "server_pem_path": "" if self.tls_certificate else self.tls_ca,
            "ca_pem_path": self.tls_ca if self.tls_certificate else "",
            "client_pem_path": self.tls_certificate,
            "client_key_path": self.tls_key,
        }
        missing = next((path for path in given.values() if path and not Path(path).is_file()), None)
        if missing:
            raise InputError(f"There is no file {missing}. tls_ca, tls_certificate and tls_key name PEM files.")
        return {name: path for name, path in given.items() if path}


def connect(place: Place, patience: float = PATIENCE) -> MilvusClient:
    """Open a connection.

    Raises:
        InputError: no server answers, it refuses the token or the database, or the file cannot be opened.
        StorageError: the folder of the file cannot be written.
    """
    need("pymilvus", *(["milvus_lite"] if place.file else []))
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

    try:
        if place.file is not None:
            place.file.parent.mkdir(parents=True, exist_ok=True)
        with quiet():
            return MilvusClient(
                uri=place.uri, token=os.environ.get(place.token_env, ""), db_name=place.database,
                timeout=min(patience, 10.0), grpc_options=CHANNEL, **place.tls(),
            )  # fmt: skip
    except MilvusException as error:
        raise InputError(_cannot_open(place, _reason(error))) from None
    except OSError as error:
        raise StorageError(f"Milvus cannot use {place.uri!r}: {error}") from error


def _cannot_open(place: Place, reason: str) -> str:
    """The message about a connection that was not made."""
    words = reason.lower()
    if _no_database(words):
        return (
            f"Milvus at {place.uri!r} has no database {place.database!r} ({reason}). Create it first "
            "(`MilvusClient.create_database`), or leave the database out."
        )
    if place.file is not None:
        return (
            f"milvus-lite cannot open {str(place.file)!r} ({reason}): another process is using it, perhaps "
            "`semtune serve`, or it is not a milvus-lite database. Stop that process, or start a Milvus server and "
            "give its address."
        )
    if _refused(words):
        given = "was refused" if os.environ.get(place.token_env) else "is missing"
        return (
            f"Milvus at {urlsplit(place.uri).netloc!r} wants a token, and that in ${place.token_env} {given} "
            f"({reason}). Set it to user:password or to an API key."
        )
    return (
        f"No Milvus server answers at {place.uri!r} ({reason}). Give a file ending in .db for milvus-lite, or the "
        "address of a server such as http://localhost:19530, https:// where it speaks TLS."
    )


@contextmanager
def opening(place: Place, what: str) -> Iterator[None]:
    """As `storage_errors`, but with an InputError where no server answers: connections are shared and checked late."""
    try:
        with storage_errors(place, what):
            yield
    except StorageError as error:
        reason = _reason(error.__cause__)
        if _unreachable(error.__cause__) or _refused(reason.lower()) or _no_database(reason.lower()):
            raise InputError(_cannot_open(place, reason)) from None
        raise


def _refused(words: str) -> bool:
    return any(sign in words for sign in ("auth check", "authenticat", "permission", "privilege"))


def _no_database(words: str) -> bool:
    return "database" in words and ("not found" in words or "not exist" in words)


def _reason(error: BaseException | None) -> str:
    """What an error of the client says, with the reason for it that gRPC gives."""
    said = str(getattr(error, "message", "") or error).split(", debug=")[0]
    while error is not None:
        if callable(details := getattr(error, "details", None)):
            return f"{said}: {details()}"
        error = error.__cause__ if error.__cause__ is not error else None
    return said


@contextmanager
def storage_errors(place: Place, what: str) -> Iterator[None]:
    """Turn the client's errors into a StorageError that says what was being done."""
    import grpc
    from pymilvus.exceptions import MilvusException

    with quiet():
        try:
            yield
        except (MilvusException, grpc.RpcError) as error:
            raise StorageError(
                f"Milvus at {place.name} could not {what} ({_reason(error)}). Check that the server runs and has "
                "space, and run the command again."
            ) from error


def patiently(place: Place, what: str, patience: float, ask: Callable[[], Answer]) -> Answer:
    """Repeat a request for some seconds while no server answers; it must do the same when it is done twice.

    Raises:
        StorageError: no server answered in that time, or it refused.
    """
    deadline, pause = time.monotonic() + patience, 0.05
    while True:
        try:
            with storage_errors(place, what):
                return ask()
        except StorageError as error:
            if not _unreachable(error.__cause__) or time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
        pause = min(2 * pause, 2.0)


def _unreachable(error: BaseException | None) -> bool:
    """Whether an error of the client means that no server answered."""
    words = str(error)
    return getattr(error, "code", None) == 2 or any(sign in words for sign in UNREACHABLE)


UNREACHABLE = ("UNAVAILABLE", "closed channel", "Fail connecting")
NOISY = (
    "pymilvus.decorators",
    "pymilvus.client.grpc_handler",
    "pymilvus.client.connection_manager",
    "milvus_lite.server_manager",
)
_OURS: ContextVar[bool] = ContextVar("semtune_milvus_call", default=False)


class _NotOurs(logging.Filter):
    """Drops what the client logs of calls that Semtune makes: their errors are raised, in words."""

    def filter(self, record: logging.LogRecord) -> bool:
        del record
        return not _OURS.get()


_FILTER = _NotOurs()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what pymilvus and milvus-lite log of the calls in this block; others' calls are logged as ever."""
    for name in NOISY:
        logging.getLogger(name).addFilter(_FILTER)  # adding it twice does nothing
    before = _OURS.set(True)
    try:
        yield
    finally:
        _OURS.reset(before)
