"""Open a model folder with the runtime that fits."""

from __future__ import annotations

from typing import Literal

from semtune import contract as contracts
from semtune.encoders.machine import has_bf16
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


def load_encoder(model: str, runtime: Runtime = "auto", *, fast: bool = False) -> Encoder:
    """Open a model by folder, run, name or hub id.

    Args:
        model: see `semtune.encoders.resolve.resolve`.
        runtime: "onnx" (no torch), "torch", or "auto": the exported graph where there is one. A static model needs
            no graph and no torch.
        fast: of torch, compute in bf16 where the processor multiplies that in hardware. To choose and filter by, not
            for vectors that are kept.

    Raises:
        ModelError: there is no such model, or it has not been exported and torch is not installed.
    """
    folder = resolve(model, serving=runtime != "torch")
    if contracts.static_folder(folder) and runtime != "torch":
        from semtune.encoders.static import StaticEncoder, can_serve

        if can_serve(folder):
            return StaticEncoder(folder)
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

    return TorchEncoder.load(folder, "bf16" if fast and has_bf16() else "fp32")
