"""The run of the sentence-transformers Trainer that a plan describes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.contract import NO_LIMIT, Contract
from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.hub import resolve
from semtune.progress import Progress
from semtune.train.adapters import ADAPTER, adapt, merge, rates
from semtune.train.data.rows import Material, material
from semtune.train.data.trainer_tables import DENOISING, prompts, table
from semtune.train.final_weights import Settled, settle, snapshot
from semtune.train.forgetting_floor import FloorSet
from semtune.train.losses import LOSSES, build
from semtune.train.monitor.callbacks import Bedside, log_rows, newest_whole
from semtune.train.monitor.dev_classes import ClassMeasure
from semtune.train.monitor.dev_metric import Dev, Measure, RetrievalMeasure, SimilarityMeasure
from semtune.train.monitor.diagnosis import dev_loss_fell
from semtune.train.plan import MAIN, Plan
from semtune.train.processes import is_first, world
from semtune.train.settings import TrainSettings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LOGS = 60  # loss points in a curve


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model with the weights that are kept, the log's rows, and how the weights were chosen."""

    model: SentenceTransformer
    rows: list[dict[str, Any]]
    settled: Settled


def fit(
    data: Mapping[str, Dataset],
    base: Path,
    contract: Contract,
    work: Path,
    settings: TrainSettings,
    chosen: Plan,
    seed: int,
    progress: Progress,
    advance: Callable[[int], None],
    floor: FloorSet | None = None,
) -> Fitted:
    """Train to the plan's end, from the newest whole checkpoint in `work` if there is one.

    Args:
        data: data sets by name; the first one's dev split chooses the checkpoint.
        base: the backbone's folder.
        contract: its contract.
        work: holds `checkpoints`.
        settings: what was asked for.
        chosen: what was planned from it.
        seed: of everything random.
        progress: where a teacher's work is shown.
        advance: is told of steps done.
        floor: what the model must not become worse on.
    """
    from sentence_transformers import SentenceTransformerTrainer
    from transformers import PrinterCallback, set_seed

    from semtune.encoders.torch import open_sentence_transformer
    from semtune.train.cpu.patch import fast_on_cpu

    set_seed(seed)  # before the model: a fresh head, if any, starts the same
    model = open_sentence_transformer(base)
    without_card(model)
    limited = contract.max_length < NO_LIMIT  # a static model reads texts of any length
    if limited and chosen.max_length:
        model.max_seq_length = chosen.max_length
    watched = _measure_floor(floor, contract, settings, chosen, seed)
    dev = _evaluator(data[MAIN], contract, settings, chosen, seed, watched)
    base_weights = snapshot(model) if dev or watched else {}  # else nothing could speak for the base
    checkpoint = newest_whole(work / "checkpoints")
    pack = DENOISING not in {chosen.loss, *(task.loss for task in chosen.also)}
    if dev and checkpoint:
        with fast_on_cpu(model, pack=pack):  # as it was measured first, to the last bit
            dev.begin(model)  # what was measured then is in no checkpoint
    adapt(model, settings)
    tables, losses = _tasks(data, model, base, settings, chosen, seed, progress)
    several = len(data) > 1
    with quiet():
        trainer = SentenceTransformerTrainer(
            model=model,
            args=_arguments(
                work / "checkpoints",
                settings,
                chosen,
                _prompts(tables, contract),
                seed,
                rates(model, settings, chosen.learning_rate),
                fresh=checkpoint is None,
            ),
            train_dataset={name: pair[0] for name, pair in tables.items()} if several else tables[MAIN][0],
            # A dev loss of several losses would be of none of them.
            eval_dataset=tables[MAIN][1] if chosen.metric and not several else None,
            loss=losses if several else losses[MAIN],
            evaluator=dev,
            callbacks=[
                Bedside(
                    work,
                    chosen.metric,
                    advance,
                    progress,
                    settings.early_stopping_patience,
                    floor.max_drop if floor else None,
                )
            ],
        )
        trainer.remove_callback(PrinterCallback)
        with fast_on_cpu(model, pack=pack):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    merge(model, work / ADAPTER, keep=is_first())
    rows = log_rows(trainer.state.log_history, chosen.metric)
    settled = Settled("tuned", 1.0)
    if is_first():
        fell = dev_loss_fell(rows, chosen.metric)
        step = trainer.state.global_step
        settled = settle(model, base_weights, dev, watched, floor.max_drop if floor else 0.0, fell, step, seed)
    if limited:
        model.max_seq_length = contract.max_length
    return Fitted(model, rows, settled)


def without_card(model: SentenceTransformer) -> None:
    """Let checkpoints go without a model card: of a small model it takes longer to write than all the rest."""
    model.model_card_data.widget = [{"text": ""}]  # a bar would be shown while examples for one are looked for
    model._create_model_card = _no_card  # where it has another name, cards are written


def _no_card(*_arguments: Any, **_named: Any) -> None:
    pass


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the Trainer's warnings about its own future to itself while the block runs."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*pin_memory.*")
        yield


