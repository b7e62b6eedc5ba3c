"""Searches that wait are computed together, and answered as if each were alone."""

import asyncio
import threading

import pytest

from semtune.serve.gathering import Gathering
from semtune.serve.workers import Workers


class Computes:
    """Doubles numbers, the first call not before it is let go; remembers its calls."""

    def __init__(self):
        self.calls, self.begun, self.free = [], threading.Event(), threading.Event()

    def __call__(self, key, items):
        self.calls.append((key, items))
        self.begun.set()
        self.free.wait(10)
        if -1 in items:
            raise ValueError("minus one")
        return [2 * item for item in items]


def together(most, *asked):
    """Ask for (key, item) at once, the first before the others; what came of each, and the calls."""
    computes = Computes()
    gathering = Gathering(Workers(threads=1), computes, most)

    async def ask():
        running = [asyncio.ensure_future(gathering.run(*asked[0]))]
        while not computes.begun.is_set():
            await asyncio.sleep(0.01)
        running += [asyncio.ensure_future(gathering.run(*one)) for one in asked[1:]]
        await asyncio.sleep(0.05)
        computes.free.set()
        return await asyncio.gather(*running, return_exceptions=True)

    return asyncio.run(ask()), computes.calls


def test_what_waits_is_computed_together_up_to_the_limit_and_in_order():
    results, calls = together(3, *[("a", number) for number in range(6)])
    assert results == [0, 2, 4, 6, 8, 10]
    assert calls == [("a", [0]), ("a", [1, 2, 3]), ("a", [4, 5])]


def test_only_equal_keys_are_computed_together():
    results, calls = together(8, ("a", 0), ("a", 1), ("b", 2), ("a", 3))
    assert results == [0, 2, 4, 6]
    assert calls == [("a", [0]), ("a", [1, 3]), ("b", [2])]


def test_one_that_fails_does_not_take_the_others_with_it():
    results, calls = together(8, ("a", 0), ("a", 1), ("a", -1), ("a", 3))
    assert [results[0], results[1], results[3]] == [0, 2, 6]
    assert isinstance(results[2], ValueError)
    assert calls[1:] == [("a", [1, -1, 3]), ("a", [1]), ("a", [-1]), ("a", [3])]


def test_nothing_is_gathered_at_one():
    results, calls = together(1, ("a", 0), ("a", 1), ("a", 2))
    assert (results, len(calls)) == ([0, 2, 4], 3)


def test_a_request_that_was_cancelled_is_not_computed():
    computes = Computes()
    gathering = Gathering(Workers(threads=1), computes, 8)

    async def ask():
        first = asyncio.ensure_future(gathering.run("a", 0))
        while not computes.begun.is_set():
            await asyncio.sleep(0.01)
        gone, last = (asyncio.ensure_future(gathering.run("a", number)) for number in (1, 2))
        await asyncio.sleep(0.05)
        gone.cancel()
        await asyncio.wait({gone})
        computes.free.set()
        return await first, await last

    assert asyncio.run(ask()) == (0, 4)
    assert computes.calls == [("a", [0]), ("a", [2])]


def test_concurrent_searches_find_what_single_ones_find(searcher):
    from semtune.search.options import SearchOptions
    from semtune.serve.catalogue import Served
    from semtune.serve.own.search import _answers

    key = (Served("toy", searcher.encoder, searcher), SearchOptions(k=3))
    queries = ["read a zip file", "rows as csv", "parse json", "sort a list"]
    many = _answers(key, queries)
    for query, (found, seconds) in zip(queries, many, strict=True):
        assert list(seconds) == ["encode", "find", "arrange"]
        alone = searcher.answer(query, SearchOptions(k=3))
        assert [hit.id for hit in found.hits] == [hit.id for hit in alone.hits]
        assert [hit.score for hit in found.hits] == pytest.approx([hit.score for hit in alone.hits], abs=1e-6)
