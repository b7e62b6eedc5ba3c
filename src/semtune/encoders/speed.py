"""Measures the speed of encoders: texts per second in bulk, milliseconds for one query."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from semtune.errors import InputError
from semtune.protocols import Encoder

ROUNDS = 3
LEAST_SECONDS = 0.2  # shorter passes are repeated to be measurable
QUERIES = 50


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds per query, one at a time: the median and the 95th percentile."""

    p50: float
    p95: float


def texts_a_second(encoders: Sequence[Encoder], texts: Sequence[str]) -> list[float]:
    """Texts per second of each encoder: the median of `ROUNDS` rounds, in turns, after a warm-up.

    Raises:
        InputError: there are no texts.
    """
    if not texts:
        raise InputError("There are no texts to measure the speed with. Give a data set with texts.")
    measured: list[list[float]] = [[] for _ in encoders]
    for encoder in encoders:
        encoder.encode(texts[:8])
    for _ in range(ROUNDS):
        for at, encoder in enumerate(encoders):
            started, passes = time.perf_counter(), 0
            while not passes or time.perf_counter() - started < LEAST_SECONDS:
                encoder.encode(texts)
                passes += 1
            measured[at].append(passes * len(texts) / (time.perf_counter() - started))
    return [statistics.median(values) for values in measured]


def latencies(answers: Sequence[Callable[[str], object]], queries: Sequence[str]) -> list[Latency]:
    """Latency of each answer function on up to `QUERIES` queries, one at a time and in turns, after a warm-up.

    Raises:
        InputError: there are no queries.
    """
    if not queries:
        raise InputError("There are no queries to measure the speed with. Give a data set with queries.")
    asked = queries[:: max(1, len(queries) // QUERIES)][:QUERIES]
    taken = np.empty((len(answers), len(asked)))
    for answer in answers:
        answer(asked[0])
    for column, query in enumerate(asked):
        for row, answer in enumerate(answers):
            started = time.perf_counter()
            answer(query)
            taken[row, column] = 1000 * (time.perf_counter() - started)
    return [Latency(float(np.median(row)), float(np.quantile(row, 0.95))) for row in taken]
