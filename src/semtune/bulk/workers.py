"""Processes of this machine that encode shards, each on cores of its own.

They are plain subprocesses that read texts from a pipe and answer on another. When this process dies, however it dies,
the pipe is closed and they end, too. When one of them dies, another is started and given the same shard.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

from semtune.bulk.encoding import Job
from semtune.bulk.shards import Vectors
from semtune.errors import ConfigError, ModelError

TRIES = 3
START = "from semtune.bulk.worker import main; main()"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


def split_cores(workers: int) -> list[tuple[int, ...]]:
    """The cores of each worker: neighbours, as equally many as can be.

    Raises:
        ConfigError: there are fewer cores than workers.
    """
    from semtune.machine import usable_cpus

    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    usable = min(usable_cpus(), len(cores))
    if workers > usable:
        raise ConfigError(f"There are {usable} cores here for {workers} workers. Allowed: 1 to {usable}.")
    return [tuple(cores[n * len(cores) // workers : (n + 1) * len(cores) // workers]) for n in range(workers)]


class Workers:
    """An engine of worker processes; `with` ends them."""

    def __init__(self, job: Job, cores: list[tuple[int, ...]]) -> None:
        self.at_once = 2 * len(cores)  # the next shard of each waits
        self._idle = [_Worker(job, each) for each in cores]
        self._all = list(self._idle)
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(len(cores), thread_name_prefix="encode")

    def __enter__(self) -> Workers:
        """Processes are started with their first shards."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all processes, at once."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._all:
            worker.end()
        self._threads.shutdown(wait=True)

    def submit(self, texts: list[str]) -> Future[Vectors]:
        """Give texts to the next idle worker."""
        return self._threads.submit(self._encode, texts)

    def _encode(self, texts: list[str]) -> Vectors:
        with self._lock:
            worker = self._idle.pop()
        try:
            return worker.encode(texts)
        finally:
            with self._lock:
                self._idle.append(worker)


class _Worker:
    """One process, which is started when it is needed."""

    def __init__(self, job: Job, cores: tuple[int, ...]) -> None:
        self._job, self._cores = job, cores
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._ended = False

    def encode(self, texts: list[str]) -> Vectors:
        """Encode texts; a process that dies is replaced.

        Raises:
            ModelError: the processes died again and again.
        """
        code = None
        for _ in range(TRIES):
            try:
                answer = self._asked(texts)
            except (OSError, EOFError, ValueError, pickle.UnpicklingError):  # the process died, or was ended
                code = self._stop()
                continue
            if isinstance(answer, BaseException):
                raise answer
            return answer
        raise ModelError(
            f"A worker process died {TRIES} times on the same texts (last exit status {code}); often memory is short. "
            "Use fewer --workers, or fewer --rows a shard. Finished shards are kept."
        )

    def end(self) -> None:
        """Stop the process for good; an `encode` that waits for it fails."""
        self._ended = True
        self._stop()

    def _asked(self, texts: list[str]) -> Any:
        process = self._started()
        assert process.stdin is not None  # noqa: S101 - pipes were asked for
        assert process.stdout is not None  # noqa: S101
        pickle.dump(texts, process.stdin, pickle.HIGHEST_PROTOCOL)
        process.stdin.flush()
        return pickle.load(process.stdout)  # noqa: S301 - from a process of ours

    def _started(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._ended:
                raise EOFError
            if self._process is None:
                threads = dict.fromkeys(THREADS, str(len(self._cores)))
                paths = os.pathsep.join(filter(None, sys.path))
                self._process = subprocess.Popen(  # noqa: S603 - this Python, and code of ours
                    [sys.executable, "-c", START],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={**os.environ, **threads, "PYTHONPATH": paths, "PYTHONSAFEPATH": "1"},
                )
                assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
                for value in (self._cores, self._job):  # cores first: what is imported for the job looks at them
                    pickle.dump(value, self._process.stdin, pickle.HIGHEST_PROTOCOL)
            return self._process

    def _stop(self) -> int | None:
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return None
        process.kill()
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was not sent can no longer be
                    pipe.close()
        return code
