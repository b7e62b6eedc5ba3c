"""Judges a graph in another precision by the user's own metric on dev; see `semtune.export.precision`."""

from __future__ import annotations

from pathlib import Path

from semtune.dataset import Dataset
from semtune.encoders.onnx import open_onnx
from semtune.evaluate.result import label
from semtune.evaluate.scores import score
from semtune.evaluate.serving.stages import change
from semtune.metrics import Comparison
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.select.sample import dev_part

MAX_QUERIES, MAX_PASSAGES = 500, 2_000  # of dev; each trial embeds them


class DevJudge:
    """Compares encoders with a model's fp32 graph on a sample of the dev split.

    Attributes:
        metric: its name for people.
        items: queries, pairs or texts that are judged.
        reference: the fp32 graph's value.
    """

    def __init__(self, part: Dataset, folder: Path, seed: int = 0, progress: Progress = QUIET) -> None:
        """Score the fp32 graph.

        Args:
            part: from `dev_sample`.
            folder: with the exported fp32 graph.
            seed: of the bootstrap.
            progress: shows the encoding.
        """
        self._part, self._seed, self._progress = part, seed, progress
        self._whole = score(open_onnx(folder), self._part, "dev", progress, seed=seed)
        self.metric, self.items = label(self._whole.main), self._whole.n
        self.reference = float(self._whole.metrics[self._whole.main])

    def compare(self, encoder: Encoder) -> tuple[float, Comparison | None]:
        """The encoder's metric, and its paired change; None if the metric is not a number."""
        found = score(encoder, self._part, "dev", self._progress, seed=self._seed)
        return float(found.metrics[found.main]), change(found, self._whole, self._seed)


def dev_sample(dataset: Dataset, seed: int = 0) -> Dataset:
    """The part of the dev split that judges.

    Raises:
        InputError: there is no labelled dev split.
    """
    return dev_part(dataset, MAX_QUERIES, MAX_PASSAGES, seed)
