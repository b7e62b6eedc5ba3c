"""A student learns to give its teacher's vectors (Reimers & Gurevych 2020), by cosine or mean square error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semtune.encoders.batching import by_length
from semtune.io import write_jsonl
from semtune.metrics import unit
from semtune.progress import Progress
from semtune.train.planning.plan import uses_bf16
from semtune.train.settings import TrainSettings
from semtune.types import Embeddings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from sentence_transformers.sentence_transformer.training_args import SentenceTransformerTrainingArguments

IMITATION_RATE = 5e-5  # where train.learning_rate is not set
IMITATION_LOSS_POINTS = 30  # in the log
IMITATION_SETTINGS = (
    "num_train_epochs", "max_steps", "per_device_train_batch_size", "learning_rate", "warmup_steps", "weight_decay",
    "precision", "freeze_layers",
)  # fmt: skip
"""The settings of training that apply to imitation."""
HELD_OUT_SHARE, MOST_HELD_OUT = 0.05, 256  # of the rows, and their maximum number


@dataclass(frozen=True, slots=True, eq=False)
class ImitationData:
    """Texts and the vectors that the student should give for them.

    Attributes:
        columns: (n,) texts each; all texts of a row have the same vector.
        vectors: (n, dim).
    """

    columns: dict[str, list[str]]
    vectors: Embeddings

    def part(self, rows: list[int]) -> ImitationData:
        """Some of the rows."""
        return ImitationData(
            {name: [texts[i] for i in rows] for name, texts in self.columns.items()}, self.vectors[rows]
        )

    def split(self, seed: int) -> tuple[ImitationData, ImitationData]:
        """The rows to learn from, and a few rows held out to measure on."""
        count = len(self.vectors)
        held = min(MOST_HELD_OUT, max(1, round(count * HELD_OUT_SHARE)))
        order = np.random.default_rng(seed).permutation(count).tolist()
        return self.part(sorted(order[held:])), self.part(sorted(order[:held]))


@dataclass(frozen=True, slots=True)
class ImitationResult:
    """Mean cosine of student and teacher on held-out rows, before and after training, and the log."""

    before: float
    after: float
    log: list[dict[str, Any]]


def imitate(
    model: SentenceTransformer,
    lesson: ImitationData,
    unit_length: bool,
    work: Path,
    settings: TrainSettings,
    seed: int,
    progress: Progress,
) -> ImitationResult:
    """Train `model` in place to give the vectors of `lesson`.

    Dropout is off: the targets are exact, so there is no noise to over-fit.

    Args:
        model: the student.
        lesson: texts and the teacher's vectors.
        unit_length: only directions matter, so the loss is 1 - cosine; otherwise the mean square error.
        work: holds `checkpoints` and `log.jsonl`; a later call with the same arguments continues.
        settings: of training; `IMITATION_SETTINGS` apply. A multilingual student has most of its weights in its
            embeddings; `freeze_layers` leaves those out, and a step takes a fraction of the time and memory.
        seed: of the held-out rows and the order of the others.
        progress: where to show it.
    """
    from transformers import set_seed

    from semtune.train.cpu.fast_training import fast_on_cpu
    from semtune.train.monitor.training_log import log_rows
    from semtune.train.trainer.checkpoints import CHECKPOINTS, newest_complete
    from semtune.train.trainer.layer_training import freeze_layers
    from semtune.train.trainer.training_loop import quiet_trainer, without_model_card

    set_seed(seed)
    without_model_card(model)
    freeze_layers(model, settings.freeze_layers)
    train, held = lesson.split(seed)
    bf16 = uses_bf16(settings)
    before = closeness(model, held, bf16)
    steps = _imitation_steps(len(train.vectors), settings)
    checkpoint = newest_complete(work / CHECKPOINTS)
    with progress.track("imitate", steps) as advance, quiet_trainer(), _without_dropout(model):
        arguments = _imitation_arguments(work / CHECKPOINTS, settings, steps, seed)
        trainer = _imitation_trainer(model, train, unit_length, arguments, work, advance)
        with fast_on_cpu(model):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    log = log_rows(trainer.state.log_history, "")
    write_jsonl(work / "log.jsonl", log)
    return ImitationResult(before, closeness(model, held, bf16), log)


def _imitation_trainer(
    model: SentenceTransformer,
    lesson: ImitationData,
    unit_length: bool,
    arguments: SentenceTransformerTrainingArguments,
    work: Path,
    advance: Callable[[int], None],
) -> SentenceTransformerTrainer:
    from sentence_transformers import SentenceTransformerTrainer
    from transformers import PrinterCallback

    from semtune.train.distil.imitation_loss import ImitationLoss
    from semtune.train.monitor.training_monitor import TrainingMonitor

    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=_imitation_table(lesson),
        loss=ImitationLoss(model, "cosine" if unit_length else "mse"),
        callbacks=[TrainingMonitor(work, "", advance)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def closeness(model: SentenceTransformer, lesson: ImitationData, bf16: bool = False) -> float:
    """Mean cosine of the model's vectors with those of the lesson, over all columns."""
    wanted = unit(lesson.vectors)
    found = []
    for texts in lesson.columns.values():
        made = unit(vectors_of(model, texts, bf16))
        found.append(float((made * wanted).sum(axis=1).mean()))
    return float(np.mean(found))


