"""The settings of train; names are those of Hugging Face's `TrainingArguments` where it has them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from semtune.settings import Settings


def _no_limit_or_some(steps: int) -> int:
    if steps == -1 or steps > 0:
        return steps
    raise PydanticCustomError("steps", "input should be -1 (no limit) or greater than 0")


class FloorSettings(Settings):
    """train.floor: what the model must not become worse on; see docs/train.md."""

    data: str = Field("", description="a table of scored pairs, a BEIR folder or a data set; empty: no floor")
    max_drop: float = Field(0.01, ge=0, le=1, description="the most its metric may lose against the base")


class TrainSettings(Settings):
    """train: fine-tuning; names are those of transformers' TrainingArguments where it has them."""

    loss: str = Field(
        "auto", min_length=1, description="auto: by the shape of the data; or a loss's name, see docs/train.md"
    )
    loss_options: dict[str, Any] = Field(default_factory=dict, description="parameters of the loss, e.g. {scale: 20}")
    matryoshka_dims: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), description="dimensions that vectors can be cut to afterwards, e.g. [256, 128, 64]"
    )
    guide: str = Field("", description="the model that the GIST losses ask; empty: the backbone itself")
    teacher: str = Field("", description="the model that the distillation losses learn from")
    also: dict[str, str] = Field(
        default_factory=dict, description="name: data set or table; trained on too, each with the loss that fits it"
    )
    num_train_epochs: float = Field(3.0, gt=0, le=100, description="passes over the training rows; 1 to 4 is usual")
    max_steps: Annotated[int, AfterValidator(_no_limit_or_some)] = Field(
        -1, description="maximum number of optimiser steps; -1: no limit"
    )
    per_device_train_batch_size: int = Field(
        32, ge=2, description="rows a batch; each pair has batch - 1 in-batch negatives"
    )
    mini_batch_size: int | None = Field(
        None, ge=1, description="rows computed at a time, with the same result; null: as many as fit into memory"
    )
    gradient_accumulation_steps: int = Field(1, ge=1, description="batches a step; adds no in-batch negatives")
    max_length: int | None = Field(
        None, ge=8, description="maximum tokens of a text in training; null: the model's limit"
    )
    learning_rate: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="peak learning rate; null: the plan's, 2e-5, for scored pairs and texts with classes 5e-5",
    )
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = Field(
        "linear", description="how the rate falls after its warm-up"
    )
    warmup_steps: float = Field(
        0.1, ge=0, description="linear warm-up: a share of the steps below 1, else their number"
    )
    weight_decay: float = Field(0.0, ge=0, description="of AdamW")
    eval_per_epoch: int = Field(2, ge=1, description="dev measurements and checkpoints an epoch")
    early_stopping_patience: int | None = Field(
        4, ge=1, description="measurements without a gain in the dev metric after which it stops; null: never"
    )
    floor: FloorSettings = Field(
        FloorSettings(),
        description="a general set that is watched; weights are mixed with the base's to keep what it could do",
    )
    precision: Literal["auto", "bf16", "fp32"] = Field("auto", description="auto: bf16 where the processor has it")
    lora_rank: int = Field(0, ge=0, description="of low-rank adapters, trained in place of the weights; 0: none")
    lora_alpha: int | None = Field(None, gt=0, description="scale of the adapters; null: twice the rank")
    lora_dropout: float = Field(0.0, ge=0, lt=1, description="within the adapters")
    lora_targets: tuple[str, ...] = Field(
        (), description="modules that get an adapter, e.g. [query, value]; empty: every linear layer"
    )
    freeze_layers: int = Field(0, ge=0, description="layers, from the embeddings up, that are not trained; 0: none")
    layer_lr_decay: float = Field(
        1.0, gt=0, le=1, description="a layer's learning rate as a share of that of the layer above it"
    )
    max_dev_queries: int = Field(500, ge=2, description="maximum dev queries measured, drawn by the seed")
    max_dev_passages: int = Field(500, ge=1, description="passages the dev queries are searched among")
    report_to: tuple[str, ...] = Field((), description="trackers that transformers knows, e.g. [tensorboard]")
