"""`semtune train`: a data set and a backbone in, a tuned model folder with its contract out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune import contract as contracts
from semtune.contract import Contract
from semtune.dataset import Dataset
from semtune.encoders.tokenizer import Tokenizer
from semtune.errors import ModelError
from semtune.io import storage_errors, write_jsonl
from semtune.model_places import places
from semtune.progress import QUIET, Progress
from semtune.registry import need
from semtune.train.data.columns import row_columns
from semtune.train.data.reshape import reshape_for_loss
from semtune.train.data.rows import summarize_rows
from semtune.train.data.trainer_tables import LABEL_COLUMNS
from semtune.train.final_model.trained_model import Trained, save_trained
from semtune.train.planning.memory import ModelSizes
from semtune.train.planning.plan import MAIN_DATASET, Plan, plan
from semtune.train.processes import is_first, wait_for_all
from semtune.train.settings import TrainSettings
from semtune.train.trainer.checkpoints import discard_outdated
from semtune.train.trainer.out_of_memory import train_within_memory
from semtune.train.trainer.text_length import model_limit
from semtune.train.trainer.training_job import TrainingJob

if TYPE_CHECKING:
    from semtune.train.final_model.forgetting_floor import FloorSet
    from semtune.train.monitor.finding import Finding
    from semtune.train.trainer.training_loop import TrainingResult

SAMPLED_ROWS = 2_000  # training rows of each data set whose lengths are looked at


def train(
    dataset: Dataset,
    base: Path,
    base_name: str,
    out: Path,
    work: Path,
    settings: TrainSettings,
    seed: int,
    progress: Progress = QUIET,
    also: Mapping[str, Dataset] | None = None,
    floor: FloorSet | None = None,
) -> Trained:
    """Tune the model in `base` on `dataset` and write it to `out`.

    Args:
        dataset: with train rows, and dev rows if a best checkpoint is to be chosen.
        base: a sentence-transformers folder.
        base_name: what the base is called in the contract and the model card.
        out: the model folder; it appears when training is done.
        work: holds checkpoints and `log.jsonl`; a later call with the same arguments continues from there.
        settings: of the training. Its `also` and `floor` name files: pass what they hold in the arguments below.
        seed: of the order of rows and the dropout; the same seed gives the same model on one machine.
        progress: where to show it; of several processes only the first one reports and writes.
        also: further data sets to train on, by name, each with the loss that fits it.
        floor: what the model must not become worse on; weights are mixed with the base's if it does.

    Raises:
        InputError: there is nothing to train on, or the data's shape does not fit.
        TrainingError: the loss became NaN or infinite, or there is not enough memory.
        StorageError: the disk is full.
    """
    need("sentence_transformers", "torch", "datasets", "accelerate")
    if not is_first():
        progress = QUIET
    job = _prepared_job(dataset, base, work, settings, seed, also or {}, floor)
    progress.say(f"plan: {job.plan.sentence()}")
    for reason in job.plan.reasons:
        progress.say(f"  {reason}")
    with storage_errors(work):
        if is_first():
            work.mkdir(parents=True, exist_ok=True)
            discard_outdated(job)
        wait_for_all()
        job, result = _run(job, progress)
        if not is_first():
            return Trained(job.contract, job.plan, result.log, None, None)
        write_jsonl(work / "log.jsonl", result.log)
        for finding in result.final.findings:
            progress.say(f"doctor: {finding.line()}")
        return save_trained(job, result, _findings(job, result), base_name, out)


def _prepared_job(
    dataset: Dataset,
    base: Path,
    work: Path,
    settings: TrainSettings,
    seed: int,
    also: Mapping[str, Dataset],
    floor: FloorSet | None,
) -> TrainingJob:
    """Bring the rows into the form that the losses take, and plan."""
    contract = contracts.load(base)
    if contract.parts:
        raise ModelError(
            f"{base} is a Router model, with a part for queries and one for documents. Semtune searches with it "
            "but does not tune it: tune the model of one part, or give another base."
        )
    main = reshape_for_loss(dataset, settings.loss)
    also = {name: reshape_for_loss(one, "auto") for name, one in also.items()}
    data = {MAIN_DATASET: main, **also}
    lengths = _token_counts(data, base, contract)
    chosen = plan(main, settings, ModelSizes.read(base), lengths, model_limit(contract), also)
    return TrainingJob(data, base, contract, work, settings, chosen, seed, floor)


def _run(job: TrainingJob, progress: Progress) -> tuple[TrainingJob, TrainingResult]:
    from semtune.train.trainer import training_loop

    def run(chosen: Plan) -> TrainingResult:
        with progress.track("train", chosen.steps) as advance:
            return training_loop.run_training(replace(job, plan=chosen), progress, advance)

    chosen, result = train_within_memory(run, job.plan, progress)
    return replace(job, plan=chosen), result


def _findings(job: TrainingJob, result: TrainingResult) -> list[Finding]:
    """What the log shows and what the choice of weights found; of two of one kind the latter, which came last."""
    from semtune.train.monitor.diagnosis import diagnose

    plan, final = job.plan, result.final
    seen = diagnose(result.log, plan.metric, plan.steps, job.settings.early_stopping_patience, job.max_drop)
    known = {finding.kind for finding in final.findings}
    if final.floor or final.kept == "base":
        known.add("forgetting")  # the final weights were measured on the floor, or are the base's
    return [*final.findings, *(finding for finding in seen if finding.kind not in known)]


def _token_counts(data: Mapping[str, Dataset], base: Path, contract: Contract) -> list[int]:
    """Token counts of some training texts of each data set; empty if the backbone has no fast tokenizer."""
    if places(base).small_file("tokenizer.json") is None:
        return []
    tokenizer = Tokenizer(base, contract)
    texts: list[str] = []
    for dataset in data.values():
        columns: dict[str, list[Any]] = row_columns(dataset, summarize_rows(dataset), "train", SAMPLED_ROWS)
        texts += [text for name, column in columns.items() if name not in LABEL_COLUMNS for text in column]
    return tokenizer.lengths(texts)
