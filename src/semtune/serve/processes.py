"""Several processes on one port: uvicorn's supervisor starts them, replaces one that dies, and passes signals on.

Every process opens the models itself; they are started afresh, not forked, since the libraries' threads would not
survive a fork. The files of an index are mapped into memory and so shared by the operating system.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from typing import Any

from semtune.errors import SemtuneError
from semtune.machine import CPUS, usable_cpus
from semtune.serve import logs
from semtune.serve.account import MANY
from semtune.serve.plan import Announced, ServePlan
from semtune.serve.server import url, uvicorn_config

LOG = logging.getLogger(__name__)
LOOK = 1.0  # seconds between two looks whether the parent lives


class StartError(SemtuneError):
    """A process could not open or check what it was to serve."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a process could not start."""

    message: str
    exit_code: int


def run_processes(plan: ServePlan, listener: socket.socket, announce: Callable[[str, Announced], None]) -> None:
    """Serve a plan with several processes until Ctrl-C or SIGTERM.

    Args:
        plan: what is served; `settings.workers` says by how many.
        listener: the socket that they share.
        announce: called once, when the first of them answers requests.

    Raises:
        StartError: a process could not start; the others were stopped.
    """
    from uvicorn.supervisors import Multiprocess

    heard: SimpleQueue[Announced | Failed | None] = get_context("spawn").SimpleQueue()
    failed: list[Failed] = []

    def listen_to_them() -> None:
        said = False
        while (told := heard.get()) is not None:
            if isinstance(told, Failed):
                failed.append(told)
            elif not said:
                said = True
                announce(url(listener), told)

    with tempfile.TemporaryDirectory(prefix="semtune-metrics-") as folder:
        os.environ[MANY] = folder
        os.environ[CPUS] = str(max(1, usable_cpus() // plan.settings.workers))
        config = uvicorn_config(
            partial(process_app, plan, heard, os.getpid()), factory=True, workers=plan.settings.workers
        )
        listening = threading.Thread(target=listen_to_them, daemon=True)
        listening.start()
        Multiprocess(config, [listener]).run()
        heard.put(None)
        listening.join(5)
    if failed:
        error = StartError(failed[0].message)
        error.exit_code = failed[0].exit_code
        raise error


def process_app(plan: ServePlan, tell: Any, parent: int) -> Any:
    """Make the application in one of the processes."""
    from semtune.serve.run import ready_app

    logs.configure(plan.settings.log)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    return ready_app(plan, tell.put, partial(_give_up, tell))


def _give_up(tell: Any, error: BaseException) -> None:
    """End this process so that the supervisor stops the others, instead of starting this one again and again."""
    from uvicorn.config import STARTUP_FAILURE

    if not isinstance(error, SemtuneError):
        LOG.error("The server cannot start.", exc_info=error)
    tell.put(Failed(str(error), getattr(error, "exit_code", 1)))
    os._exit(STARTUP_FAILURE)


def _end_with(parent: int) -> None:
    """Stop when the parent was killed: nobody else would, and the port would stay in use."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    os.kill(os.getpid(), signal.SIGTERM)