def closeness_facts(result: ImitationResult) -> dict[str, float]:
    """The result as it stands in `distil.json`."""
    return {"cosine_before": result.before, "cosine": result.after}


def vectors_of(model: SentenceTransformer, texts: list[str], bf16: bool = False, advance: Any = None) -> Embeddings:
    """The model's vectors, (n, dim), for texts that include their prompts; no prompt and no normalisation is added."""
    import torch

    made = np.zeros((len(texts), int(model.get_embedding_dimension() or 0)), dtype=np.float32)
    was_training = model.training
    model.eval()
    with torch.autocast(model.device.type, torch.bfloat16, enabled=bf16):
        for batch in by_length([len(text) for text in texts], max_tokens=8192, max_rows=64):
            made[batch] = model.encode(
                [texts[i] for i in batch], prompt="", batch_size=len(batch), show_progress_bar=False,
                convert_to_tensor=True, normalize_embeddings=False,
            ).float().cpu().numpy()  # fmt: skip
            if advance:
                advance(len(batch))
    model.train(was_training)
    return made


@contextmanager
def _without_dropout(model: SentenceTransformer) -> Iterator[None]:
    from torch import nn

    before = [(module, module.p) for module in model.modules() if isinstance(module, nn.Dropout)]
    for module, _ in before:
        module.p = 0.0
    try:
        yield
    finally:
        for module, p in before:
            module.p = p


def _imitation_steps(rows: int, settings: TrainSettings) -> int:
    if settings.max_steps > 0:
        return settings.max_steps
    return max(1, int(np.ceil(-(-rows // settings.per_device_train_batch_size) * settings.num_train_epochs)))


def _imitation_table(lesson: ImitationData) -> Any:
    from datasets import Dataset as TableOfTexts
    from datasets import disable_progress_bars

    disable_progress_bars()
    return TableOfTexts.from_dict({**lesson.columns, "label": lesson.vectors})


def _imitation_arguments(
    folder: Path, settings: TrainSettings, steps: int, seed: int
) -> SentenceTransformerTrainingArguments:
    from sentence_transformers.sentence_transformer.training_args import SentenceTransformerTrainingArguments

    from semtune.train.data.sampler import LengthBatchSampler
    from semtune.train.trainer.arguments import common_arguments

    return SentenceTransformerTrainingArguments(
        **common_arguments(folder, settings, uses_bf16(settings), seed),
        max_steps=steps,
        per_device_train_batch_size=settings.per_device_train_batch_size,
        learning_rate=settings.learning_rate or IMITATION_RATE,
        lr_scheduler_type="linear",
        batch_sampler=LengthBatchSampler,
        eval_strategy="no",
        save_steps=max(1, -(-steps // 4)),
        logging_steps=max(1, steps // IMITATION_LOSS_POINTS),
        report_to="none",
    )
