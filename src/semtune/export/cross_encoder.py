"""Writes a cross-encoder as an ONNX graph, so that searches can be ranked again without torch."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from semtune.encoders.cross_encoder import CrossEncoderJudge, cross_encoder_folder, cross_encoder_hash
from semtune.encoders.cross_encoder_onnx import GRAPH, OnnxReranker, graph_of, longest_pair
from semtune.errors import GateError
from semtune.io import atomic_folder, user_cache

SETTING = "rerank"  # the name in messages
KEPT = ("tokenizer.json", "config.json", "tokenizer_config.json")
OPSET, MAX_BATCH, HASH = 18, 65_536, 16
CLOSE = 1e-3  # between scores of the graph and torch's
PAIRS = (
    ("how do I mend a kettle", "A kettle is mended with solder and patience."),
    ("how do I mend a kettle", "The violin hangs on the wall. " * 12),
    ("日本", "x"),
)


def export_reranker(model: str) -> Path:
    """A folder with the graph of a cross-encoder: its own if it has one, else one that is made and kept in the cache.

    Raises:
        ModelError: there is no such model, or it is no cross-encoder with one score per pair.
        MissingExtraError: there is no graph yet, and torch is not installed.
        GateError: the graph does not give torch's scores.
    """
    folder = cross_encoder_folder(model, SETTING)
    if graph_of(folder) and (folder / "tokenizer.json").is_file():
        return folder
    made = user_cache() / "cross-encoders" / cross_encoder_hash(model)[:HASH]
    if graph_of(made) is None:
        judge = CrossEncoderJudge.load(model, SETTING)
        with atomic_folder(made) as scratch:
            _write(judge, folder, scratch)
            _prove(judge, scratch)
    return made


def _write(judge: CrossEncoderJudge, folder: Path, out: Path) -> None:
    import torch

    encoder: Any = judge.model
    encoder.tokenizer.save_pretrained(str(out))
    for name in KEPT:
        if (folder / name).is_file():
            shutil.copy(folder / name, out / name)
    read = encoder.tokenizer(["a b", "c"], ["d e f", "g"], padding=True, return_tensors="pt")
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in read]
    shape = {
        0: torch.export.Dim("pairs", min=1, max=MAX_BATCH),
        1: torch.export.Dim("tokens", min=2, max=longest_pair(out)),
    }

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = encoder.model

        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            return self.inner(**dict(zip(names, inputs, strict=True))).logits

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # deprecations inside torch and onnxscript
        torch.onnx.export(
            Logits().eval(), tuple(read[name] for name in names), str(out / GRAPH), input_names=names,
            output_names=["logits"], dynamic_shapes={"inputs": (shape,) * len(names)}, opset_version=OPSET, dynamo=True,
            external_data=False, verbose=False,
        )  # fmt: skip


def _prove(judge: CrossEncoderJudge, folder: Path) -> None:
    """Compare the graph's scores with torch's.

    Raises:
        GateError: they differ.
    """
    wanted, got = np.array(judge(PAIRS)), np.array(OnnxReranker(folder)(PAIRS))
    worst = float(np.abs(wanted - got).max())
    if not worst <= CLOSE:
        raise GateError(
            f"The graph of the cross-encoder gives other scores than torch (by {worst:.4f}; allowed: {CLOSE}). It "
            "cannot be used for ranking. Give another cross-encoder with --rerank."
        )
