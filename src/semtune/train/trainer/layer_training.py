"""Which layers of a model are trained, and how fast each of them learns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from semtune.errors import ConfigError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_LAYER = re.compile(r"(?:^|\.)(?:layer|layers|h|block)\.(\d+)\.")
_EMBEDDINGS = re.compile(r"(?:^|\.)(?:embeddings|embed_tokens|wte|tok_embeddings)\.")


def layer_of(parameter: str) -> int | None:
    """The layer that a parameter belongs to, from 0; -1 for the embeddings, None for what comes after the layers."""
    if found := _LAYER.search(parameter):
        return int(found[1])
    return -1 if _EMBEDDINGS.search(parameter) else None


def layer_count(model: SentenceTransformer) -> int:
    """Number of transformer layers of a model."""
    return 1 + max((layer for name, _ in model.named_parameters() if (layer := layer_of(name)) is not None), default=-1)


def freeze_layers(model: SentenceTransformer, count: int) -> None:
    """Stop training the embeddings and the first `count` layers; 0 freezes nothing.

    Raises:
        ConfigError: nothing would be left to train.
    """
    if not count:
        return
    layers = layer_count(model)
    if count > layers or (count == layers and not _has_head(model)):
        raise ConfigError(
            f"train.freeze_layers is {count}, but the model has {layers} layers: nothing would be left to train. "
            f"Allowed: 0 to {layers - 1}."
        )
    for name, parameter in model.named_parameters():
        layer = layer_of(name)
        if layer is not None and layer < count:
            parameter.requires_grad_(False)


def _has_head(model: SentenceTransformer) -> bool:
    """Whether anything after the layers has weights that count."""
    return any(layer_of(name) is None and "pooler" not in name for name, _ in model.named_parameters())


def layer_learning_rates(model: SentenceTransformer, decay: float, peak: float) -> dict[str, float]:
    """Parameter pattern → learning rate, for the layers and the embeddings.

    The top layer learns at `peak`, each layer below at `decay` times the rate of the layer above it, the embeddings
    slowest (Howard and Ruder 2018; Sun et al. 2019). Empty where `decay` is 1.
    """
    if decay == 1.0:
        return {}
    layers = layer_count(model)
    rates: dict[str, float] = {}
    for name, parameter in model.named_parameters():
        layer = layer_of(name)
        if parameter.requires_grad and layer is not None:
            rates[re.escape(name) + "$"] = peak * decay ** (layers - 1 - layer)
    return rates
