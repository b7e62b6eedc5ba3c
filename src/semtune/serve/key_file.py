"""The file with the API keys, read again when it changes, and the keys that a request carries."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

from starlette.datastructures import Headers

from semtune.errors import ConfigError, SemtuneError, nearest
from semtune.io import file_state

logger = logging.getLogger(__name__)

KeyScope: TypeAlias = Literal["read", "write", "admin"]
SCOPES: tuple[KeyScope, ...] = get_args(KeyScope)  # the least first
SHORTEST = 16  # characters of a key
FORM = "Write one key a line: NAME SCOPE KEY, with the scope read, write or admin."
HEADERS = ("x-api-key", "api-key")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that is allowed: its name, which logs may show, what it may do, and the hash of the key itself."""

    name: str
    scope: KeyScope
    digest: bytes

    def may(self, needed: KeyScope) -> bool:
        """Whether its scope includes another one: admin includes write, and write includes read."""
        return SCOPES.index(self.scope) >= SCOPES.index(needed)


class KeyFile:
    """The allowed keys. A file that was changed for the worse is logged, and the keys that were read before stay."""

    def __init__(self, path: Path) -> None:
        """Read the keys.

        Raises:
            ConfigError: the file cannot be read, has no key, or a line is wrong.
        """
        self._path = path
        self._lock = threading.Lock()
        self._state = self._state_now()
        self._keys = read_keys(path)

    @property
    def warning(self) -> str:
        """What is wrong with the file's permissions; empty if only its owner can read it."""
        try:
            mode = self._path.stat().st_mode
        except OSError:
            return ""
        if not mode & 0o044:
            return ""
        return f"Other users of this machine can read the API keys in {self._path}. Run `chmod 600 {self._path}`."

    def find(self, given: Sequence[bytes]) -> ApiKey | None:
        """The key of largest scope among those that a request carries; None if none is known."""
        digests = [_digest(one) for one in given]
        found = [
            key for key in self._current() for one in digests if hmac.compare_digest(one, key.digest)
        ]  # all are compared, always
        return max(found, key=lambda key: SCOPES.index(key.scope), default=None)

    def _current(self) -> Sequence[ApiKey]:
        state = self._state_now()
        if state == self._state:
            return self._keys
        with self._lock:
            if state != self._state:
                self._state = state
                try:
                    self._keys = read_keys(self._path)
                except SemtuneError as error:
                    logger.warning("The API keys that were read before stay in use. %s", error)
        return self._keys

    def _state_now(self) -> tuple[int, int, int] | None:
        try:
            return file_state(self._path)
        except OSError:
            return None


def read_keys(path: Path) -> list[ApiKey]:
    """The keys of a file; messages name lines, never keys.

    Raises:
        ConfigError: it cannot be read, has no key, or a line is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise ConfigError(f"The file of API keys {path} cannot be read ({why}). {FORM}") from None
    keys = [
        _parsed(line.split(), f"{path}:{number}")
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not keys:
        raise ConfigError(f"{path} has no API key, so nobody could be let in. {FORM}")
    for what, values in (("name", [key.name for key in keys]), ("key", [key.digest for key in keys])):
        if len(set(values)) < len(values):
            raise ConfigError(f"Two lines of {path} have the same {what}. Give every {what} once.")
    return keys


def _parsed(words: list[str], place: str) -> ApiKey:
    if len(words) != 3:
        raise ConfigError(f"{place} has {len(words)} words. {FORM} Lines that begin with # are comments.")
    name, scope, key = words
    if scope not in SCOPES:
        raise ConfigError(f"{place}: the second word is no scope. {FORM}{nearest(scope, SCOPES)}")
    if len(key) < SHORTEST:
        raise ConfigError(
            f"{place}: the key has {len(key)} characters; at least {SHORTEST} are needed. Make one with "
            "`openssl rand -hex 32`."
        )
    return ApiKey(name, cast("KeyScope", scope), _digest(key.encode()))


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def keys_in(headers: Headers) -> list[bytes]:
    """What a request carries as a key: clients differ in the header that they use. Empty headers are as none."""
    found = [*_authorizations(headers), *(value for name in HEADERS for value in headers.getlist(name))]
    return [value.encode("latin-1") if isinstance(value, str) else value for value in found if value.strip()]


def _authorizations(headers: Headers) -> Iterator[str | bytes]:
    for value in headers.getlist("authorization"):
        scheme, _, rest = value.strip().partition(" ")
        if scheme.lower() == "bearer":
            yield rest.strip()
        elif scheme.lower() == "basic":
            yield _password(rest.strip())
        else:
            yield value.strip()  # LlamaIndex's client for TEI sends the key alone


def _password(credentials: str) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
