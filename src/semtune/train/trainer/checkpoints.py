"""Checkpoints: which one a killed training continues from, and when they must not be used any more."""

from __future__ import annotations

import shutil
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.dataset import Dataset
from semtune.io import read_json, sha256_json, write_json
from semtune.train.data.columns import row_columns
from semtune.train.data.rows import summarize_rows
from semtune.train.processes import world

if TYPE_CHECKING:
    from semtune.train.planning.plan import Plan
    from semtune.train.trainer.training_job import TrainingJob

CHECKPOINTS = "checkpoints"
COMPLETE = "whole.json"  # written into a checkpoint last: where it exists, the rest does
KEY_FILE = "training.json"


def newest_complete(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; a killed training may leave half of one behind."""
    complete = [path.parent for path in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return max(complete, key=lambda path: int(path.name.rsplit("-", 1)[1]), default=None)


def discard_outdated(job: TrainingJob) -> None:
    """Remove checkpoints in the work folder that were made with other data or settings."""
    key = _training_key(job)
    wanted = sha256_json(key)
    marker = job.work / KEY_FILE
    if marker.exists() and read_json(marker).get("key") != wanted:
        shutil.rmtree(job.work / CHECKPOINTS, ignore_errors=True)
    write_json(marker, {"key": wanted, **key})


def _training_key(job: TrainingJob) -> dict[str, Any]:
    """All that the trained weights depend on."""
    floor = job.floor
    return {
        "data": {name: _rows_hash(one) for name, one in job.data.items()},
        "plan": _decisive_part(job.plan),
        "base": job.contract.fingerprint,
        "seed": job.seed,
        "settings": repr(job.settings),
        "processes": world(),
        "floor": [_judgements_hash(floor.dataset), floor.max_drop] if floor else None,
    }


def _decisive_part(plan: Plan) -> dict[str, Any]:
    """What of a plan the weights depend on; how much is computed at a time does not matter."""
    left_out = {"mini_batch_size", "gradient_accumulation_steps", "memory_mb", "reasons", "loss"}
    values = {key: value for key, value in plan.as_dict().items() if key not in left_out}
    return values | {"loss": plan.loss.removeprefix("Cached")}


def _rows_hash(dataset: Dataset) -> str:
    """Hash of the rows that are trained on, and of what chooses the checkpoint."""
    rows = summarize_rows(dataset)
    dev = [
        [astuple(row) for row in part.get("dev", [])]
        for part in (dataset.scored, dataset.labelled_pairs, dataset.labelled_texts)
    ]
    return sha256_json([rows.shape, row_columns(dataset, rows, "train"), dev, dataset.qrels.get("dev")])


def _judgements_hash(dataset: Dataset) -> str:
    scored = {split: [astuple(row) for row in rows] for split, rows in dataset.scored.items()}
    return sha256_json([scored, dataset.qrels])
