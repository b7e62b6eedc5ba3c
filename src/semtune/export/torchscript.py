"""Writes the whole pipeline as TorchScript, for C++ and older servers.

torch deprecates `torch.jit` in favour of `torch.export`, but still writes and loads it.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from semtune.encoders.batching import pad
from semtune.errors import ModelError
from semtune.export.pipeline_module import EXAMPLE_TOKENS, POOLED, WholePipeline, example_inputs, input_names

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def write_torchscript(model: SentenceTransformer, normalize: bool, path: Path) -> None:
    """Trace the pipeline and write it to `path`, with variable batch size and length."""
    names = input_names(model)
    if POOLED in names:
        raise ModelError(
            "This model leaves out its prompt when it pools (include_prompt: false), which needs an input of its own. "
            "Semtune writes that to ONNX only: use --format onnx."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = logging.getLogger("sentence_transformers.base.model")
    level = noise.level
    noise.setLevel(logging.ERROR)  # the tracer reads all attributes, and deprecated ones warn
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # tracer and deprecation warnings; parity is measured instead
            traced = torch.jit.trace(
                WholePipeline(model, normalize),
                example_inputs(names, len(model.tokenizer), width=min(EXAMPLE_TOKENS, model.max_seq_length or 512)),
                strict=False,
            )
            torch.jit.save(traced, str(path))
    finally:
        noise.setLevel(level)


class TorchScriptRunner:
    """Runs a TorchScript file, to check it."""

    def __init__(self, path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._module = torch.jit.load(str(path))

    def __call__(self, ids: list[list[int]], takes_token_types: bool) -> np.ndarray:
        """Embed token ids, (n,) lists → (n, dim) float32."""
        input_ids, mask = (torch.from_numpy(array) for array in pad(ids))
        inputs = [input_ids, mask, torch.zeros_like(input_ids)][: 3 if takes_token_types else 2]
        with torch.no_grad():
            return self._module(*inputs).numpy()
