"""Open a model folder with the runtime that fits."""

from __future__ import annotations

from typing import Literal

from semtune import contract as contracts
from semtune.encoders.resolve import resolve
from semtune.errors import ConfigError, MissingExtraError, ModelError, nearest
from semtune.registry import installed
from semtune.types import Encoder

Runtime = Literal["auto", "onnx", "torch"]


RUNTIMES: tuple[Runtime, ...] = ("auto", "onnx", "torch")


def parse_runtime(text: str) -> Runtime:
    """Check a runtime's name.

    Raises:
        ConfigError: with the allowed ones.
    """
    for runtime in RUNTIMES:
        if runtime == text:
            return runtime
    raise ConfigError(f"Unknown runtime {text!r}. Allowed: {', '.join(RUNTIMES)}.{nearest(text, RUNTIMES)}")


def load_encoder(model: str, runtime: Runtime = "auto") -> Encoder:
    """Open a model by folder, run, name or hub id.

    Args:
        model: see `semtune.encoders.resolve.resolve`.
        runtime: "onnx" (no torch), "torch", or "auto": the exported graph where there is one.

    Raises:
        ModelError: there is no such model, or it has not been exported and torch is not installed.
    """
    folder = resolve(model, serving=runtime != "torch")
    exported = (folder / contracts.FILE).exists() and "onnx-fp32" in contracts.load(folder, verify=False).exports
    if runtime == "onnx" or (runtime == "auto" and exported):
        from semtune.encoders.onnx import OnnxEncoder

        return OnnxEncoder(folder)
    if not contracts.weights_hash(folder):
        raise ModelError(
            f"{folder} holds an exported model only; the torch runtime needs the tuned folder it was exported from."
        )
    if not installed("sentence_transformers"):
        raise MissingExtraError(
            f"{folder} has not been exported, and torch is not installed to use it as it is. "
            f"Export it where it was trained (`semtune export {folder}`), or: pip install 'semtune[train]'"
        )
    from semtune.encoders.torch import TorchEncoder

    return TorchEncoder.load(folder)
