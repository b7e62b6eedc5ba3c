"""Long work of the server in the background: an upgrade, say, whose progress can be asked for.

Jobs are forgotten when the server stops; its processes tell each other of them. The work itself is safe, since every
command on an index is.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from typing import Any, Literal

from semtune.errors import SemtuneError
from semtune.progress import Progress
from semtune.serve.errors import ApiError
from semtune.serve.own.job_board import JobBoard

logger = logging.getLogger(__name__)

EVERY = 1.0  # seconds between two notes to other processes
KEPT = 100  # jobs that ended
MOST_MESSAGES = 20
Work = Callable[[Progress], Mapping[str, Any]]


@dataclass(slots=True)
class Job:
    """A piece of work, and how far it is. It is also the `Progress` that the work reports to.

    Attributes:
        id: by which it is asked for.
        index, action: what is done with which index.
        state: "running", "done" or "failed".
        started, ended: when, in ISO 8601; "" while it runs.
        task, done, total: the part that it is at, and how far; total is None where nobody knows it.
        messages: what it said, the last ones.
        error: why it failed.
        result: what it did.
        told, tell_at: told of every change, and when the next one is due.
    """

    id: str
    index: str
    action: str
    state: Literal["running", "done", "failed"] = "running"
    started: str = field(default_factory=lambda: _now())
    ended: str = ""
    task: str = ""
    done: int = 0
    total: int | None = None
    messages: list[str] = field(default_factory=list)
    error: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    told: Callable[[Job], None] = field(default=lambda _job: None, repr=False)
    tell_at: float = 0.0

    @contextmanager
    def track(self, task: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Begin a part of the work."""
        self.task, self.done, self.total = task, 0, total

        def advance(count: int) -> None:
            self.done += count
            self.tell(now=False)

        yield advance

    def say(self, message: str) -> None:
        """Keep a message."""
        self.messages = [*self.messages, message][-MOST_MESSAGES:]

    def status(self, message: str) -> None:
        """Show how the running part stands."""
        self.task = message

    def tell(self, now: bool = True) -> None:
        """Tell other processes how it stands; not `now`: at most once in a while."""
        if now or time.monotonic() >= self.tell_at:
            self.tell_at = time.monotonic() + EVERY
            self.told(self)

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {name: getattr(self, name) for name in SHOWN}


SHOWN = tuple(each.name for each in fields(Job) if each.name not in ("told", "tell_at"))


class Jobs:
    """The jobs of a server: one at a time for each index, in a thread of its own."""

    def __init__(self, board: JobBoard) -> None:
        """Begin with the jobs of the server's other processes."""
        self._board = board
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(self, index: str, action: str, work: Work) -> Job:
        """Begin a piece of work.

        Raises:
            ApiError: 409, one for this index is running.
        """
        job = Job(secrets.token_hex(8), index, action, told=lambda job: self._board.post(job.as_dict()))
        with self._lock:
            for other in self._every():
                if other.index == index and other.state == "running":
                    raise ApiError(
                        409,
                        f"The job {other.id} ({other.action}) of the index {index!r} is running. Wait until it has "
                        f"ended: GET /admin/jobs/{other.id}.",
                        code="job_running",
                        headers={"Retry-After": "10"},
                    )
            self._jobs[job.id] = job
            self._forget()
        job.tell()
        threading.Thread(target=_run, args=(job, work), name=f"semtune-{action}", daemon=True).start()
        return job

    def find(self, id_: str) -> Job:
        """A job by its id.

        Raises:
            ApiError: 404, there is none.
        """
        with self._lock:
            found = next((job for job in self._every() if job.id == id_), None)
        if found is None:
            raise ApiError(
                404,
                f"There is no job {id_!r}. Jobs are forgotten when the server stops, and the oldest when many ended.",
            )
        return found

    def all(self, index: str | None = None) -> list[Job]:
        """The jobs, of one index if it is named, the newest first."""
        with self._lock:
            found = sorted(self._every(), key=lambda job: job.started)
        return [job for job in reversed(found) if index in (None, job.index)]

    def _every(self) -> list[Job]:
        return [*(Job(**state) for state in self._board.others()), *self._jobs.values()]

    def _forget(self) -> None:
        ended = [job.id for job in self._jobs.values() if job.state != "running"]
        for id_ in ended[: max(0, len(ended) - KEPT)]:
            del self._jobs[id_]


def _run(job: Job, work: Work) -> None:
    try:
        job.result = dict(work(job))
        job.state = "done"
    except SemtuneError as error:
        logger.warning("%s of %s failed: %s", job.action, job.index, error)
        job.error, job.state = str(error), "failed"
    except Exception:
        logger.exception("%s of %s failed", job.action, job.index)
        job.error, job.state = "Internal error. This is a bug in Semtune; see the server log for details.", "failed"
    finally:
        job.ended = _now()
        job.tell()


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
