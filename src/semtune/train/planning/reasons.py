"""Why a plan is what it is, in sentences for the log, the model card and `--json`."""

from __future__ import annotations

from semtune.train.losses.catalogue import LOSSES
from semtune.train.planning.batch import TextLengths
from semtune.train.processes import world
from semtune.train.settings import TrainSettings

SMALL_DATA = 1_000  # rows; with fewer, a run proves little


def processes_reason(loss: str, batch: int) -> list[str]:
    """What several processes do together; nothing for one alone."""
    together = world()
    if together == 1:
        return []
    joint = f", so {together * batch} rows a step, negatives of all of them" if LOSSES[loss].in_batch else ""
    return [f"processes: {together}, each with its own batch{joint}"]


def schedule_reasons(metric: str, steps: int, rate: float, bf16: bool, settings: TrainSettings) -> list[str]:
    """Learning rate, steps and precision."""
    warmup = settings.warmup_steps
    return [
        f"learning rate: {rate:g} with {warmup:g} of the steps to warm up"
        if warmup < 1
        else f"learning rate: {rate:g} after {warmup:g} steps of warm-up",
        f"steps: {steps:,}; dev {metric} picks the best checkpoint" if metric else f"steps: {steps:,}; no dev split",
        "precision: bf16 products, fp32 weights" if bf16 else "precision: fp32",
    ]


def weights_reasons(settings: TrainSettings) -> list[str]:
    """Which weights are trained, and how fast; nothing where all are trained alike."""
    made: list[str] = []
    if settings.lora_rank:
        made.append(f"weights: adapters of rank {settings.lora_rank} are trained, and merged at the end")
    if settings.freeze_layers:
        made.append(f"weights: the embeddings and the first {settings.freeze_layers} layers are not trained")
    if settings.layer_lr_decay < 1:
        made.append(f"learning rate: each layer gets {settings.layer_lr_decay:g} times that of the layer above it")
    return made


def data_reasons(rows: int, texts: TextLengths, settings: TrainSettings) -> list[str]:
    """What to know about the data and the vectors."""
    made: list[str] = []
    if rows < SMALL_DATA:
        made.append(f"small data: {rows:,} rows; expect a small gain, and trust the test more than the dev metric")
    if settings.matryoshka_dims:
        made.append(f"matryoshka: vectors can be cut to {', '.join(map(str, settings.matryoshka_dims))} dimensions")
    if texts.cut_share:
        made.append(
            f"length: {texts.cut_share:.0%} of the texts are longer than {texts.limit} tokens; the rest is not read"
        )
    return made
