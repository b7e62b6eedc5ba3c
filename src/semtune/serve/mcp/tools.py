"""What the tools do, apart from the protocol."""

from __future__ import annotations

import itertools

from semtune.errors import InputError
from semtune.index.follow import Following
from semtune.search.floor import floor_of, judge
from semtune.search.options import SearchOptions
from semtune.search.searcher import Searcher
from semtune.serve.mcp.schemas import (
    MAX_QUERY,
    PAGE,
    FetchArguments,
    FetchResult,
    FloorValue,
    Found,
    Passage,
    SearchArguments,
    SearchResult,
    SimilarArguments,
    headings_of,
    source_of,
    url_of,
)

LOOKED_AT = 200  # documents whose fields are named in the description of search
MAX_FIELDS = 20


def search(index: Following[Searcher], asked: SearchArguments) -> SearchResult:
    """The passages that answer a question, or the statement that none does.

    Raises:
        SemtuneError: the query is blank or very long, or the filter or the mode cannot be used.
    """
    if len(asked.query) > MAX_QUERY:
        raise InputError(f"The query has {len(asked.query):,} characters; the limit is {MAX_QUERY:,}. Shorten it.")
    with index.current() as searcher:
        mode = searcher.mode_of(asked.mode)
        answer = searcher.answer(asked.query, SearchOptions(k=asked.k, where=asked.where, mode=mode))
        contract = searcher.encoder.contract
    judged = judge(answer.hits, mode, contract)
    floor = None if mode == "keyword" else floor_of(contract)
    return SearchResult(
        query=asked.query,
        answered=judged.answered,
        message=" ".join([judged.sentence, *answer.warnings]),
        mode=mode,
        floor=FloorValue(name=floor.name, score=floor.score, probability=floor.probability) if floor else None,
        results=[] if judged.answered is False else [Passage.of(hit) for hit in answer.hits],
    )


def fetch(index: Following[Searcher], asked: FetchArguments) -> FetchResult:
    """A document with all its text and metadata; a very long one in parts.

    Raises:
        InputError: there is no such document, or it ends before the offset.
    """
    with index.current() as searcher, searcher.collection.snapshot() as snapshot:
        found = snapshot.get([asked.id])[0]
    if found is None:
        raise InputError(f"There is no document {asked.id!r}. Give the id of a result of search, unchanged.")
    length = len(found.text)
    if asked.offset and asked.offset >= length:
        raise InputError(f"The document {asked.id!r} has {length:,} characters; offset is {asked.offset:,}.")
    end = asked.offset + PAGE
    return FetchResult(
        id=found.id,
        title=found.title,
        text=found.text[asked.offset : end],
        next_offset=end if end < length else None,
        source=source_of(found.metadata),
        headings=headings_of(found.metadata),
        url=url_of(found.metadata),
        metadata=dict(found.metadata),
    )


def similar(index: Following[Searcher], asked: SimilarArguments) -> Found:
    """The passages most like one of the index.

    Raises:
        InputError: there is no such document.
    """
    with index.current() as searcher:
        hits = searcher.more_like_this(asked.id, asked.k)
    return Found(results=[Passage.of(hit) for hit in hits])


def description(index: Following[Searcher]) -> str:
    """What is searched, in a sentence: the size, and the fields that a filter may name."""
    with index.current() as searcher, searcher.collection.snapshot() as snapshot:
        count = snapshot.count()
        fields = {name for each in itertools.islice(snapshot.documents(), LOOKED_AT) for name in each.metadata}
    named = ", ".join(sorted(fields)[:MAX_FIELDS])
    return f"There are {count:,} passages." + (f" Fields for where: {named}." if named else "")
