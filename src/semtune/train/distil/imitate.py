"""A student learns to give its teacher's vectors (Reimers & Gurevych 2020), by the cosine or the mean square."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semtune.encoders.batching import by_length
from semtune.io import write_jsonl
from semtune.metrics import unit
from semtune.progress import Progress
from semtune.train.plan import in_bf16
from semtune.train.settings import TrainSettings
from semtune.types import Embeddings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

RATE = 5e-5  # where none is set
LOGS = 30  # loss points in the log
HEEDED = (
    "num_train_epochs", "max_steps", "per_device_train_batch_size", "learning_rate", "warmup_steps", "weight_decay",
    "precision",
)  # fmt: skip
"""The settings of training that imitation has."""
HELD_OUT, MOST_HELD_OUT = 0.05, 256  # share of the rows, and their number at most


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Texts and the vectors that are wanted for them.

    Attributes:
        columns: each (n,) texts; the texts of one row share the row's vector.
        vectors: (n, dim).
    """

    columns: dict[str, list[str]]
    vectors: Embeddings

    def part(self, rows: list[int]) -> Lesson:
        """Some of the rows."""
        return Lesson({name: [texts[i] for i in rows] for name, texts in self.columns.items()}, self.vectors[rows])

    def split(self, seed: int) -> tuple[Lesson, Lesson]:
        """The rows to learn from, and a few that are held out to measure by."""
        count = len(self.vectors)
        held = min(MOST_HELD_OUT, max(1, round(count * HELD_OUT)))
        order = np.random.default_rng(seed).permutation(count).tolist()
        return self.part(sorted(order[held:])), self.part(sorted(order[:held]))


@dataclass(frozen=True, slots=True)
class Imitated:
    """How close the student is to its teacher on held-out rows (mean cosine), before and after, and the log."""

    before: float
    after: float
    log: list[dict[str, Any]]


def imitate(
    model: SentenceTransformer,
    lesson: Lesson,
    unit_length: bool,
    work: Path,
    settings: TrainSettings,
    seed: int,
    progress: Progress,
) -> Imitated:
    """Train `model` in place until its vectors are near the lesson's.

    Dropout is off: the target is a function of the text, and there is nothing to over-fit but noise.

    Args:
        unit_length: only directions count, so the loss is 1 - cosine; else the mean square error.
        work: holds `checkpoints` and `log.jsonl`; a later call with the same arguments continues.
    """
    from sentence_transformers import SentenceTransformerTrainer
    from sentence_transformers.sentence_transformer.losses import EmbedDistillLoss
    from transformers import PrinterCallback, set_seed

    from semtune.train.cpu.patch import fast_on_cpu
    from semtune.train.monitor.callbacks import Bedside, log_rows, newest_whole
    from semtune.train.training_loop import quiet, without_card

    set_seed(seed)
    without_card(model)
    train, held = lesson.split(seed)
    half = in_bf16(settings)
    before = closeness(model, held, half)
    steps = _steps(len(train.vectors), settings)
    checkpoint = newest_whole(work / "checkpoints")
    with progress.track("imitate", steps) as advance, quiet(), _without_dropout(model):
        trainer = SentenceTransformerTrainer(
            model=model,
            args=_arguments(work / "checkpoints", settings, steps, seed),
            train_dataset=_table(train),
            loss=EmbedDistillLoss(model, "cosine" if unit_length else "mse"),
            callbacks=[Bedside(work, "", advance)],
        )
        trainer.remove_callback(PrinterCallback)
        with fast_on_cpu(model):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    log = log_rows(trainer.state.log_history, "")
    write_jsonl(work / "log.jsonl", log)
    return Imitated(before, closeness(model, held, half), log)


def closeness(model: SentenceTransformer, lesson: Lesson, bf16: bool = False) -> float:
    """Mean cosine of the model's vectors with the lesson's, over all columns."""
    wanted = unit(lesson.vectors)
    found = []
    for texts in lesson.columns.values():
        made = unit(vectors_of(model, texts, bf16))
        found.append(float((made * wanted).sum(axis=1).mean()))
    return float(np.mean(found))


def vectors_of(model: SentenceTransformer, texts: list[str], bf16: bool = False, advance: Any = None) -> Embeddings:
    """What the pipeline itself gives for texts that carry their prompts, (n, dim); nothing is added to it."""
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


def _steps(rows: int, settings: TrainSettings) -> int:
    if settings.max_steps > 0:
        return settings.max_steps
    return max(1, int(np.ceil(-(-rows // settings.per_device_train_batch_size) * settings.num_train_epochs)))


def _table(lesson: Lesson) -> Any:
    from datasets import Dataset as Rows
    from datasets import disable_progress_bars

    disable_progress_bars()
    return Rows.from_dict({**lesson.columns, "label": lesson.vectors})


def _arguments(folder: Path, settings: TrainSettings, steps: int, seed: int) -> Any:
    from sentence_transformers.sentence_transformer.training_args import SentenceTransformerTrainingArguments

    from semtune.train.data.sampler import LengthBatchSampler
    from semtune.train.training_loop import shared_arguments

    return SentenceTransformerTrainingArguments(
        **shared_arguments(folder, settings, in_bf16(settings), seed),
        max_steps=steps,
        per_device_train_batch_size=settings.per_device_train_batch_size,
        learning_rate=settings.learning_rate or RATE,
        lr_scheduler_type="linear",
        batch_sampler=LengthBatchSampler,
        eval_strategy="no",
        save_steps=max(1, -(-steps // 4)),
        logging_steps=max(1, steps // LOGS),
        report_to="none",
    )
