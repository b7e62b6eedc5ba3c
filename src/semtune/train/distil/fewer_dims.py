"""`--to dims`: the teacher with shorter vectors, cut along the directions that keep most of its quality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from semtune import contract as contracts
from semtune.encoders.load import load_encoder
from semtune.encoders.wrapped import CachingEncoder, TransformedEncoder
from semtune.errors import ModelError
from semtune.metrics import main_axes
from semtune.metrics.directions import directions_by_way, project_onto
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.train.distil.job import DistillationJob, Student
from semtune.train.distil.projection import project
from semtune.train.distil.training_texts import pca_texts

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from semtune.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Directions:
    """What is kept of a vector.

    Attributes:
        way: "first", the first dimensions, as training with `matryoshka_dims` makes them useful; or "pca", those
            along which the vectors of the training texts are longest.
        kept: (dim, dim kept), one direction per column.
        metric: what chose between the two on dev; empty where nothing could.
        dev: that metric by way, and of "whole" vectors.
    """

    way: str
    kept: NDArray[np.float32]
    metric: str = ""
    dev: dict[str, float] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """The JSON form without the numbers of the directions."""
        return {"way": self.way, "of": len(self.kept), "metric": self.metric, "dev": self.dev}


def choose_directions(
    folder: Path,
    dataset: Dataset | None,
    dim: int,
    judge: Callable[[Encoder], float] | None = None,
    metric: str = "",
    progress: Progress = QUIET,
) -> Directions:
    """Choose `dim` directions of the model in `folder`.

    With fewer texts than dimensions the first ones; without a judge PCA, fitted on texts of train and, where they are
    few, passages; otherwise whichever of the two is better on dev.

    Args:
        folder: of the teacher.
        dataset: whose texts PCA is fitted on.
        dim: number of directions to keep.
        judge: gives the dev metric of an encoder; None without a dev split.
        metric: name of the judge's metric.
        progress: where to show it.

    Raises:
        ModelError: the model gives vectors with NaN or infinity.
    """
    texts = pca_texts(dataset, dim) if dataset else []
    if len(texts) < dim:
        return Directions("first", np.eye(contracts.load(folder, verify=False).dimension, dim, dtype=np.float32))
    encoder = CachingEncoder(load_encoder(str(folder), "torch", fast=True))
    vectors = encoder.encode(texts, "document", progress).vectors
    if not np.isfinite(vectors).all():
        raise ModelError(
            f"{folder} gives vectors with NaN or infinity: its weights are broken. Choose another teacher."
        )
    made = directions_by_way(main_axes(vectors), dim)
    if judge is None:
        return Directions("pca", made["pca"])
    dev = {way: judge(TransformedEncoder(encoder, project_onto(kept), dim)) for way, kept in made.items()}
    way = max(("pca", "first"), key=lambda name: dev[name])
    return Directions(way, made[way], metric, {**dev, "whole": judge(encoder)})


def to_dims(job: DistillationJob, kept: NDArray[np.float32], way: str) -> Student:
    """The teacher with shorter vectors: a dense layer without activation keeps some of their directions.

    Args:
        job: of the teacher.
        kept: (dim, dim kept), one direction per column.
        way: how the directions were chosen, "first" or "pca".
    """
    size, dim = kept.shape

    def cut() -> SentenceTransformer:
        model = job.model()
        project(model, kept)
        return model

    of = {"first": "the first", "pca": "the main directions (PCA of the data's texts),"}[way]
    return Student(job.stage("cut", cut), f"{of} {dim:,} of its {size:,} dimensions")
