"""What a candidate costs to serve: speed, memory, size."""

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
RESET_PEAK = "5"  # what proc(5) says clear_refs takes to forget the highest use of memory
QUERIES = 50
FLOAT = 4  # bytes
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class ServingCost:
    """What serving a model takes here.

    Attributes:
        runtime: what was measured, "torch-fp32" or "onnx-fp32", say.
        texts_per_second: passages in bulk.
        p50_ms, p95_ms: of one query, asked alone.
        memory_mb: what loading it and encoding add to the process at the peak; None where the system does not tell.
        texts, queries: how many were used.
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
    """Megabytes of a million vectors in an exact index of fp32."""
    return dimension * FLOAT * MILLION / 1e6


def measure_cost(load: Callable[[], Encoder], passages: Sequence[str], queries: Sequence[str]) -> ServingCost:
    """Load an encoder, use it and let it go.

    The runtime's library must have been imported before, or its memory is counted too.

    Args:
        load: opens the encoder.
        passages: encoded in bulk, several times.
        queries: up to `QUERIES` of them, evenly spaced, are asked one at a time.
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
    """Megabytes that a block added to the process at its peak; None where the system does not tell."""

    mb: float | None = None


@contextmanager
def peak_memory() -> Iterator[MemoryPeak]:
    """Watch the resident memory while the block runs; on Linux only."""
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
    """Have freed memory returned to the system, or what the next model takes of it would not be seen."""
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
