"""Fewer transformer layers: some of the teacher's own, evenly spaced (Sanh et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from semtune.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def kept_layers(total: int, count: int) -> list[int]:
    """Which of `total` layers stay: the first, the last, and evenly between; of one, the last."""
    if count == 1:
        return [total - 1]
    return [round(at * (total - 1) / (count - 1)) for at in range(count)]


def keep_layers(model: SentenceTransformer, wanted: int | None) -> list[int]:
    """Take layers out of `model` in place, half of them unless told; returns the numbers of those that stay.

    Raises:
        ConfigError: not fewer layers than the teacher's, or none.
        ModelError: the transformer is not a plain stack of layers.
    """
    from torch import nn

    transformer: Any = getattr(model[0], "auto_model", None)
    if transformer is None:
        raise ModelError("The teacher has no transformer, so it has no layers to take out. Take another teacher.")
    config = transformer.config
    total = int(config.num_hidden_layers)
    count = max(1, total // 2) if wanted is None else wanted
    if not 0 < count < total:
        raise ConfigError(f"--layers is {count}; allowed is 1 to {total - 1}: the teacher has {total}.")
    stacks = [
        (parent, name, child)
        for parent in transformer.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.ModuleList) and len(child) == total
    ]
    if len(stacks) != 1:
        raise ModelError(
            f"The teacher's {type(transformer).__name__} is not one stack of {total} layers of their own; Semtune shortens "
            "encoders like BERT, RoBERTa, MPNet, XLM-R and DistilBERT. Take a teacher of that kind, or --to static."
        )
    (parent, name, layers), kept = stacks[0], kept_layers(total, count)
    setattr(parent, name, nn.ModuleList(layers[at] for at in kept))
    config.num_hidden_layers = count
    if getattr(config, "layer_types", None):
        config.layer_types = [config.layer_types[at] for at in kept]
    return kept
