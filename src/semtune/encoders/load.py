"""Open a model folder with the runtime that fits."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from semtune import contract as contracts
from semtune.encoders.machine import has_bf16
from semtune.encoders.resolve import resolve
from semtune.errors import ConfigError, MissingExtraError, ModelError, nearest
from semtune.registry import installed
from semtune.types import Encoder

Runtime = Literal["auto", "onnx", "onnx-int8", "torch"]


RUNTIMES: tuple[Runtime, ...] = ("auto", "onnx", "onnx-int8", "torch")


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
        runtime: "onnx" or "onnx-int8" (no torch), "torch", or "auto": the exported graph where there is one, in
            fp32 unless int8 is all there is. A static model needs no graph and no torch.
        fast: of torch, compute in bf16 where the processor multiplies that in hardware. To choose and filter by, not
            for vectors that are kept.

    Raises:
        ModelError: there is no such model, or it has not been exported and torch is not installed.
    """
    folder = resolve(model, serving=runtime != "torch")
    if contracts.static_folder(folder) and runtime in ("auto", "onnx"):
        from semtune.encoders.static import StaticEncoder, can_serve

        if can_serve(folder):
            return StaticEncoder(folder)
    if precision := _graph_precision(folder, runtime):
        from semtune.encoders.onnx import OnnxEncoder

        return OnnxEncoder(folder, precision)
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


def _graph_precision(folder: Path, runtime: Runtime) -> str:
    """Which exported graph to run; empty for torch."""
    asked = {"onnx": "fp32", "onnx-int8": "int8"}
    if runtime != "auto":
        return asked.get(runtime, "")
    exports = contracts.load(folder, verify=False).exports if (folder / contracts.FILE).exists() else {}
    if "onnx-fp32" in exports:
        return "fp32"
    return "int8" if "onnx-int8" in exports and not contracts.weights_files(folder) else ""


def model_bytes(folder: Path, runtime: str) -> int | None:
    """Bytes on disk of what a runtime ("onnx-int8", "torch-fp32" ...) computes with; None where it is not there."""
    if runtime.startswith("onnx"):
        export = contracts.load(folder, verify=False).exports.get(runtime)
        return (folder / export.file).stat().st_size if export else None
    return sum(path.stat().st_size for path in contracts.weights_files(folder)) or None
