"""The sentence-transformers pipeline as one torch module whose inputs and output are plain tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


EXAMPLE_TOKENS = 17  # an odd number, so that it is not mistaken for a dimension of the model
POOLED = "pooling_mask"
"""The input of models that leave out the prompt when they pool: 1 for tokens of the text, 0 for prompt and padding."""


class WholePipeline(torch.nn.Module):
    """The inputs of `input_names`, each (n, tokens) → sentence embeddings (n, dim)."""

    def __init__(self, model: SentenceTransformer, normalize: bool) -> None:
        super().__init__()
        self.model = model
        self.normalize = normalize
        self.names = input_names(model)
        self.dimension = model.truncate_dim
        self.eval()  # modules start in training mode, and dropout would become part of the graph

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Run every module of the pipeline, then shorten and normalise if the contract says so."""
        features = dict(zip(self.names, inputs, strict=True))
        pooled = features.pop(POOLED, None)
        for number, module in enumerate(self.model):
            if number == 1 and pooled is not None:
                features["attention_mask"] = pooled
            features = module(features)
        embedding = features["sentence_embedding"]
        if self.dimension is not None:
            embedding = embedding[..., : self.dimension]
        return torch.nn.functional.normalize(embedding, dim=-1) if self.normalize else embedding


def leaves_out_prompt(model: SentenceTransformer) -> bool:
    """Whether a pooling module leaves out the tokens of the prompt, and there is a prompt."""
    bare = any(getattr(module, "include_prompt", True) is False for module in model)
    return bare and any(model.prompts.values())


def input_names(model: SentenceTransformer) -> list[str]:
    """The inputs of this model; BERT has token types, most others do not."""
    names = ["input_ids", "attention_mask"]
    if "token_type_ids" in model.tokenizer.model_input_names:
        names.append("token_type_ids")
    return [*names, POOLED] if leaves_out_prompt(model) else names


def example_inputs(
    names: list[str], vocabulary: int, rows: int = 3, width: int = EXAMPLE_TOKENS
) -> tuple[torch.Tensor, ...]:
    """Example inputs for tracing: random ids, one row shorter than the others."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(min(1000, vocabulary // 2), vocabulary, (rows, width), generator=generator)
    mask = torch.ones_like(ids)
    mask[1, width // 2 :] = 0
    text = mask.clone()
    text[:, :2] = 0
    values = {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids), POOLED: text}
    return tuple(values[name] for name in names)
