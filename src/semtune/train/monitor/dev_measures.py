"""Which measure a training uses on dev and on the floor set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semtune.train.monitor.dev_classes import AccuracyMeasure, ClassMeasure
from semtune.train.monitor.dev_metric import DevEvaluator, DevMeasure
from semtune.train.monitor.dev_retrieval import RetrievalMeasure
from semtune.train.monitor.dev_similarity import SimilarityMeasure
from semtune.train.planning.plan import MAIN_DATASET

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.train.trainer.training_job import TrainingJob
    from semtune.types import Split


def dev_evaluator(job: TrainingJob, floor: DevMeasure | None) -> DevEvaluator | None:
    """What the Trainer evaluates on dev, with the floor beside it; None without a dev split."""
    dataset, metric = job.data[MAIN_DATASET], job.plan.metric
    if not metric:
        return None
    if metric == "spearman":
        return DevEvaluator(SimilarityMeasure(dataset, job.contract, job.plan.bf16), floor)
    if metric == "accuracy":
        most = job.settings.max_dev_queries
        return DevEvaluator(AccuracyMeasure(dataset, job.contract, job.plan.bf16, most, job.seed), floor)
    if metric == "map@r":
        return DevEvaluator(ClassMeasure(dataset, job.contract, job.plan.bf16), floor)
    return DevEvaluator(_retrieval(job, dataset, "dev"), floor)


def floor_measure(job: TrainingJob) -> DevMeasure | None:
    """What is measured on the floor set; None without one."""
    if job.floor is None:
        return None
    dataset, split = job.floor.dataset, job.floor.split
    if dataset.scored.get(split):
        return SimilarityMeasure(dataset, job.contract, job.plan.bf16, split)
    return _retrieval(job, dataset, split)


def _retrieval(job: TrainingJob, dataset: Dataset, split: Split) -> RetrievalMeasure:
    settings = job.settings
    return RetrievalMeasure(
        dataset, job.contract, job.plan.bf16, settings.max_dev_passages, job.seed, split, settings.max_dev_queries
    )
