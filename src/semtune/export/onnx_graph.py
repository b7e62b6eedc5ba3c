"""Writes the whole pipeline as an ONNX graph.

sentence-transformers 6 has no working ONNX export: `optimum-onnx` pins transformers below 5. So
torch's own exporter (`torch.onnx.export(dynamo=True)`) writes the graph, including pooling and normalisation.
"""

from __future__ import annotations

import logging
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from semtune.errors import ModelError
from semtune.export.pipeline_module import EXAMPLE_TOKENS, WholePipeline, example_inputs, input_names

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

ANSI = re.compile(r"\x1b\[[0-9;]*m")  # colours in torch's messages
MOST_WHY = 200  # characters of the message that are shown
OPSET = 18
OUTPUT = "sentence_embedding"
MAX_BATCH = 65_536


def write_onnx(model: SentenceTransformer, normalize: bool, max_length: int, path: Path) -> None:
    """Write the pipeline to `path` as one file with variable batch size and length."""
    names = input_names(model)
    shape = {0: torch.export.Dim("batch", min=1, max=MAX_BATCH), 1: torch.export.Dim("tokens", min=2, max=max_length)}
    path.parent.mkdir(parents=True, exist_ok=True)
    # They warn about torchvision, which text models do not need, and about deprecated attributes that torch reads.
    noise = {logger: logger.level for logger in map(logging.getLogger, ("torch.onnx", "sentence_transformers"))}
    for logger in noise:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # deprecations inside torch and onnxscript
            torch.onnx.export(
                WholePipeline(model, normalize),
                example_inputs(names, len(model.tokenizer), width=min(EXAMPLE_TOKENS, max_length)),
                str(path),
                input_names=names,
                output_names=[OUTPUT],
                dynamic_shapes={"inputs": (shape,) * len(names)},
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        why = ANSI.sub("", str(error.__cause__ or error)).strip().partition("\n")[0][:MOST_WHY]
        raise ModelError(
            f"torch cannot export this kind of model to ONNX ({type(model[0]).__name__}: {why}). Serve it with torch "
            "instead (--runtime torch)."
        ) from error
    finally:
        for logger, level in noise.items():
            logger.setLevel(level)
    _remove_traces(path)


def _remove_traces(path: Path) -> None:
    """Take out the stack traces that torch writes beside each node: they hold paths of this machine."""
    import onnx

    made = onnx.load(str(path))
    for part in (made, made.graph, *made.graph.node, *made.graph.value_info, *made.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    onnx.save(made, str(path))
