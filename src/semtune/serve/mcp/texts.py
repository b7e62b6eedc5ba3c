"""The results of the tools as text: what hosts show, and what language models read that get no structured output."""

from __future__ import annotations

from semtune.serve.mcp.schemas import FetchResult, Found, Passage, SearchResult


def search_text(result: SearchResult) -> str:
    """The judgement, then the passages."""
    return "\n\n".join([result.message, *_listed(result.results)])


def similar_text(result: Found) -> str:
    """The passages."""
    return "\n\n".join(_listed(result.results)) or "There is no other document."


def fetch_text(result: FetchResult) -> str:
    """Where the document comes from, then its text."""
    head = [result.title or result.id, f"id: {result.id}", *_origin(result)]
    more = "" if result.next_offset is None else f"\n\n(There is more: fetch with offset {result.next_offset}.)"
    return "\n".join(head) + f"\n\n{result.text}{more}"


def _listed(passages: list[Passage]) -> list[str]:
    return [_passage(number, passage) for number, passage in enumerate(passages, start=1)]


def _passage(number: int, passage: Passage) -> str:
    chance = "" if passage.probability is None else f", probability {passage.probability:.0%}"
    lines = [
        f"[{number}] {passage.title or passage.id}",
        f"id: {passage.id}",
        *_origin(passage),
        f"score: {passage.score:.3f}{chance}",
        passage.text + ("… (fetch gives all of it)" if passage.cut else ""),
    ]
    return "\n".join(lines)


def _origin(found: Passage | FetchResult) -> list[str]:
    place = " > ".join(dict.fromkeys(filter(None, [found.source, *found.headings])))
    return [*([f"source: {place}"] if place else []), *([f"url: {found.url}"] if found.url else [])]
