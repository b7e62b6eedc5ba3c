"""Settings of training that are allowed one by one and make no sense together, refused before anything starts."""

from __future__ import annotations

from semtune.errors import ConfigError
from semtune.train.losses.build import check_loss_options
from semtune.train.losses.catalogue import LOSSES, NOT_MATRYOSHKA, cached_variant, compares_rows
from semtune.train.settings import TrainSettings


def refuse_incompatible(loss: str, settings: TrainSettings) -> None:
    """Refuse settings that do not go with the loss.

    Raises:
        ConfigError: with what to write instead.
    """
    check_loss_options(loss, settings.loss_options)
    _check_accumulation(loss, settings)
    _check_matryoshka(loss, settings)
    _check_teacher(loss, settings)


def _check_accumulation(loss: str, settings: TrainSettings) -> None:
    count = settings.gradient_accumulation_steps
    if count == 1 or not compares_rows(loss):
        return
    batch = settings.per_device_train_batch_size * count
    effect = "adds no in-batch negatives" if LOSSES[loss].in_batch else "compares no more rows with each other"
    instead = f"Set per_device_train_batch_size: {batch}."
    if cached := cached_variant(loss):
        instead = (
            f"For {batch} rows at once set per_device_train_batch_size: {batch}; where memory is short, {cached} "
            "computes them in mini-batches."
        )
    raise ConfigError(
        f"train.gradient_accumulation_steps is {count}, but with {loss} it {effect}; it only averages gradients. "
        f"{instead}"
    )


def _check_matryoshka(loss: str, settings: TrainSettings) -> None:
    if settings.matryoshka_dims and loss in NOT_MATRYOSHKA:
        raise ConfigError(
            f"train.matryoshka_dims cannot be used with {loss}, which needs the whole vector. Remove it, or choose "
            "another loss."
        )


def _check_teacher(loss: str, settings: TrainSettings) -> None:
    if LOSSES[loss].needs == "teacher" and not settings.teacher:
        raise ConfigError(f"train.loss {loss} learns from another model. Name that model in train.teacher.")
    if settings.teacher and LOSSES[loss].needs != "teacher":
        learners = ", ".join(name for name, spec in LOSSES.items() if spec.needs == "teacher")
        raise ConfigError(f"train.teacher is set, but {loss} does not use a teacher. Losses that do: {learners}.")
