"""Measures what serving a candidate costs: speed, memory and index size."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from semtune.encoders.speed import Latency, latencies, texts_a_second
from semtune.protocols import Encoder
from semtune.train.distil.training_texts import spaced

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # resets the peak of memory use, see clear_refs in proc(5)
QUERIES = 50
FLOAT = 4  # bytes per float32
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class ServingCost:
    """The cost of serving a model on this machine.

    Attributes:
        runtime: that was measured, such as "torch-fp32" or "onnx-fp32".
        texts_per_second: passages in bulk.
        p50_ms, p95_ms: latency of one query, encoded alone.
        memory_mb: peak memory that loading and encoding add to the process; None if unknown.
        texts, queries: number of texts and queries used.
    """

    runtime: str
    texts_per_second: float
    p50_ms: float
    p95_ms: float
    memory_mb: float | None
    texts: int
    queries: int

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


def index_mb(dimension: int) -> float:
    """Megabytes of a million vectors in an exact fp32 index."""
    return dimension * FLOAT * MILLION / 1e6


def measure_cost(load: Callable[[], Encoder], passages: Sequence[str], queries: Sequence[str]) -> ServingCost:
    """Load an encoder, measure it and release it.

    Import the runtime's library first, or its memory is included.

    Args:
        load: opens the encoder.
        passages: encoded in bulk, several times.
        queries: up to `QUERIES` of them, evenly spaced, are encoded one at a time.
    """
    asked = spaced(queries, QUERIES)
    with peak_memory() as peak:
        runtime, speed, one = _use(load, passages, asked)
    return ServingCost(runtime, speed, one.p50, one.p95, peak.mb, len(passages), len(asked))


def _use(load: Callable[[], Encoder], passages: Sequence[str], queries: Sequence[str]) -> tuple[str, float, Latency]:
    encoder = load()
    speed = texts_a_second([encoder], passages)[0]
    return encoder.runtime, speed, latencies([lambda text: encoder.encode([text], "query")], queries)[0]


@dataclass(slots=True)
class MemoryPeak:
    """Peak memory in megabytes that a block added to the process; None if unknown."""

    mb: float | None = None


@contextmanager
def peak_memory() -> Iterator[MemoryPeak]:
    """Measure the peak resident memory while the block runs; on Linux only."""
    peak = MemoryPeak()
    gc.collect()
    _give_back()
    before = _kilobytes("VmRSS")
    reset = _reset_peak()
    yield peak
    after = _kilobytes("VmHWM")
    if reset and before is not None and after is not None:
        peak.mb = max(0.0, (after - before) / 1024)


def _give_back() -> None:
    """Return freed memory to the system; otherwise the next model would reuse it unnoticed."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError, TypeError):
        return


def _reset_peak() -> bool:
    try:
        CLEAR.write_text(RESET_PEAK)
    except OSError:
        return False
    return True


def _kilobytes(name: str) -> int | None:
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), None)
