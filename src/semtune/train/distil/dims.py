"""Old name of `choose_directions`, until `semtune distil` hands in a judge; imports upward, so remove it then."""

from __future__ import annotations

from pathlib import Path

from semtune.dataset import Dataset
from semtune.progress import QUIET, Progress
from semtune.train.distil.fewer_dims import Directions, choose_directions


def directions(folder: Path, dataset: Dataset | None, dim: int, seed: int, progress: Progress = QUIET) -> Directions:
    """As `choose_directions`, judged by select."""
    from semtune.select.sample import dev_part
    from semtune.select.settings import SelectSettings
    from semtune.select.trials import DevJudge

    splits = (dataset.scored, dataset.labelled_pairs, dataset.qrels) if dataset else ()
    if dataset is None or not any(rows.get("dev") for rows in splits):
        return choose_directions(folder, dataset, dim, progress=progress)
    usual = SelectSettings()
    judge = DevJudge(dev_part(dataset, usual.max_queries, usual.max_passages, seed), seed, progress)
    return choose_directions(folder, dataset, dim, lambda encoder: judge(encoder).value, judge.metric, progress)
