"""Passages from an index on this machine, or from a Semtune server: what retrievers and chatbots ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from semtune.errors import ConfigError, InputError, SemtuneError
from semtune.registry import need
from semtune.search.floor import FLOORS
from semtune.search.following import follow_searcher
from semtune.search.options import SearchOptions
from semtune.types import Hit

TIMEOUT = 30.0  # seconds


class ServerError(SemtuneError):
    """A Semtune server cannot be reached, or answers something else than hits."""


class Passages(Protocol):
    """Something that can be searched. Safe to use from many threads."""

    def search(self, query: str, options: SearchOptions) -> list[Hit]:
        """The hits, best first.

        Raises:
            InputError: the query or an option is refused.
            SemtuneError: the search failed for another reason.
        """
        ...

    def close(self) -> None:
        """Let go of files or connections."""
        ...


class Judged(NamedTuple):
    """Hits, and whether they answer the question; None: no floor is known."""

    hits: list[Hit]
    answered: bool | None


def open_passages(index: str | Path, api_key: str = "", timeout: float = TIMEOUT) -> Passages:
    """Open an index folder, a run folder, or the URL of a server.

    Args:
        index: a folder, or an address such as http://127.0.0.1:8080, with "?index=NAME" where it serves several.
        api_key: of the server; empty: none.
        timeout: seconds until an answer of the server is given up.

    Raises:
        SemtuneError: the index cannot be opened.
    """
    if str(index).startswith(("http://", "https://")):
        return RemotePassages(str(index), api_key, timeout)
    if api_key:
        raise ConfigError("api_key is for a server; an index folder needs none. Leave it out.")
    return LocalPassages(Path(index))


def judged(passages: Passages, query: str, options: SearchOptions) -> Judged:
    """The hits without a minimum score, and whether the best of them reaches the calibrated floor.

    Raises:
        SemtuneError: the search failed.
    """
    hits = passages.search(query, replace(options, min_score=None))
    if not hits:
        return Judged([], False)
    for floor in FLOORS:
        try:
            above = passages.search(query, replace(options, min_score=floor, group_by=None, diversity=0.0))
        except InputError:  # the model has no such threshold, or words alone are searched
            continue
        return Judged(hits, bool(above))
    return Judged(hits, None)


class LocalPassages:
    """An index on this machine; another version of it is picked up."""

    def __init__(self, index: Path) -> None:
        self._followed = follow_searcher(index)

    def search(self, query: str, options: SearchOptions) -> list[Hit]:
        """The hits, best first."""
        with self._followed.current() as searcher:
            return searcher.answer(query, options).hits

    def close(self) -> None:
        """Close the index."""
        self._followed.close()


class RemotePassages:
    """A Semtune server's `POST /search`."""

    def __init__(self, url: str, api_key: str = "", timeout: float = TIMEOUT) -> None:
        """Take an address; nothing is asked before the first search.

        Raises:
            ConfigError: it is not an address.
            MissingExtraError: httpx is not installed.
        """
        need("httpx", hint="pip install httpx")
        import httpx

        try:
            address = httpx.URL(url)
        except httpx.InvalidURL:
            address = httpx.URL("")
        if not address.host:
            raise ConfigError(f"{url!r} is not the address of a server. Give http://HOST:PORT.")
        self._name = address.params.get("index")
        self._url = str(address.copy_with(query=None)).rstrip("/") + "/search"
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(headers=headers, timeout=timeout)

    def search(self, query: str, options: SearchOptions) -> list[Hit]:
        """The hits, best first."""
        import httpx

        asked = {name: value for name, value in asdict(options).items() if value is not None}
        body = {"query": query, **asked, **({"index": self._name} if self._name else {})}
        try:
            answer = self._http.post(self._url, json=body)
        except httpx.TimeoutException:
            raise ServerError(f"{self._url} did not answer in time. Is the server busy? Raise the timeout.") from None
        except httpx.HTTPError as error:
            raise ServerError(f"{self._url} cannot be reached: {error}. Is `semtune serve` running there?") from None
        return _hits(self._url, answer.status_code, answer.text)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def facts(hit: Hit) -> dict[str, Any]:
    """The metadata of a hit for a framework: with its title, score and probability.

    A field of the index of one of these names is kept as "document_title", "document_score" ...
    """
    mine = {"title": hit.title, "score": hit.score}
    if hit.probability is not None:
        mine["probability"] = hit.probability
    kept = {(f"document_{name}" if name in mine else name): value for name, value in hit.metadata.items()}
    return {**kept, **mine}


def _hits(url: str, status: int, text: str) -> list[Hit]:
    import json

    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if status != 200:
        said = answer.get("detail") if isinstance(answer, dict) else text[:200]
        kind = InputError if status == 422 else ServerError
        raise kind(f"{url} answered {status}: {said}")
    try:
        return [_hit(each) for each in answer["hits"]]  # type: ignore[index] - refused below
    except (TypeError, KeyError, AttributeError):
        raise ServerError(
            f"{url} did not answer with hits: {text[:200]!r}. Is it `semtune serve` with an index?"
        ) from None


def _hit(values: Mapping[str, Any]) -> Hit:
    span, source = values.get("highlight"), values.get("source_highlight")
    return Hit(
        id=values["id"],
        score=values["score"],
        text=values["text"],
        title=values["title"],
        metadata=values["metadata"],
        probability=values.get("probability"),
        highlight=(span[0], span[1]) if span else None,
        source_highlight=(source[0], source[1]) if source else None,
        others=values.get("others", 0),
        explain=values.get("explain"),
    )
