"""Open a model folder with the runtime that fits."""

from __future__ import annotations

from pathlib import Path

from semtune import contract as contracts
from semtune.errors import ConfigError, MissingExtraError, ModelError, nearest
from semtune.hub import resolve_model
from semtune.protocols import Encoder
from semtune.registry import RUNTIMES, RegistryEntry, installed

AUTO = "auto"
INT8_GRAPH = "onnx-int8"


def runtime_names() -> list[str]:
    """What people may type for a runtime."""
    return [AUTO, *RUNTIMES.names()]


def parse_runtime(text: str) -> str:
    """Check a runtime's name.

    Raises:
        ConfigError: with the allowed ones.
    """
    names = runtime_names()
    if text not in names:
        raise ConfigError(f"Unknown runtime {text!r}. Allowed: {', '.join(names)}.{nearest(text, names)}")
    return text


def load_encoder(model: str, runtime: str = AUTO, *, fast: bool = False) -> Encoder:
    """Open a model by folder, run, name or hub id.

    Args:
        model: see `semtune.hub.resolve_model`.
        runtime: one of `semtune.registry.RUNTIMES`, or "auto": the first that can open the folder: a static model's table,
            the exported graph, in fp32 unless int8 is all there is, and else torch.
        fast: of torch, compute in bf16 where the processor multiplies that in hardware. To choose and filter by, not
            for vectors that are kept.

    Raises:
        ModelError: there is no such model, or it has not been exported and torch is not installed.
    """
    entry = None if runtime == AUTO else RUNTIMES.entry(runtime)
    folder = resolve_model(model, serving=entry is None or entry.facts["serves"])
    if entry is not None and not entry.facts["serves"]:
        return _on_torch(folder, entry, fast)
    if _is_table(folder) and runtime in (AUTO, "static", "onnx"):  # a static model needs no graph
        return RUNTIMES.entry("static").load()(folder, fast)
    if entry is None:
        entry = _first_fit(folder)
    return _on_torch(folder, entry, fast) if not entry.facts["serves"] else entry.load()(folder, fast)


def _first_fit(folder: Path) -> RegistryEntry:
    """The runtime of a folder by itself: what its exports allow."""
    exports = contracts.load(folder, verify=False).exports if (folder / contracts.FILE).exists() else {}
    weights = contracts.weights_files(folder)
    for entry in RUNTIMES:
        graph = entry.facts["graph"]
        # int8 is served only when asked for, or where there is nothing else.
        if graph in exports and (graph != INT8_GRAPH or not weights) and entry.usable:
            return entry
    return RUNTIMES.entry("torch")


def _is_table(folder: Path) -> bool:
    if not contracts.static_folder(folder):
        return False
    from semtune.encoders.static import can_serve

    return can_serve(folder)


def _on_torch(folder: Path, entry: RegistryEntry, fast: bool) -> Encoder:
    if not contracts.weights_hash(folder):
        raise ModelError(
            f"{folder} holds an exported model only; the torch runtime needs the tuned folder it was exported from."
        )
    if not installed("sentence_transformers"):
        raise MissingExtraError(
            f"{folder} has not been exported, and torch is not installed to use it as it is. "
            f"Export it where it was trained (`semtune export {folder}`), or: pip install 'semtune[train]'"
        )
    return entry.load()(folder, fast)


def model_bytes(folder: Path, runtime: str) -> int | None:
    """Bytes on disk of what a runtime ("onnx-int8", "torch-fp32" ...) computes with; None where it is not there."""
    if runtime.startswith("onnx"):
        export = contracts.load(folder, verify=False).exports.get(runtime)
        return (folder / export.file).stat().st_size if export else None
    return sum(path.stat().st_size for path in contracts.weights_files(folder)) or None
