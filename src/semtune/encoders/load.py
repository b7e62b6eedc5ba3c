"""Opens a model folder with a suitable runtime."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from semtune import contract as contracts
from semtune.encoders.canary import first_vector
from semtune.encoders.checked import CheckedEncoder
from semtune.encoders.fastest import open_fastest
from semtune.encoders.windows import LongTextEncoder, parse_truncate, with_truncate
from semtune.errors import ConfigError, MissingExtraError, ModelError, SemtuneError, nearest
from semtune.hub import resolve_model
from semtune.protocols import Encoder
from semtune.registry import RUNTIMES, RegistryEntry, installed
from semtune.types import Truncate

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


def load_encoder(
    model: str, runtime: str = AUTO, *, fast: bool = False, exact: bool = False, truncate: Truncate = "cut"
) -> CheckedEncoder | LongTextEncoder:
    """Open a model by folder, run, name or hub id, and embed a first text with it.

    Args:
        model: see `semtune.hub.resolve_model`.
        runtime: one of `semtune.registry.RUNTIMES`, or "auto": the table of a static model; the exported graph, with
            the fastest library on this machine (see `semtune.encoders.fastest`); else torch. int8 counts if it was
            proven to keep the quality (`export --precision auto`), or if there is nothing else.
        exact: "auto" takes no int8 graph, also where it was proven.
        fast: let torch compute in bf16 if the processor supports it in hardware. Good enough to compare and filter,
            not for vectors that are stored.
        truncate: what becomes of texts longer than the model reads; see `semtune.encoders.windows`.

    Raises:
        ModelError: there is no such model, it has not been exported and torch is not installed, or its files are
            damaged or do not fit together.
        ContractError: the files are not those of the contract, or the vectors not those of the export.
    """
    encoder, folder = _opened(model, runtime, fast, exact)
    return with_truncate(CheckedEncoder(encoder, folder), parse_truncate(truncate))


def _opened(model: str, runtime: str, fast: bool, exact: bool) -> tuple[Encoder, Path]:
    entry = None if runtime == AUTO else RUNTIMES.entry(runtime)
    folder = resolve_model(model, serving=entry is None or entry.facts["serves"])
    if entry is not None and not entry.facts["serves"]:
        return _on_torch(folder, entry, fast), folder
    if _is_table(folder) and runtime in (AUTO, "static", "onnx", "openvino"):  # a static model needs no graph
        return _tried(RUNTIMES.entry("static").load()(folder, fast), folder), folder
    if entry is not None:
        return _serving(folder, entry, fast), folder
    if fitting := _fitting(folder, exact):
        openers = {each.name: partial(_serving, folder, each, fast) for each in fitting}
        return open_fastest(contracts.load(folder, verify=False), openers), folder
    return _on_torch(folder, RUNTIMES.entry("torch"), fast), folder


def _serving(folder: Path, entry: RegistryEntry, fast: bool) -> Encoder:
    """Open an exported model and try it; what a runtime's library says of a damaged graph is put in words.

    Raises:
        ModelError: the library cannot open it, or its files do not fit together.
    """
    open_folder = entry.load()
    try:
        encoder = open_folder(folder, fast)
    except (SemtuneError, ImportError, MemoryError):
        raise
    except Exception as error:  # each library has errors of its own
        raise ModelError(
            f"The runtime {entry.name} cannot open {folder} ({' '.join(str(error).split())[:300]}). A file is damaged, "
            "perhaps cut off when it was copied. Copy the folder again, or export the model again."
        ) from error
    return _tried(encoder, folder)


def _tried(encoder: Encoder, folder: Path) -> Encoder:
    first_vector(encoder, folder)
    return encoder


def _fitting(folder: Path, exact: bool) -> list[RegistryEntry]:
    """The runtimes without torch that "auto" may take, in order of preference."""
    exports = contracts.load(folder, verify=False).exports if (folder / contracts.FILE).exists() else {}
    proven = INT8_GRAPH in exports and exports[INT8_GRAPH].proven and not exact
    having = [entry for entry in RUNTIMES if entry.facts["graph"] in exports and entry.usable]
    found = [entry for entry in having if entry.facts["graph"] != INT8_GRAPH or proven]
    return found or ([] if contracts.weights_files(folder) else having)


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
    return _tried(entry.load()(folder, fast), folder)


def model_bytes(folder: Path, runtime: str) -> int | None:
    """Bytes on disk of the files that a runtime ("onnx-int8", "torch-fp32" ...) loads; None if they are missing."""
    if runtime.startswith(("onnx", "openvino")):
        exports = contracts.load(folder, verify=False).exports
        export = exports.get(INT8_GRAPH if "int8" in runtime else "onnx-fp32")
        return (folder / export.file).stat().st_size if export else None
    return sum(path.stat().st_size for path in contracts.weights_files(folder)) or None
