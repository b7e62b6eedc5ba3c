"""Encodes one shard. Every engine calls this, so that all of them make the same vectors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from semtune.bulk.shards import Vectors
from semtune.encoders.load import AUTO, load_encoder
from semtune.encoders.tokenizer import Tokenizer
from semtune.encoders.unreadable import unreadable
from semtune.errors import ModelError
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.registry import RUNTIMES
from semtune.types import Role, Truncate


@dataclass(frozen=True, slots=True)
class Job:
    """How texts are encoded: all that another process needs to know.

    Attributes:
        folder: of the model.
        runtime: as the user gave it; for other processes, what "auto" was here.
        role: of the texts.
        truncate: what happens to texts longer than the model reads.
        fingerprint, opened: of the model and the runtime that this must be; empty if not known yet.
    """

    folder: str
    runtime: str
    role: Role = "document"
    truncate: Truncate = "cut"
    fingerprint: str = ""
    opened: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """An encoder with what tells which texts it cannot read."""

    encoder: Encoder
    tokenizer: Tokenizer


def open_model(job: Job) -> Opened:
    """Open a job's model.

    Raises:
        ModelError: it cannot be opened, or is another one than where the job was started.
    """
    encoder = load_encoder(job.folder, job.runtime, truncate=job.truncate)
    found = (encoder.contract.fingerprint, encoder.runtime)
    if job.fingerprint and found != (job.fingerprint, job.opened):
        raise ModelError(
            f"{job.folder} is {found[1]} with the fingerprint {found[0][:12]} here, but {job.opened} with "
            f"{job.fingerprint[:12]} where the job was started. All workers need the same model and packages."
        )
    return Opened(encoder, Tokenizer(Path(job.folder), encoder.contract))


def settled(job: Job, opened: Opened) -> Job:
    """The job for other processes: "auto" is what was opened here, since they would measure on fewer cores."""
    found = opened.encoder.runtime
    fitting = [name for name in RUNTIMES.names() if found == name or found.startswith(f"{name}-")]
    runtime = max(fitting, key=len, default=job.runtime) if job.runtime == AUTO else job.runtime
    return replace(job, runtime=runtime, fingerprint=opened.encoder.contract.fingerprint, opened=found)


@lru_cache(maxsize=1)
def opened_once(job: Job) -> Opened:
    """The job's model, which a worker process opens once for all of its shards."""
    from semtune.machine import keep_freed_memory

    keep_freed_memory()
    return open_model(job)


def encode_texts(opened: Opened, job: Job, texts: list[str], progress: Progress = QUIET) -> Vectors:
    """Embed a shard's texts."""
    made = opened.encoder.encode(texts, job.role, progress)
    values = np.ascontiguousarray(made.vectors, dtype=np.float32)
    return Vectors(values, made.tokens, made.truncated, made.cut_tokens, unreadable(texts, opened.tokenizer))
