"""The sentence-transformers pipeline as one torch module whose inputs and output are plain tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class WholePipeline(torch.nn.Module):
    """input_ids, attention_mask[, token_type_ids], each (n, tokens) → sentence embeddings (n, dim)."""

    def __init__(self, model: SentenceTransformer, normalize: bool) -> None:
        super().__init__()
        self.model = model
        self.normalize = normalize
        self.eval()  # modules start in training mode, and dropout would become part of the graph

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Run every module of the pipeline, then normalise if the contract says so."""
        features = {"input_ids": input_ids, "attention_mask": attention_mask}
        if token_type_ids is not None:
            features["token_type_ids"] = token_type_ids
        embedding = self.model(features)["sentence_embedding"]
        return torch.nn.functional.normalize(embedding, dim=-1) if self.normalize else embedding


def input_names(model: SentenceTransformer) -> list[str]:
    """The inputs of this model; BERT has token types, most others do not."""
    names = ["input_ids", "attention_mask"]
    return [*names, "token_type_ids"] if "token_type_ids" in model.tokenizer.model_input_names else names


def example_inputs(names: list[str], vocabulary: int, rows: int = 3, width: int = 17) -> tuple[torch.Tensor, ...]:
    """Example inputs for tracing: random ids, one row shorter than the others."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(min(1000, vocabulary // 2), vocabulary, (rows, width), generator=generator)
    mask = torch.ones_like(ids)
    mask[1, width // 2 :] = 0
    values = {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}
    return tuple(values[name] for name in names)
