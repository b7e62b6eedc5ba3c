"""A client of chat completions as many servers speak them: POST {url}/chat/completions, nothing else.

Answers are kept in a file as they come, so that a killed run pays for none of them twice.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import IO, Any

from semtune.errors import ConfigError, InputError
from semtune.progress import QUIET, Progress

AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
LONGEST_WAIT = 60.0  # seconds between two tries
GIVE_UP_AFTER = 8  # failed requests before a single one succeeded: the server is not there
READ_AT_MOST = 4 << 20  # bytes of an answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a prompt: the text of the answer, or why there is none."""

    text: str = ""
    error: str = ""
    cached: bool = False
    tokens_in: int = 0
    tokens_out: int = 0


class Refused(Exception):  # noqa: N818 - never leaves this module
    """A request that failed, and whether another try makes sense."""

    def __init__(self, reason: str, again: bool, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.again = again
        self.wait = wait


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would carry the key to another server."""

    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        """Say that there is no request to go on with; the redirect becomes an error."""


@dataclass(slots=True)
class Chat:
    """A model behind an OpenAI-compatible endpoint.

    Attributes:
        url: the endpoint's base, e.g. http://127.0.0.1:8000/v1; "/chat/completions" is added.
        model: the name the server knows it by.
        api_key_env: the environment variable that holds the key; empty: none is sent.
        cache: the file of answers, one JSON line each; it grows only.
        concurrency: requests at the same time.
        timeout: seconds that a request may take.
        retries: further tries after 429, 5xx, a timeout or a broken connection.
        backoff: seconds before the second try; doubled each time; a server's Retry-After goes before.
        max_tokens: of an answer.
        temperature: of sampling.
        sleep: how to wait.
    """

    url: str
    model: str
    api_key_env: str = ""
    cache: Path | None = None
    concurrency: int = 4
    timeout: float = 60.0
    retries: int = 5
    backoff: float = 1.0
    max_tokens: int = 400
    temperature: float = 0.7
    sleep: Callable[[float], None] = time.sleep
    _opener: Any = field(default_factory=lambda: urllib.request.build_opener(_NoRedirects()))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def key(self, prompt: str) -> str:
        """What a prompt's answer is kept under: a hash of everything that decides it."""
        body = json.dumps([self.model, prompt, self.max_tokens, self.temperature])
        return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()

    def known(self) -> dict[str, str]:
        """The answers kept so far; a line that a killed run left unfinished is passed over."""
        found: dict[str, str] = {}
        if self.cache is None or not self.cache.is_file():
            return found
        with self.cache.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    row = json.loads(line)
                    found[row["key"]] = str(row["text"])
                except (ValueError, KeyError, TypeError):
                    continue
        return found

    def ask(self, prompts: Sequence[str], progress: Progress = QUIET) -> list[Answer]:
        """An answer for each prompt, in their order; those kept from before are not asked again.

        Raises:
            ConfigError: the key's variable is not set.
            InputError: the server refuses every request, or nobody answers.
        """
        known = self.known()
        key = self._api_key() if any(self.key(prompt) not in known for prompt in prompts) else ""
        state = _State()
        with (
            progress.track("Asking for questions", len(prompts)) as done,
            ThreadPoolExecutor(self.concurrency, thread_name_prefix="chat") as pool,
        ):

            def one(prompt: str) -> Answer:
                if (kept := known.get(self.key(prompt))) is not None:
                    answer = Answer(kept, cached=True)
                elif state.fatal:
                    answer = Answer(error="not asked")
                else:
                    answer = self._one(prompt, key, state)
                with self._lock:
                    done(1)
                return answer

            answers = list(pool.map(one, prompts))
        if state.fatal:
            raise InputError(state.fatal)
        return answers

    def _one(self, prompt: str, key: str, state: _State) -> Answer:
        wait, error = self.backoff, ""
        for attempt in range(self.retries + 1):
            try:
                answer = self._post(prompt, key)
            except Refused as refused:
                error = str(refused)
                if not refused.again:
                    return self._failed(error, state, at_once=True)
                if attempt < self.retries and not state.fatal:
                    self.sleep(min(max(wait, refused.wait), LONGEST_WAIT))
                wait *= 2
            else:
                state.answered = True
                self._keep(prompt, answer.text)
                return answer
        return self._failed(f"{error} ({self.retries + 1} tries)", state)

    def _failed(self, error: str, state: _State, *, at_once: bool = False) -> Answer:
        with self._lock:
            state.failed += 1
            if not state.answered and (at_once or state.failed >= GIVE_UP_AFTER):
                state.fatal = (
                    f"{self.url} gives no questions: {error}. Check prepare.synthetic: url, model and api_key_env"
                    f"{f' (now {self.api_key_env})' if self.api_key_env else ''}; a run that stopped goes on where it was."
                )
        return Answer(error=error)

    def _post(self, prompt: str, key: str) -> Answer:
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
        }
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "semtune"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        address = self.url.rstrip("/") + "/chat/completions"
        data = json.dumps(body).encode("utf-8", "replace")
        request = urllib.request.Request(address, data, headers, method="POST")  # noqa: S310 - http(s), settings check
        try:
            with self._opener.open(request, timeout=self.timeout) as response:
                raw = response.read(READ_AT_MOST)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error.code, error.headers, error.read(500)) from None
        except TimeoutError:
            raise Refused("no answer in time", again=True) from None
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
            slow = isinstance(reason, TimeoutError)
            raise Refused("no answer in time" if slow else f"no connection: {reason}", again=True) from None
        return _read(raw)

    def _keep(self, prompt: str, text: str) -> None:
        if self.cache is None:
            return
        line = json.dumps({"key": self.key(prompt), "model": self.model, "text": text}, ensure_ascii=True)
        with self._lock:
            self.cache.parent.mkdir(parents=True, exist_ok=True)
            with self.cache.open("ab+") as out:
                # A line that a killed run left unfinished must not swallow this one.
                if out.tell() and _last_byte(out) != b"\n":
                    out.write(b"\n")
                out.write(line.encode() + b"\n")

    def _api_key(self) -> str:
        if not self.api_key_env:
            return ""
        if key := os.environ.get(self.api_key_env, "").strip():
            return key
        raise ConfigError(
            f"synthetic: api_key_env={self.api_key_env!r}, but that environment variable is not set. Set it, or leave "
            "api_key_env out where the server needs no key."
        )


@dataclass(slots=True)
class _State:
    answered: bool = False
    failed: int = 0
    fatal: str = ""


def _last_byte(file: IO[bytes]) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)


def _refusal(code: int, headers: Message | None, body: bytes) -> Refused:
    said = " ".join(body.decode("utf-8", "replace").split())[:200]
    try:
        wait = float((headers or {}).get("Retry-After") or 0)
    except ValueError:
        wait = 0.0  # a date; the backoff is enough
    return Refused(f"HTTP {code}{f': {said}' if said else ''}", code in AGAIN, max(wait, 0.0))


def _read(raw: bytes) -> Answer:
    """The text of an answer; one that is no answer is worth another try."""
    try:
        found = json.loads(raw)
        text = found["choices"][0]["message"]["content"]
        usage = found.get("usage") or {}
        if not isinstance(text, str):
            raise TypeError
        return Answer(
            text, tokens_in=int(usage.get("prompt_tokens") or 0), tokens_out=int(usage.get("completion_tokens") or 0)
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise Refused("an answer that is no chat completion", again=True) from None
