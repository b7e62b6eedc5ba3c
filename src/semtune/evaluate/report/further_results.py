"""Results beside the metrics: maps of the embeddings, costs of the encoders, stages of serving, thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from semtune.dataset import Dataset
from semtune.encoders.speed import Latency, latencies, texts_a_second
from semtune.evaluate.report.embedding_map import EmbeddingMap, chart, draw, turned
from semtune.evaluate.result import Scores
from semtune.evaluate.serving.calibration import CalibrationResult
from semtune.evaluate.serving.stages import Stages
from semtune.evaluate.student_quality import timing_texts
from semtune.protocols import Encoder
from semtune.types import Split

READ = 16  # texts encoded in bulk to measure the speed


@dataclass(frozen=True, slots=True)
class EncoderCost:
    """The speed and size of an encoder.

    Attributes:
        runtime: that runs it, such as "onnx-fp32".
        dimension: of a vector; an exact index takes 4 bytes per dimension.
        texts_per_second: in bulk; NaN if there was no text to measure with.
        latency: of one query, encoded alone.
        bytes: of the weights or the graph on disk; None if unknown.
    """

    runtime: str
    dimension: int
    texts_per_second: float
    latency: Latency
    bytes: int | None


@dataclass(frozen=True, slots=True, eq=False)
class FurtherResults:
    """Further results for the report; empty ones are left out.

    Attributes:
        maps: system → map of its embeddings.
        costs: system → its speed and size.
        stages: the metric at each stage from torch to the index.
        calibrated: thresholds, and the probability behind a score.
        precision: the values of the exported model's `precision.json`; None if no precision was tried.
        served: a sentence on how the index will be searched.
    """

    maps: Mapping[str, EmbeddingMap] = field(default_factory=dict)
    costs: Mapping[str, EncoderCost] = field(default_factory=dict)
    stages: Stages | None = None
    calibrated: CalibrationResult | None = None
    precision: Mapping[str, Any] | None = None
    served: str = ""


NOTHING = FurtherResults()


def charts(encoders: Mapping[str, Encoder], dataset: Dataset, split: Split, seed: int = 0) -> dict[str, EmbeddingMap]:
    """The map of each system over one sample, each turned to match the last; empty for tasks without search.

    A system that gives vectors with NaN has no map.
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


def measure_costs(
    encoders: Mapping[str, Encoder], dataset: Dataset, scores: Scores, sizes: Mapping[str, int | None]
) -> dict[str, EncoderCost]:
    """The speed of each system on texts of the data set, measured in turns, and its size."""
    queries = asked_texts(dataset, scores)
    bulk = texts_a_second(list(encoders.values()), read_texts(dataset) or queries[:READ])
    waits = latencies([lambda query, e=encoder: e.encode([query], "query") for encoder in encoders.values()], queries)
    return {
        name: EncoderCost(encoder.runtime, encoder.contract.dimension, speed, wait, sizes.get(name))
        for (name, encoder), speed, wait in zip(encoders.items(), bulk, waits, strict=True)
    }


def read_texts(dataset: Dataset) -> list[str]:
    """Texts to encode in bulk, evenly spaced; fewer than in a benchmark, since somebody waits for the result."""
    texts = timing_texts(dataset)
    return texts[:: max(1, len(texts) // READ)][:READ]


def asked_texts(dataset: Dataset, scores: Scores) -> list[str]:
    """Texts to encode one by one: the labelled queries, or the first text of each item."""
    known = dataset.queries
    return [known[query].text for query in scores.query_ids if query in known] or [lines[0] for lines in scores.items]
