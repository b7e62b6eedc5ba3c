"""What /metrics says: names of text-embeddings-inference (te_*) where it has them, semtune_* for the rest."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from semtune.index import versions
from semtune.machine import is_running
from semtune.serve.account import MANY, Account
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.workers import Lane

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SIZES = tuple(float(2**power) for power in range(13))
TOKENS = tuple(float(2**power) for power in range(21))
COUNTED = ("/search", "/similar", "/v1/", "/v2/", "/embed", "/rerank", "/tei/{name}")
ASKED = ("/search", "/similar")  # with GET as well


class Metrics:
    """Counts what the server does. Safe to use from many threads."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._registry = into = CollectorRegistry()
        self._count = Counter(
            "te_request_count", "Requests for vectors, scores or documents", ["method"], registry=into
        )
        self._success = Counter("te_request_success", "Such requests answered", ["method"], registry=into)
        self._failure = Counter("te_request_failure", "Such requests refused or failed", ["err"], registry=into)
        self._embedded = Counter("te_embed_count", "Texts embedded", registry=into)
        self._duration = _seconds("te_request_duration", "Seconds of a request answered", into)
        self._queued_for = _seconds("te_request_queue_duration", "Seconds of a request in the queue", into)
        self._inference = _seconds("te_request_inference_duration", "Seconds of a request in threads", into)
        self._queue = Gauge("te_queue_size", "Pieces of work waiting", registry=into, multiprocess_mode="livesum")
        self._batch_size = Histogram("te_batch_next_size", "Texts of a batch", buckets=SIZES, registry=into)
        self._batch_tokens = Histogram("te_batch_next_tokens", "Tokens of a batch", buckets=TOKENS, registry=into)
        self._lane_queue = Gauge(
            "semtune_lane_size", "Pieces of work waiting, of a lane", ["lane"], registry=into,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self._lane_wait = _seconds("semtune_lane_wait_seconds", "Seconds a piece of work waited", into, ["lane"])
        self._lane_run = _seconds("semtune_lane_run_seconds", "Seconds a piece of work ran", into, ["lane"])
        self._stage = _seconds("semtune_search_stage_seconds", "Seconds of a stage of a search", into, ["stage"])
        self._answers = Counter(
            "semtune_http_requests", "HTTP requests, of every kind", ["route", "method", "status"], registry=into
        )
        self._inside = Gauge(
            "semtune_http_requests_in_progress", "HTTP requests in progress", registry=into, multiprocess_mode="livesum"
        )

    def queued(self, lane: Lane, change: int) -> None:
        """A piece of work has begun (+1) or ended (-1) to wait."""
        self._queue.inc(change)
        self._lane_queue.labels(lane).inc(change)

    def ran(self, lane: Lane, waited: float, computed: float) -> None:
        """A piece of work has ended."""
        self._lane_wait.labels(lane).observe(waited)
        self._lane_run.labels(lane).observe(computed)

    def began(self) -> None:
        """A request has begun."""
        self._inside.inc()

    def ended(self, path: str, method: str, status: int, seconds: float, mine: Account) -> None:
        """A request has been answered, or its client has left."""
        self._inside.dec()
        self._answers.labels(path, method, str(status)).inc()
        for batch in mine.batches:
            self._batch_size.observe(batch.texts)
            self._batch_tokens.observe(batch.tokens)
            self._embedded.inc(batch.texts)
        for stage, took in mine.stages.items():
            self._stage.labels(stage).observe(took)
        if not (path.startswith(ASKED) or (method == "POST" and (path == "/" or path.startswith(COUNTED)))):
            return
        kind = "batch" if mine.texts > 1 else "single"
        self._count.labels(kind).inc()
        if status >= 400:
            self._failure.labels(_failure(status)).inc()
            return
        self._success.labels(kind).inc()
        self._duration.observe(seconds)
        self._queued_for.observe(mine.waited)
        self._inference.observe(mine.computed)

    def text(self) -> bytes:
        """Everything in Prometheus' text format; of all processes, where there are several."""
        out = CollectorRegistry()
        out.register(_NamedAsTei(self._counted()))
        out.register(_Indexes(self._catalogue))
        return generate_latest(out)

    def _counted(self) -> Collector | CollectorRegistry:
        folder = os.environ.get(MANY)
        if not folder:
            return self._registry
        forget_dead(Path(folder))
        return multiprocess.MultiProcessCollector(CollectorRegistry(), folder)


def forget_dead(folder: Path) -> None:
    """Take the gauges of processes that have ended out of the sums."""
    for file in folder.glob("gauge_live*.db"):
        process = file.stem.rpartition("_")[2]
        if process.isdigit() and not is_running(int(process)):
            with contextlib.suppress(OSError):
                multiprocess.mark_process_dead(int(process), str(folder))


def _seconds(name: str, what: str, into: CollectorRegistry, labels: Iterable[str] = ()) -> Histogram:
    return Histogram(name, what, list(labels), buckets=SECONDS, registry=into)


def _failure(status: int) -> str:
    """The word that text-embeddings-inference has for a failure; "cancelled" is our own."""
    if status == 499:
        return "cancelled"
    if status == 429:
        return "overloaded"
    if status < 500:
        return "validation"
    return "unhealthy" if status == 503 else "inference"


class _NamedAsTei(Collector):
    """Counters without the ending `_total`, which text-embeddings-inference does not write."""

    def __init__(self, source: Collector | CollectorRegistry) -> None:
        self._source = source

    def collect(self) -> Iterable[Metric]:
        for metric in self._source.collect():
            if metric.type == "counter" and metric.name.startswith("te_"):
                plain = Metric(metric.name, metric.documentation, "unknown")
                for sample in metric.samples:
                    if sample.name.endswith("_total"):
                        plain.add_sample(metric.name, sample.labels, sample.value)
                yield plain
            else:
                metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
                yield metric


class _Indexes(Collector):
    """The state of the indexes at this moment."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def collect(self) -> Iterable[Metric]:
        documents = GaugeMetricFamily("semtune_documents", "Documents in the index", labels=["name"])
        models = GaugeMetricFamily(
            "semtune_model", "1 for each served model", labels=["name", "fingerprint", "runtime"]
        )
        indexes = GaugeMetricFamily("semtune_index", "1 for each served index", labels=["name", "version"])
        for served in self._catalogue:
            contract = served.encoder.contract
            models.add_metric([served.name, contract.fingerprint, served.encoder.runtime], 1)
            if served.index is not None:
                documents.add_metric([served.name], served.documents or 0)
                indexes.add_metric([served.name, _version(served)], 1)
        return [documents, models, indexes]


def _version(served: Served) -> str:
    """The name of the index's current version; "" for one that is not a folder of ours."""
    if served.home is None:
        return ""
    return versions.read(served.home).current
