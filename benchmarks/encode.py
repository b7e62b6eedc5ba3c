"""Encoding passages of mixed lengths: sentence-transformers at its defaults, and Semtune's encoders.

python benchmarks/encode.py [--json]
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from passages import MODEL, python_docs
from timing import interleaved, publish

from semtune import contract as contracts
from semtune.encoders.onnx import OnnxEncoder
from semtune.encoders.torch import TorchEncoder, open_sentence_transformer
from semtune.export.build import export_model
from semtune.machine import has_bf16, keep_freed_memory

TEXTS, ROUNDS = 200, 5


def main() -> None:
    """Measure and publish."""
    keep_freed_memory()  # for all alike
    dataset, folder, lengths = python_docs()
    chosen = np.random.default_rng(0).choice(len(lengths), TEXTS, replace=False)
    texts = [dataset.corpus[i].content for i in chosen]
    model = open_sentence_transformer(folder, "cpu")
    contract = contracts.load(folder)
    with tempfile.TemporaryDirectory() as scratch:
        export_model(folder, ["onnx"], Path(scratch) / "model")
        encoders = {
            "Semtune, torch fp32": TorchEncoder(model, contract),
            **({"Semtune, torch bf16": TorchEncoder(model, contract, "bf16")} if has_bf16() else {}),
            "Semtune, onnxruntime fp32": OnnxEncoder(Path(scratch) / "model"),
        }
        reference = model.encode(texts, show_progress_bar=False)
        worst = {
            name: float((encoder.encode(texts).vectors * reference).sum(1).min()) for name, encoder in encoders.items()
        }
        peer = "sentence-transformers, default"
        variants = {peer: lambda: model.encode(texts, show_progress_bar=False)} | {
            name: (lambda encoder=encoder: encoder.encode(texts)) for name, encoder in encoders.items()
        }
        what = f"{TEXTS} passages, {np.mean([lengths[i] for i in chosen]):.0f} tokens on average, {MODEL}, peer: {peer}"
        publish("encode", {"what": what, "min_cosine": worst, "variants": interleaved(variants, ROUNDS, peer)})


if __name__ == "__main__":
    main()
