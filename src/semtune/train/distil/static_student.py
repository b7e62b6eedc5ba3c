"""`--to static`: a table of token vectors, then tuned on the data if there is any."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.dataset import Dataset
from semtune.io import read_json, write_json
from semtune.train.distil.job import DistillationJob, Student
from semtune.train.distil.student_dimension import allowed_dimension
from semtune.train.distil.token_table import token_table
from semtune.train.settings import TrainSettings
from semtune.train.train_model import train

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def to_static(job: DistillationJob, dataset: Dataset | None, dimension: int | None, settings: TrainSettings) -> Student:
    """A token table from the teacher, tuned on the training rows if there are any.

    Raises:
        ConfigError: the dimension is not between 1 and the teacher's.
    """
    dimension = allowed_dimension(dimension, job.contract)
    table = job.stage("table", lambda: _static_model(job, dimension))
    how = f"a table of {dimension} numbers per token"
    if dataset is None:
        return Student(table, f"{how}, without training data")
    tuned, facts = _tuned(job, table, dataset, settings)
    return Student(tuned, f"{how}, tuned on {facts['rows']:,} rows", {"tuned": facts}, table)


def _static_model(job: DistillationJob, dimension: int) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

    table = token_table(job.model(), dimension, job.progress)
    modules = [StaticEmbedding(table.tokenizer, table.rows), *([Normalize()] if job.contract.normalize else [])]
    model = SentenceTransformer(modules=modules)
    model.similarity_fn_name = job.contract.similarity  # type: ignore[assignment]  # the setter takes names too
    return model


def _tuned(job: DistillationJob, table: Path, dataset: Dataset, settings: TrainSettings) -> tuple[Path, dict[str, Any]]:
    folder, facts = job.work / "tuned", job.work / "tuned.json"
    if not facts.exists():
        made = train(dataset, table, job.name, folder, job.work / "train", settings, job.seed, job.progress)
        write_json(facts, {"rows": made.plan.rows, "metric": made.plan.metric, "start": made.start, "best": made.best})
    return folder, read_json(facts)
