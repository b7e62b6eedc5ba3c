"""What a report shows beside the metrics: where the embeddings lie, what an encoder costs, stages, thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from semtune.dataset import Dataset
from semtune.encoders.speed import Latency, latencies, texts_a_second
from semtune.evaluate.report.maps import Map, chart, draw, turned
from semtune.evaluate.result import Scores
from semtune.evaluate.serving.calibration import Calibrated
from semtune.evaluate.serving.stages import Stages
from semtune.evaluate.student_quality import speed_texts
from semtune.protocols import Encoder
from semtune.types import Split

READ = 32  # texts whose reading is timed


@dataclass(frozen=True, slots=True)
class Cost:
    """What an encoder costs.

    Attributes:
        runtime: what computes.
        dimension: of a vector; an index takes 4 bytes for each of its numbers.
        texts_per_second: in bulk; NaN where there was nothing to measure with.
        latency: of one query alone.
        bytes: of the weights or the graph on disk; None where unknown.
    """

    runtime: str
    dimension: int
    texts_per_second: float
    latency: Latency
    bytes: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Extras:
    """Further parts of a report; those that are empty are left out.

    Attributes:
        maps: system → where its embeddings lie.
        costs: system → what it costs.
        stages: the metric from torch to the index.
        calibrated: what the scores mean.
    """

    maps: Mapping[str, Map] = field(default_factory=dict)
    costs: Mapping[str, Cost] = field(default_factory=dict)
    stages: Stages | None = None
    calibrated: Calibrated | None = None


def charts(encoders: Mapping[str, Encoder], dataset: Dataset, split: Split, seed: int = 0) -> dict[str, Map]:
    """The map of each system over one sample, all turned like the last; empty where nothing is searched.

    A system that gives vectors with NaN has none.
    """
    sample = draw(dataset, split, seed)
    if sample is None:
        return {}
    drawn = {name: chart(encoder, sample) for name, encoder in encoders.items()}
    found = {name: each for name, each in drawn.items() if each is not None}
    if not found:
        return {}
    reference = list(found.values())[-1]
    return {name: each if each is reference else turned(each, reference) for name, each in found.items()}


def costs(
    encoders: Mapping[str, Encoder], dataset: Dataset, scores: Scores, sizes: Mapping[str, int | None]
) -> dict[str, Cost]:
    """What each system costs: its speed on some of the data set's own texts, in turns."""
    queries = asked_texts(dataset, scores)
    bulk = texts_a_second(list(encoders.values()), read_texts(dataset) or queries[:READ])
    waits = latencies([lambda query, e=encoder: e.encode([query], "query") for encoder in encoders.values()], queries)
    return {
        name: Cost(encoder.runtime, encoder.contract.dimension, speed, wait, sizes.get(name))
        for (name, encoder), speed, wait in zip(encoders.items(), bulk, waits, strict=True)
    }


def read_texts(dataset: Dataset) -> list[str]:
    """Texts to be read in bulk, evenly spaced; fewer than a benchmark would take, since people wait for them."""
    texts = speed_texts(dataset)
    return texts[:: max(1, len(texts) // READ)][:READ]


def asked_texts(dataset: Dataset, scores: Scores) -> list[str]:
    """Texts to be asked one by one: the judged queries, or the first text of each item."""
    known = dataset.queries
    return [known[query].text for query in scores.query_ids if query in known] or [lines[0] for lines in scores.items]
