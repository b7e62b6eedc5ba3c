"""What the Trainer reads: for each data set a train table, a dev table, a loss and prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.hub import resolve_model
from semtune.progress import Progress
from semtune.train.data.rows import RowsSummary, summarize_rows
from semtune.train.data.trainer_tables import DENOISING, column_prompts, trainer_table
from semtune.train.losses.build import build_loss
from semtune.train.losses.catalogue import LOSSES
from semtune.train.planning.plan import MAIN_DATASET
from semtune.train.processes import world

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from semtune.contract import Contract
    from semtune.train.trainer.training_job import TrainingJob


@dataclass(frozen=True, slots=True)
class TrainerInput:
    """Train table, dev table and loss of one data set, and the prompts of its columns."""

    train: Any
    dev: Any
    loss: Any
    prompts: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class TrainerInputs:
    """The inputs of all data sets by name, as the Trainer wants them: bare where there is one, else in dicts."""

    by_name: dict[str, TrainerInput]

    @property
    def several(self) -> bool:
        """Whether there is more than one data set."""
        return len(self.by_name) > 1

    @property
    def train(self) -> Any:
        """The train table or tables."""
        return {name: one.train for name, one in self.by_name.items()} if self.several else self._main.train

    @property
    def loss(self) -> Any:
        """The loss or losses."""
        return {name: one.loss for name, one in self.by_name.items()} if self.several else self._main.loss

    @property
    def dev(self) -> Any:
        """The dev table; None with several data sets, whose losses cannot be added up to one dev loss."""
        return None if self.several else self._main.dev

    @property
    def prompts(self) -> Any:
        """Prompts by column, or by data set and column; None without any."""
        if not any(one.prompts for one in self.by_name.values()):
            return None
        return {name: one.prompts for name, one in self.by_name.items()} if self.several else self._main.prompts

    @property
    def _main(self) -> TrainerInput:
        return self.by_name[MAIN_DATASET]


def trainer_inputs(job: TrainingJob, model: SentenceTransformer, progress: Progress) -> TrainerInputs:
    """Make tables and losses of each data set; a teacher is asked here.

    Raises:
        InputError: a loss cannot be made for this backbone, or the teacher cannot give labels.
    """
    named = dict(zip(job.data, job.plan.losses, strict=True))
    return TrainerInputs({name: _input(job, name, loss, model, progress) for name, loss in named.items()})


def _input(job: TrainingJob, name: str, loss: str, model: SentenceTransformer, progress: Progress) -> TrainerInput:
    dataset = job.data[name]
    rows = summarize_rows(dataset)
    train, dev = _tables(job, dataset, rows, loss, model.get_embedding_dimension() or 0, progress)
    return TrainerInput(train, dev, _loss(job, name, loss, model, rows), _prompts(train, job.contract))


def _tables(
    job: TrainingJob, dataset: Dataset, rows: RowsSummary, loss: str, dimension: int, progress: Progress
) -> tuple[Any, Any]:
    teacher = resolve_model(job.settings.teacher) if LOSSES[loss].needs == "teacher" else None
    return (
        trainer_table(dataset, rows, "train", loss, job.seed, teacher, dimension, progress),
        trainer_table(dataset, rows, "dev", loss, job.seed, teacher, dimension, progress),
    )


def _loss(job: TrainingJob, name: str, loss: str, model: SentenceTransformer, rows: RowsSummary) -> Any:
    """The loss; options and matryoshka dimensions are for the main data set's."""
    from semtune.train.data.teacher_labels import open_guide

    settings, plan, main = job.settings, job.plan, name == MAIN_DATASET
    try:
        return build_loss(
            loss,
            model,
            options=settings.loss_options if main else {},
            mini_batch=plan.mini_batch_size if plan.mini_batch_size < plan.batch_size else None,
            guide=open_guide(settings.guide, job.base) if LOSSES[loss].needs == "guide" else None,
            classes=len(rows.classes),
            matryoshka=settings.matryoshka_dims if main else (),
            gather=world() > 1,
        )
    except (ValueError, TypeError, AttributeError) as error:
        what = "this backbone has no decoder that fits" if loss == DENOISING else "sentence-transformers refuses it"
        raise InputError(
            f"{loss} cannot be made for {job.base}: {what} ({error}). Choose another train.loss."
        ) from error


def _prompts(table: Any, contract: Contract) -> dict[str, str] | None:
    return column_prompts(table.column_names, contract.prompt("query"), contract.prompt("document"))
