"""Training a part of the weights: low-rank adapters, frozen layers, rates that fall towards the input."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.errors import ConfigError
from semtune.registry import need
from semtune.train.settings import TrainSettings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

ADAPTER = "adapter"  # folder in which an adapter is kept beside the merged model
_LAYER = re.compile(r"(?:^|\.)(?:layer|layers|h|block)\.(\d+)\.")
_EMBEDDINGS = re.compile(r"(?:^|\.)(?:embeddings|embed_tokens|wte|tok_embeddings)\.")


def layer_of(parameter: str) -> int | None:
    """The layer a parameter is of, from 0; -1 for the embeddings, None for what comes after the layers."""
    if found := _LAYER.search(parameter):
        return int(found[1])
    return -1 if _EMBEDDINGS.search(parameter) else None


def layer_count(model: SentenceTransformer) -> int:
    """How many transformer layers a model has."""
    return 1 + max((layer for name, _ in model.named_parameters() if (layer := layer_of(name)) is not None), default=-1)


def adapt(model: SentenceTransformer, settings: TrainSettings) -> None:
    """Freeze what shall stay, and put adapters where they are asked for.

    Raises:
        ConfigError: more layers are frozen than there are, or the backbone cannot take an adapter.
        MissingExtraError: peft is not installed.
    """
    if settings.freeze_layers:
        _freeze(model, settings.freeze_layers)
    if settings.lora_rank:
        _add_adapter(model, settings)


def _freeze(model: SentenceTransformer, count: int) -> None:
    layers = layer_count(model)
    if count > layers or (count == layers and not _after_layers(model)):
        raise ConfigError(
            f"train.freeze_layers is {count}, and the model has {layers} layers: nothing would be left to train. Allowed: 0 to {layers - 1}."
        )
    for name, parameter in model.named_parameters():
        layer = layer_of(name)
        if layer is not None and layer < count:
            parameter.requires_grad_(False)


def _after_layers(model: SentenceTransformer) -> bool:
    return any(layer_of(name) is None and "pooler" not in name for name, _ in model.named_parameters())


def _add_adapter(model: SentenceTransformer, settings: TrainSettings) -> None:
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
        raise ConfigError(f"train.lora_rank: this backbone takes no adapter ({error}). Set it to 0.") from error


def rates(model: SentenceTransformer, settings: TrainSettings, peak: float) -> dict[str, float]:
    """Pattern → learning rate for layers below the top: each `layer_lr_decay` times the one above it.

    The embeddings have the lowest (Howard and Ruder 2018; Sun et al. 2019).
    """
    decay = settings.layer_lr_decay
    if decay == 1.0:
        return {}
    layers = layer_count(model)
    found: dict[str, float] = {}
    for name, parameter in model.named_parameters():
        layer = layer_of(name)
        if parameter.requires_grad and layer is not None:
            found[re.escape(name) + "$"] = peak * decay ** (layers - 1 - layer)
    return found


def merge(model: SentenceTransformer, folder: Path, *, keep: bool = True) -> bool:
    """Keep the adapter in `folder`, if wanted, and fold it into the weights; False where there is none.

    The folder opens with `SentenceTransformer(base).load_adapter(folder)`.
    """
    transformer = model.transformers_model
    if transformer is None or not getattr(transformer, "_hf_peft_config_loaded", False):
        return False
    from peft.tuners.tuners_utils import BaseTunerLayer

    if keep:
        transformer.save_pretrained(folder)
    for parent in list(transformer.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, BaseTunerLayer):
                child.merge()
                setattr(parent, name, child.get_base_layer())
    transformer._hf_peft_config_loaded = False
    _forget(transformer)
    return True


def _forget(transformer: Any) -> None:
    if hasattr(transformer, "peft_config"):
        del transformer.peft_config
    for parameter in transformer.parameters():
        parameter.requires_grad_(True)
