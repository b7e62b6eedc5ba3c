"""Low-rank adapters (LoRA): put into a model before training, merged into its weights afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from semtune.encoders.adapter import merge_into_weights
from semtune.errors import ConfigError
from semtune.registry import need
from semtune.train.settings import TrainSettings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

ADAPTER_FOLDER = "adapter"  # where an adapter is kept beside the merged model


def add_adapter(model: SentenceTransformer, settings: TrainSettings) -> None:
    """Train adapters in place of the weights, if `lora_rank` asks for it.

    Raises:
        ConfigError: the backbone cannot take an adapter.
        MissingExtraError: peft is not installed.
    """
    if not settings.lora_rank:
        return
    need("peft")
    from peft import LoraConfig, TaskType

    wanted = LoraConfig(
        task_type=TaskType.FEATURE_EXTRACTION,
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha or 2 * settings.lora_rank,
        lora_dropout=settings.lora_dropout,
        target_modules=list(settings.lora_targets) or "all-linear",
    )
    try:
        model.add_adapter(wanted)
    except (ValueError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"train.lora_rank: this backbone takes no adapter ({error}). Set train.lora_rank to 0."
        ) from error


def merge_adapter(model: SentenceTransformer, folder: Path, *, keep: bool = True) -> None:
    """Merge the model's adapter into its weights; a model without one stays as it is.

    Args:
        model: that was trained.
        folder: where to save the adapter; `SentenceTransformer(base).load_adapter(folder)` opens it.
        keep: whether to save it.
    """
    transformer = model.transformers_model
    if transformer is None or not getattr(transformer, "_hf_peft_config_loaded", False):
        return
    if keep:
        transformer.save_pretrained(folder)
    merge_into_weights(transformer)
