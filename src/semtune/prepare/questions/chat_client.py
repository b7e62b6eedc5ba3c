"""A client for OpenAI-compatible chat servers: it sends POST {url}/chat/completions and nothing else.

It uses httpx rather than the `openai` package, which adds what it finds in OPENAI_* environment variables (keys, custom
headers) to requests for any server. Redirects are refused, because they could carry the key to another host.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from semtune.errors import ConfigError, InputError
from semtune.prepare.questions.answer_cache import append_answer, prompt_key, read_answers
from semtune.progress import QUIET, Progress
from semtune.registry import need

if TYPE_CHECKING:
    import httpx

RETRIED_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
LONGEST_WAIT = 60.0  # seconds between two tries
GIVE_UP_AFTER = 8  # failed requests before the first success: there is no such server
MAX_BYTES = 4 << 20  # of an answer; the rest is not read


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a prompt, or the reason why there is none."""

    text: str = ""
    error: str = ""
    cached: bool = False
    tokens_in: int = 0
    tokens_out: int = 0


class RequestFailed(Exception):  # noqa: N818 - never leaves this module
    """A request failed.

    Attributes:
        again: whether it is worth trying again.
        wait: seconds that the server asked us to wait; 0 if it did not say.
    """

    def __init__(self, reason: str, again: bool, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.again = again
        self.wait = wait


@dataclass(slots=True)
class Chat:
    """A language model behind an OpenAI-compatible server.

    Attributes:
        url: base address, e.g. http://127.0.0.1:8000/v1; "/chat/completions" is added.
        model: the name that the server knows its model by.
        api_key_env: the environment variable that holds the key; empty: no key is sent.
        cache: the file that answers are kept in, one JSON line each; None: they are not kept.
        concurrency: requests at the same time.
        timeout: seconds that the server may stay silent.
        retries: further tries after 429, 5xx, a timeout or a broken connection.
        backoff: seconds before the second try; doubled each time. A longer Retry-After of the server wins.
        max_tokens: maximum length of an answer.
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
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def key(self, prompt: str) -> str:
        """The key that a prompt's answer is stored under."""
        return prompt_key(self.model, prompt, self.max_tokens, self.temperature)

    def known(self) -> dict[str, str]:
        """The answers stored so far, by key."""
        return read_answers(self.cache)

    def ask(self, prompts: Sequence[str], progress: Progress = QUIET) -> list[Answer]:
        """Answer each prompt, in order; stored answers are not asked for again.

        Raises:
            ConfigError: the variable of the API key is not set.
            InputError: the server refuses every request, or does not answer at all.
            MissingExtraError: httpx is not installed.
        """
        known = self.known()
        need("httpx")
        key = self._api_key() if any(self.key(prompt) not in known for prompt in prompts) else ""
        state = _State()
        with (
            progress.track("Asking for questions", len(prompts)) as done,
            self._client(key) as client,
            ThreadPoolExecutor(self.concurrency, thread_name_prefix="chat") as pool,
        ):

            def one(prompt: str) -> Answer:
                if (stored := known.get(self.key(prompt))) is not None:
                    answer = Answer(stored, cached=True)
                elif state.fatal:
                    answer = Answer(error="not asked")
                else:
                    answer = self._with_retries(prompt, client, state)
                with self._lock:
                    done(1)
                return answer

            answers = list(pool.map(one, prompts))
        if state.fatal:
            raise InputError(state.fatal)
        return answers

    def _client(self, key: str) -> httpx.Client:
        import httpx

        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "semtune"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        limits = httpx.Limits(max_connections=self.concurrency)
        try:
            return httpx.Client(headers=headers, timeout=self.timeout, limits=limits, follow_redirects=False)
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            raise ConfigError(
                f"The proxy named in the environment (HTTPS_PROXY, ALL_PROXY) is unusable: {error}"
            ) from None

    def _with_retries(self, prompt: str, client: httpx.Client, state: _State) -> Answer:
        wait, error = self.backoff, ""
        for attempt in range(self.retries + 1):
            try:
                answer = self._post(prompt, client)
            except RequestFailed as failed:
                error = str(failed)
                if not failed.again:
                    return self._failed(error, state, at_once=True)
                if attempt < self.retries and not state.fatal:
                    self.sleep(min(max(wait, failed.wait), LONGEST_WAIT))
                wait *= 2
            else:
                state.answered = True
                self._store(prompt, answer.text)
                return answer
        return self._failed(f"{error} ({self.retries + 1} tries)", state)

    def _failed(self, error: str, state: _State, *, at_once: bool = False) -> Answer:
        with self._lock:
            state.failed += 1
            if not state.answered and (at_once or state.failed >= GIVE_UP_AFTER):
                named = f" (now {self.api_key_env})" if self.api_key_env else ""
                state.fatal = (
                    f"{self.url} gave no usable answer: {error}. Check prepare.synthetic: url, model and "
                    f"api_key_env{named}. Then run the same command again: answers received so far are kept."
                )
        return Answer(error=error)

    def _post(self, prompt: str, client: httpx.Client) -> Answer:
        import httpx

        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
        }
        address = self.url.rstrip("/") + "/chat/completions"
        try:
            with client.stream("POST", address, content=json.dumps(body)) as response:
                raw = _read(response)
        except httpx.TimeoutException:
            raise RequestFailed("no answer in time", again=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise RequestFailed(f"no connection: {error}", again=True) from None
        if not response.is_success:  # a redirect is not: nothing is sent to where it points
            raise _refusal(response, raw)
        return _parse(raw)

    def _store(self, prompt: str, text: str) -> None:
        if self.cache is not None:
            with self._lock:
                append_answer(self.cache, self.key(prompt), self.model, text)

    def _api_key(self) -> str:
        if not self.api_key_env:
            return ""
        key = os.environ.get(self.api_key_env, "").strip()
        if key.isascii() and key.isprintable() and key:
            return key
        if key:  # not shown: the message may end up in a log
            raise ConfigError(
                f"synthetic: the key in {self.api_key_env} has characters that no HTTP header can hold, such as a line "
                "break. Set it again."
            )
        raise ConfigError(
            f"synthetic: api_key_env={self.api_key_env!r}, but that environment variable is not set. Set it, or remove "
            "api_key_env if the server needs no key."
        )


@dataclass(slots=True)
class _State:
    """What the threads of one call of `ask` know together."""

    answered: bool = False
    failed: int = 0
    fatal: str = ""


def _read(response: httpx.Response) -> bytes:
    raw = bytearray()
    for part in response.iter_bytes():
        raw += part
        if len(raw) >= MAX_BYTES:
            break
    return bytes(raw[:MAX_BYTES])


def _refusal(response: httpx.Response, body: bytes) -> RequestFailed:
    said = " ".join(body[:500].decode("utf-8", "replace").split())[:200]
    try:
        wait = float(response.headers.get("Retry-After") or 0)
    except ValueError:
        wait = 0.0  # a date; the backoff is enough
    reason = f"HTTP {response.status_code}{f': {said}' if said else ''}"
    return RequestFailed(reason, response.status_code in RETRIED_STATUS, max(wait, 0.0))


def _parse(raw: bytes) -> Answer:
    """The text of an answer; anything else than a chat completion is worth another try."""
    try:
        found = json.loads(raw)
        text = found["choices"][0]["message"]["content"]
        usage = found.get("usage") or {}
        if not isinstance(text, str):
            raise TypeError
        tokens = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise RequestFailed("the answer is not a chat completion", again=True) from None
    return Answer(text, tokens_in=tokens[0], tokens_out=tokens[1])