def _tasks(
    data: Mapping[str, Dataset],
    model: SentenceTransformer,
    base: Path,
    settings: TrainSettings,
    chosen: Plan,
    seed: int,
    progress: Progress,
) -> tuple[dict[str, tuple[Any, Any]], dict[str, Any]]:
    """Train and dev table, and the loss, of each data set."""
    named = dict(zip(data, [chosen.loss, *(task.loss for task in chosen.also)], strict=True))
    tables: dict[str, tuple[Any, Any]] = {}
    losses: dict[str, Any] = {}
    for number, (name, loss) in enumerate(named.items()):
        found = material(data[name])
        teacher = resolve(settings.teacher) if LOSSES[loss].needs == "teacher" else None
        dimension = model.get_embedding_dimension() or 0
        tables[name] = tuple(  # type: ignore[assignment]
            table(data[name], found, split, loss, seed, teacher, dimension, progress) for split in ("train", "dev")
        )
        losses[name] = _loss(loss, model, base, settings, chosen, found, first=number == 0)
    return tables, losses


def _loss(
    name: str,
    model: SentenceTransformer,
    base: Path,
    settings: TrainSettings,
    chosen: Plan,
    found: Material,
    *,
    first: bool,
) -> Any:
    from semtune.train.data.teacher_labels import open_guide

    try:
        return build(
            name,
            model,
            options=settings.loss_options if first else {},
            mini_batch=chosen.mini_batch_size if chosen.mini_batch_size < chosen.batch_size else None,
            guide=open_guide(settings.guide, base) if LOSSES[name].needs == "guide" else None,
            classes=len(found.classes),
            matryoshka=settings.matryoshka_dims if first else (),
            gather=world() > 1,
        )
    except (ValueError, TypeError, AttributeError) as error:
        what = "this backbone has no decoder that fits" if name == DENOISING else "sentence-transformers refuses it"
        raise InputError(f"{name} cannot be made for {base}: {what} ({error}). Choose another train.loss.") from error


def _prompts(tables: Mapping[str, tuple[Any, Any]], contract: Contract) -> Any:
    """Prompts by column, or by data set and column."""
    made = {
        name: prompts(pair[0].column_names, contract.prompt("query"), contract.prompt("document"))
        for name, pair in tables.items()
    }
    if not any(made.values()):
        return None
    return made if len(made) > 1 else next(iter(made.values()))


def _evaluator(
    dataset: Dataset, contract: Contract, settings: TrainSettings, chosen: Plan, seed: int, floor: Measure | None
) -> Dev | None:
    if not chosen.metric:
        return None
    if chosen.metric == "spearman":
        return Dev(SimilarityMeasure(dataset, contract, chosen.bf16), floor)
    if chosen.metric == "map@r":
        return Dev(ClassMeasure(dataset, contract, chosen.bf16), floor)
    return Dev(
        RetrievalMeasure(
            dataset, contract, chosen.bf16, settings.max_dev_passages, seed, "dev", settings.max_dev_queries
        ),
        floor,
    )


def _measure_floor(
    floor: FloorSet | None, contract: Contract, settings: TrainSettings, chosen: Plan, seed: int
) -> Measure | None:
    if floor is None:
        return None
    dataset, split = floor.dataset, floor.split
    if dataset.scored.get(split):
        return SimilarityMeasure(dataset, contract, chosen.bf16, split)
    return RetrievalMeasure(
        dataset, contract, chosen.bf16, settings.max_dev_passages, seed, split, settings.max_dev_queries
    )


def _arguments(
    folder: Path,
    settings: TrainSettings,
    chosen: Plan,
    prompted: Any,
    seed: int,
    by_layer: dict[str, float],
    *,
    fresh: bool,
) -> Any:
    import torch
    from sentence_transformers.sentence_transformer.training_args import SentenceTransformerTrainingArguments

    from semtune.train.data.sampler import batches_of

    judged = bool(chosen.metric)
    accumulated = chosen.gradient_accumulation_steps
    return SentenceTransformerTrainingArguments(
        **shared_arguments(folder, settings, chosen.bf16, seed),
        num_train_epochs=settings.num_train_epochs,
        max_steps=settings.max_steps,
        per_device_train_batch_size=chosen.batch_size if accumulated == 1 else chosen.mini_batch_size,
        per_device_eval_batch_size=chosen.mini_batch_size or chosen.batch_size,
        gradient_accumulation_steps=accumulated,
        learning_rate=chosen.learning_rate,
        learning_rate_mapping=by_layer,
        lr_scheduler_type=settings.lr_scheduler_type,
        ddp_backend="gloo" if world() > 1 and not torch.cuda.is_available() else None,
        batch_sampler=batches_of,
        prompts=prompted,
        eval_strategy="steps" if judged else "no",
        eval_steps=chosen.eval_steps,
        eval_on_start=judged and fresh,  # a resumed run has it in its log already
        save_steps=chosen.eval_steps,
        load_best_model_at_end=judged,
        metric_for_best_model=f"eval_{chosen.metric}" if judged else None,
        greater_is_better=True if judged else None,
        logging_steps=max(1, chosen.steps // LOGS),
        report_to=list(settings.report_to) or "none",
    )


def shared_arguments(folder: Path, settings: TrainSettings, bf16: bool, seed: int) -> dict[str, Any]:
    """What every run of the Trainer here has in common: the machine, the seeds, the checkpoints in `folder`."""
    import torch

    gpu = torch.cuda.is_available()
    return {
        "output_dir": str(folder), "warmup_steps": settings.warmup_steps, "weight_decay": settings.weight_decay,
        "bf16": bf16, "use_cpu": not gpu, "dataloader_pin_memory": gpu, "seed": seed, "data_seed": seed,
        "save_strategy": "steps", "save_total_limit": 2, "logging_nan_inf_filter": False, "disable_tqdm": True,
    }  # fmt: skip
