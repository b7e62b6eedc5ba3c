"""Shards as tasks of a Ray cluster. A task gives the same vectors wherever and however often it runs.

The input is read and the result written where the command runs; nodes need Semtune and the model's folder at the same
path. When a node is lost, Ray runs its tasks again on another one.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from semtune.bulk.encoding import Job, encode_texts, opened_once
from semtune.bulk.shards import Vectors
from semtune.errors import ConfigError, ModelError, SemtuneError

RETRIES = 5  # of a task whose process or node died


class RayTasks:
    """An engine of Ray tasks."""

    def __init__(self, job: Job, tasks: int, cores: float) -> None:
        import ray

        self.at_once = 2 * tasks  # the next shard of each waits
        self._job = job
        # Spread: one task a node as long as there are idle nodes.
        self._remote: Any = ray.remote(
            num_cpus=cores, max_retries=RETRIES, retry_exceptions=False, scheduling_strategy="SPREAD"
        )(encode_shard)

    def submit(self, texts: list[str]) -> Future[Vectors]:
        """Start a task."""
        return self._remote.remote(self._job, texts).future()


def encode_shard(job: Job, texts: list[str]) -> Vectors:
    """What a task does."""
    return encode_texts(opened_once(job), job, texts)


@contextmanager
def ray_engine(job: Job, workers: int | None) -> Iterator[RayTasks]:
    """Use the cluster that this process is connected to, or that RAY_ADDRESS names, or start one on this machine.

    Args:
        job: how texts are encoded.
        workers: tasks at a time; None: one a node, with all its cores.
    """
    import ray
    from ray.exceptions import RayError

    ours = not ray.is_initialized()
    if ours:
        ray.init(
            address=os.environ.get("RAY_ADDRESS"),
            include_dashboard=None,
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    try:
        nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        if not nodes:
            raise ConfigError("The Ray cluster has no node with processors. Start one with `ray start`.")
        smallest = min(node["Resources"]["CPU"] for node in nodes)
        a_node = -(-workers // len(nodes)) if workers else 1
        yield RayTasks(job, workers or len(nodes), max(1, smallest // a_node))
    except RayError as error:
        if isinstance(error, SemtuneError):  # of a task
            raise
        raise ModelError(
            f"The Ray cluster could not encode a shard ({type(error).__name__}: {str(error).splitlines()[0]}). "
            "Finished shards are kept; run the same command again to continue."
        ) from error
    finally:
        if ours:
            ray.shutdown()
