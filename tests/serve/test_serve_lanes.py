"""The two lanes: limits of their own, bulk at a lower priority, and work that nobody waits for is dropped."""

import asyncio
import os
import sys
import threading

import pytest

from semtune.serve.account import Account, account, begin
from semtune.serve.errors import ApiError
from semtune.serve.workers import NICE, Workers


def priority():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")
def test_bulk_runs_at_a_lower_priority_and_so_do_the_threads_it_starts():
    workers = Workers(2)
    started = []

    def bulk():
        thread = threading.Thread(target=lambda: started.append(priority()))
        thread.start()
        thread.join()
        return priority()

    async def both():
        return await workers.run(priority, "query"), await workers.run(bulk, "bulk")

    usual = priority()
    assert asyncio.run(both()) == (usual, min(19, usual + NICE))
    assert started == [min(19, usual + NICE)]


def test_a_full_lane_refuses_and_leaves_the_other_one_open():
    workers = Workers(threads=2, queue=1)
    with workers.admit("bulk"), workers.admit("bulk"):  # one thread and one place in the queue
        with pytest.raises(ApiError) as refused, workers.admit("bulk"):
            pass
        with (
            workers.admit("query"),
            workers.admit("query"),
            workers.admit("query"),
            pytest.raises(ApiError) as busy,
            workers.admit("query"),
        ):
            pass
    assert (refused.value.status, refused.value.headers, refused.value.code) == (
        429,
        {"Retry-After": "1"},
        "rate_limit_exceeded",
    )
    assert refused.value.message == (
        "The server is busy: 2 requests with many texts are in progress, the maximum. Try again in 1 second."
    )
    assert busy.value.message.startswith("The server is busy: 3 requests are in progress")
    assert (workers.inside("query"), workers.inside("bulk")) == (0, 0)


def test_bulk_that_occupies_its_threads_does_not_hold_up_a_query():
    workers, free = Workers(2), threading.Event()

    async def ask():
        bulk = [asyncio.ensure_future(workers.run(free.wait, "bulk")) for _ in range(5)]
        answer = await asyncio.wait_for(workers.run(lambda: "found"), 10)
        assert not any(one.done() for one in bulk)
        free.set()
        await asyncio.gather(*bulk)
        return answer

    assert asyncio.run(ask()) == "found"


def test_cancelled_work_that_waits_is_dropped_and_what_runs_is_finished():
    workers, begun, free, done = Workers(2), threading.Event(), threading.Event(), []

    def first():
        begun.set()
        free.wait(10)
        done.append("first")

    async def request():
        for piece in (first, lambda: done.append("second")):
            await workers.run(piece, "bulk")

    async def leave():
        running = asyncio.ensure_future(request())
        waiting = asyncio.ensure_future(workers.run(lambda: done.append("other"), "bulk"))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        running.cancel()
        waiting.cancel()
        await asyncio.wait({running, waiting})
        free.set()
        await workers.run(lambda: done.append("next"), "bulk")

    asyncio.run(leave())
    assert done == ["first", "next"]


def test_the_account_follows_the_request_into_the_threads_and_counts_its_seconds():
    workers, mine = Workers(2), Account("id-1")

    async def request():
        begin(mine)
        return await workers.run(lambda: (account().embedded("toy", 3, 17), account().id)[1])

    assert asyncio.run(request()) == "id-1"
    assert (mine.model, mine.texts, [tuple(batch) for batch in mine.batches]) == ("toy", 3, [(3, 17)])
    assert mine.computed > 0
    assert mine.waited >= 0
    assert account().id == ""
