"""Runs `semtune serve`: listens at once, opens the models, answers when they are checked; in one process or several."""

from __future__ import annotations

import gc
from collections.abc import Callable

from starlette.types import ASGIApp

from semtune.machine import share_freed_memory
from semtune.serve import logs
from semtune.serve.catalogue import Catalogue
from semtune.serve.plan import Announced, ServePlan
from semtune.serve.processes import run_processes
from semtune.serve.ready import Ready
from semtune.serve.server import listen, run_until_stopped, url, uvicorn_server

Announce = Callable[[str, Announced], None]


def run(plan: ServePlan, announce: Announce) -> None:
    """Serve until Ctrl-C or SIGTERM, then finish the requests in progress and return.

    Args:
        plan: what, and how.
        announce: called once with the URL when requests are answered.

    Raises:
        AddressError: the server cannot listen there.
        SemtuneError: something cannot be opened, or is not sound.
    """
    settings = plan.settings
    logs.configure(settings.log)
    with listen(settings.host, settings.port) as listener:
        if settings.workers > 1:
            run_processes(plan, listener, announce)
            return
        failed: list[BaseException] = []

        def fail(error: BaseException) -> None:
            failed.append(error)
            server.should_exit = True

        server = uvicorn_server(ready_app(plan, lambda facts: announce(url(listener), facts), fail))
        run_until_stopped(server, listener)
    if failed:
        raise failed[0]


def ready_app(
    plan: ServePlan, on_ready: Callable[[Announced], None], on_error: Callable[[BaseException], None]
) -> Ready:
    """The application of a plan; it is made when the server has started."""
    opened: list[Catalogue] = []

    def make() -> ASGIApp:
        from semtune.serve.app import create_app

        share_freed_memory()
        opened.append(plan.open())
        app = create_app(opened[0], plan.settings, plan.care() if plan.care else None)
        _leave_out_of_collections()
        return app

    def stop() -> None:
        for catalogue in opened:
            catalogue.close()

    return Ready(make, lambda: on_ready(Announced.of(opened[0])), on_error, stop)


def _leave_out_of_collections() -> None:
    """Leave what was made at the start out of garbage collection, so that a full one takes milliseconds.

    The request guard asks for one after each large body.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # so that the next full collection is measured by what is new
