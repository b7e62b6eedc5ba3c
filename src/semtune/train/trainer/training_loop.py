"""One training from start to end: the Trainer runs a plan, and the weights to keep are chosen."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from semtune.progress import Progress
from semtune.train.data.trainer_tables import DENOISING
from semtune.train.final_model.final_weights import FinalWeights, choose_final_weights, snapshot
from semtune.train.monitor.dev_measures import dev_evaluator, floor_measure
from semtune.train.monitor.diagnosis import dev_loss_fell
from semtune.train.monitor.training_log import log_rows
from semtune.train.monitor.training_monitor import TrainingMonitor
from semtune.train.processes import is_first
from semtune.train.trainer.arguments import trainer_arguments
from semtune.train.trainer.checkpoints import CHECKPOINTS, newest_complete
from semtune.train.trainer.layer_training import freeze_layers, layer_learning_rates
from semtune.train.trainer.lora import ADAPTER_FOLDER, add_adapter, merge_adapter
from semtune.train.trainer.tables_and_losses import TrainerInputs, trainer_inputs
from semtune.train.trainer.text_length import model_limit, set_text_length
from semtune.train.trainer.training_job import TrainingJob

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer

    from semtune.train.monitor.dev_metric import DevEvaluator, DevMeasure


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A model with the weights that are kept, the log's rows, and how the weights were chosen."""

    model: SentenceTransformer
    log: list[dict[str, Any]]
    final: FinalWeights


def run_training(job: TrainingJob, progress: Progress, advance: Callable[[int], None]) -> TrainingResult:
    """Train to the plan's end, from the newest complete checkpoint in the work folder if there is one.

    Args:
        job: what to train.
        progress: where messages and a teacher's work are shown.
        advance: called with the number of steps done.
    """
    from transformers import set_seed

    from semtune.encoders.torch import open_sentence_transformer
    from semtune.train.cpu.fast_training import fast_on_cpu

    set_seed(job.seed)  # before the model is opened: a fresh head, if any, starts the same
    model = open_sentence_transformer(job.base)
    without_model_card(model)
    set_text_length(model, job.contract, job.plan.max_length)
    floor = floor_measure(job)
    dev = dev_evaluator(job, floor)
    base_weights = snapshot(model) if dev or floor else {}  # without a measure the base is never kept
    checkpoint = newest_complete(job.work / CHECKPOINTS)
    pack = DENOISING not in job.plan.losses
    if dev and checkpoint:
        with fast_on_cpu(model, pack=pack):  # as it was measured the first time, to the last bit
            dev.begin(model)  # checkpoints do not hold the base's measurement
    freeze_layers(model, job.settings.freeze_layers)
    add_adapter(model, job.settings)
    inputs = trainer_inputs(job, model, progress)
    with quiet_trainer():
        trainer = _trainer(job, model, inputs, dev, progress, advance, fresh=checkpoint is None)
        with fast_on_cpu(model, pack=pack):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    merge_adapter(model, job.work / ADAPTER_FOLDER, keep=is_first())
    result = _finish(job, model, trainer, base_weights, dev, floor)
    set_text_length(model, job.contract, model_limit(job.contract))
    return result


def _trainer(
    job: TrainingJob,
    model: SentenceTransformer,
    inputs: TrainerInputs,
    dev: DevEvaluator | None,
    progress: Progress,
    advance: Callable[[int], None],
    *,
    fresh: bool,
) -> SentenceTransformerTrainer:
    from sentence_transformers import SentenceTransformerTrainer
    from transformers import PrinterCallback

    rates = layer_learning_rates(model, job.settings.layer_lr_decay, job.plan.learning_rate)
    patience = job.settings.early_stopping_patience
    trainer = SentenceTransformerTrainer(
        model=model,
        args=trainer_arguments(
            job.work / CHECKPOINTS, job.settings, job.plan, job.seed, inputs.prompts, rates, fresh=fresh
        ),
        train_dataset=inputs.train,
        eval_dataset=inputs.dev if job.plan.metric else None,
        loss=inputs.loss,
        evaluator=dev,
        callbacks=[TrainingMonitor(job.work, job.plan.metric, advance, progress, patience, job.max_drop)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _finish(
    job: TrainingJob,
    model: SentenceTransformer,
    trainer: SentenceTransformerTrainer,
    base_weights: dict[str, Any],
    dev: DevEvaluator | None,
    floor: DevMeasure | None,
) -> TrainingResult:
    """Choose the weights to keep; only the first of several processes does, since it alone saves the model."""
    log = log_rows(trainer.state.log_history, job.plan.metric)
    if not is_first():
        return TrainingResult(model, log, FinalWeights("tuned", 1.0))
    final = choose_final_weights(
        model,
        base_weights,
        dev,
        floor,
        job.max_drop or 0.0,
        loss_fell=dev_loss_fell(log, job.plan.metric),
        step=trainer.state.global_step,
        seed=job.seed,
    )
    return TrainingResult(model, log, final)


def without_model_card(model: SentenceTransformer) -> None:
    """Save checkpoints without a model card: for a small model writing it takes longer than everything else."""
    model.model_card_data.widget = [{"text": ""}]  # the library shows a progress bar while it looks for examples
    model._create_model_card = _no_card  # in a version where it has another name, cards are written


def _no_card(*_arguments: Any, **_named: Any) -> None:
    pass


@contextmanager
def quiet_trainer() -> Iterator[None]:
    """Hide the Trainer's warnings about its own future while the block runs."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*pin_memory.*")
        yield
