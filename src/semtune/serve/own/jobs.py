"""Long work of the server in the background: an upgrade, say, whose progress can be asked for.

Jobs live in the memory of one process: a server that was stopped knows nothing of them. The work itself is safe, since
every command on an index is.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

from semtune.errors import SemtuneError
from semtune.progress import Progress
from semtune.serve.errors import ApiError

logger = logging.getLogger(__name__)

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

    @contextmanager
    def track(self, task: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Begin a part of the work."""
        self.task, self.done, self.total = task, 0, total

        def advance(count: int) -> None:
            self.done += count

        yield advance

    def say(self, message: str) -> None:
        """Keep a message."""
        self.messages = [*self.messages, message][-MOST_MESSAGES:]

    def status(self, message: str) -> None:
        """Show how the running part stands."""
        self.task = message

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


class Jobs:
    """The jobs of a server: one at a time for each index, in a thread of its own."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(self, index: str, action: str, work: Work) -> Job:
        """Begin a piece of work.

        Raises:
            ApiError: 409, one for this index is running.
        """
        job = Job(secrets.token_hex(8), index, action)
        with self._lock:
            for other in self._jobs.values():
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
        threading.Thread(target=_run, args=(job, work), name=f"semtune-{action}", daemon=True).start()
        return job

    def find(self, id_: str) -> Job:
        """A job by its id.

        Raises:
            ApiError: 404, this process has none.
        """
        if id_ not in self._jobs:
            raise ApiError(
                404,
                f"There is no job {id_!r}. Jobs are forgotten when the server stops, and the oldest when many ended.",
            )
        return self._jobs[id_]

    def all(self, index: str | None = None) -> list[Job]:
        """The jobs, of one index if it is named, the newest first."""
        with self._lock:
            return [job for job in reversed(self._jobs.values()) if index in (None, job.index)]

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


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
