"""Opens a model folder with a suitable runtime."""

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
    """The allowed names of runtimes, with "auto"."""
    return [AUTO, *RUNTIMES.names()]


def parse_runtime(text: str) -> str:
    """Check a runtime's name.

    Raises:
        ConfigError: the name is unknown; the message lists the allowed names.
    """
    names = runtime_names()
    if text not in names:
        raise ConfigError(f"Unknown runtime {text!r}. Allowed: {', '.join(names)}.{nearest(text, names)}")
    return text


def load_encoder(model: str, runtime: str = AUTO, *, fast: bool = False) -> Encoder:
    """Open a model by folder, run, name or hub id.

    Args:
        model: see `semtune.hub.resolve_model`.
        runtime: one of `semtune.registry.RUNTIMES`, or "auto", the first that can open the folder: the table of a
            static model, the exported graph (fp32, or int8 if there is no fp32), else torch.
        fast: let torch compute in bf16 if the processor supports it in hardware. Good enough to compare and filter,
            not for vectors that are stored.

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
    """The first runtime that can open the folder."""
    exports = contracts.load(folder, verify=False).exports if (folder / contracts.FILE).exists() else {}
    weights = contracts.weights_files(folder)
    for entry in RUNTIMES:
        graph = entry.facts["graph"]
        # int8 is used only on request, or if there is nothing else.
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
            f"{folder} holds only an exported model. The torch runtime needs the folder it was exported from."
        )
    if not installed("sentence_transformers"):
        raise MissingExtraError(
            f"{folder} has not been exported, and torch is not installed to open it directly. "
            f"Export it where it was trained (`semtune export {folder}`), or: pip install 'semtune[train]'"
        )
    return entry.load()(folder, fast)


def model_bytes(folder: Path, runtime: str) -> int | None:
    """Bytes on disk of the files that a runtime ("onnx-int8", "torch-fp32" ...) loads; None if they are missing."""
    if runtime.startswith("onnx"):
        export = contracts.load(folder, verify=False).exports.get(runtime)
        return (folder / export.file).stat().st_size if export else None
    return sum(path.stat().st_size for path in contracts.weights_files(folder)) or None
