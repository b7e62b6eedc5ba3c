"""Which directions of a model's vectors to keep when it is to have fewer: the better of two ways on the dev split."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from semtune import contract as contracts
from semtune.encoders.load import load_encoder
from semtune.errors import ModelError
from semtune.metrics import main_axes
from semtune.progress import QUIET, Progress
from semtune.select.sample import dev_part, train_texts
from semtune.select.settings import SelectSettings
from semtune.select.smaller import Changed, Remembering, onto, ways
from semtune.select.trials import DevJudge

if TYPE_CHECKING:
    from semtune.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Directions:
    """What is kept of a vector.

    Attributes:
        way: "first", the first dimensions, as training with `matryoshka_dims` makes them useful; or "pca", those
            along which the training texts' vectors are longest.
        kept: (dim, dim kept), a direction a column.
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


def directions(folder: Path, dataset: Dataset | None, dim: int, seed: int, progress: Progress = QUIET) -> Directions:
    """Choose `dim` directions of the model in `folder`.

    Without as many texts as dimensions the first ones; without a dev split PCA, fitted on texts of train and, where they
    are few, passages; else the better on dev.

    Raises:
        ModelError: the model gives vectors that are no numbers.
    """
    texts = train_texts(dataset, dim) if dataset else []
    if dataset is None or len(texts) < dim:
        return Directions("first", np.eye(contracts.load(folder, verify=False).dimension, dim, dtype=np.float32))
    encoder = Remembering(load_encoder(str(folder), "torch", fast=True))
    vectors = encoder.encode(texts, "document", progress).vectors
    if not np.isfinite(vectors).all():
        raise ModelError(f"{folder} gives vectors with NaN or infinity: its weights are broken. Give another teacher.")
    made = ways(main_axes(vectors), dim)
    if not any(splits.get("dev") for splits in (dataset.scored, dataset.labelled_pairs, dataset.qrels)):
        return Directions("pca", made["pca"])
    usual = SelectSettings()
    judge = DevJudge(dev_part(dataset, usual.max_queries, usual.max_passages, seed), seed, progress)
    dev = {way: judge(Changed(encoder, onto(kept), dim)).value for way, kept in made.items()}
    way = max(("pca", "first"), key=lambda name: dev[name])
    return Directions(way, made[way], judge.metric, {**dev, "whole": judge(encoder).value})
