"""Exports a model folder as graphs with a parity proof.

A graph is named after its format, "onnx" or "torchscript" (both fp32); the quantised one is "onnx-int8".
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from semtune import contract as contracts
from semtune.contract import Contract, Export
from semtune.encoders import canary
from semtune.errors import ModelError
from semtune.export.settings import ExportSettings
from semtune.export.small_files import copy_small_files
from semtune.io import atomic_folder, read_json, sha256_file, storage_errors, write_json
from semtune.model_places import is_router
from semtune.progress import QUIET, Progress
from semtune.registry import need
from semtune.types import Embeddings, Role

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from semtune.export.parity import Parity

Maker: TypeAlias = Callable[[Role], Callable[[list[str]], Embeddings]]  # role → texts → vectors

INT8 = "onnx-int8"
FILES = {"onnx": "onnx/model.onnx", INT8: "onnx/model_int8.onnx", "torchscript": "torchscript/model.pt"}


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export."""

    folder: Path
    contract: Contract
    parity: dict[str, Parity]


def check_formats(formats: Sequence[str], precisions: Sequence[str]) -> None:
    """Refuse formats and precisions that Semtune does not write.

    Raises:
        ConfigError: a value is unknown, or int8 was requested without onnx.
    """
    ExportSettings(format=tuple(formats), precision=tuple(precisions))  # type: ignore[arg-type]


def graphs(formats: Sequence[str], precisions: Sequence[str]) -> list[str]:
    """The names of the graphs to write; TorchScript is always fp32."""
    named = [name for name in formats if name != "onnx" or "fp32" in precisions]
    return [*named, INT8] if "int8" in precisions else named


def export_name(graph: str) -> str:
    """The name of a graph in the contract: format and precision."""
    return graph if graph == INT8 else f"{graph}-fp32"


def export_model(
    model_folder: Path,
    formats: Sequence[str],
    out: Path | None = None,
    texts: Sequence[str] = (),
    progress: Progress = QUIET,
    precisions: Sequence[str] = ("fp32",),
) -> Exported:
    """Export a model and check the graphs against torch.

    Args:
        model_folder: a sentence-transformers folder.
        formats: "onnx", "torchscript".
        out: a new folder for everything that serving needs, without torch weights; None adds the graphs to
            `model_folder` itself.
        texts: some of the user's own texts for the parity check.
        precisions: "fp32", "int8", for the onnx format.

    Raises:
        ModelError: the folder cannot be opened.
        GateError: a graph's vectors differ from torch's.
    """
    if out is not None:
        with atomic_folder(out) as scratch:
            return replace(export_into(model_folder, formats, scratch, texts, progress, precisions), folder=out)
    check_formats(formats, precisions)
    _refuse_in_place(model_folder)
    model, contract, wanted = _opened(model_folder, formats, precisions)
    with (
        progress.track("export", len(wanted) * 2) as advance,
        storage_errors(model_folder),
        tempfile.TemporaryDirectory(dir=model_folder, prefix=".export.") as name,
    ):
        scratch = Path(name)
        copy_small_files(model_folder, scratch, model)
        made = _beside_older(_write_all(model, contract, wanted, scratch, texts, advance), contract, model_folder)
        _move_into(scratch, model_folder, wanted)
        return replace(made, folder=model_folder)


def export_into(
    model_folder: Path,
    formats: Sequence[str],
    folder: Path,
    texts: Sequence[str] = (),
    progress: Progress = QUIET,
    precisions: Sequence[str] = ("fp32",),
) -> Exported:
    """As `export_model`, into an empty folder; a static model needs no graph and is copied, a Router becomes two."""
    if _is_static(model_folder):
        return export_static(model_folder, folder, texts)
    if is_router(model_folder):
        from semtune.export.router import export_parts, proofs

        made = export_parts(
            model_folder, folder, lambda part, to: export_into(part, formats, to, texts, progress, precisions)
        )
        return Exported(folder, contracts.load(folder), proofs(made))
    model, contract, wanted = _opened(model_folder, formats, precisions)
    with progress.track("export", len(wanted) * 2) as advance:
        copy_small_files(model_folder, folder, model)
        return _write_all(model, contract, wanted, folder, texts, advance)


def export_static(model_folder: Path, folder: Path, texts: Sequence[str] = ()) -> Exported:
    """Copy a static model, which needs no graph, into `folder` and compare the numpy encoder with torch.

    Raises:
        ModelError: it has more modules than a token table and a Normalize, so it cannot be served without torch.
        GateError: the vectors differ from torch's.
    """
    from semtune.encoders.static import StaticEncoder
    from semtune.encoders.tokenizer import Tokenizer
    from semtune.encoders.torch import TorchEncoder
    from semtune.export import parity
    from semtune.export.proof import beside_others

    need("sentence_transformers")
    static = StaticEncoder(model_folder)
    proof = parity.measure_parity(
        lambda found: TorchEncoder.load(model_folder, device="cpu").encode(found).vectors,
        lambda found: static.encode(found).vectors,
        [text for text in parity.probe_texts(texts) if text.strip()],  # a blank text gives a zero vector
    )
    parity.require_parity(proof, "The token table")
    tokenizer = Tokenizer(model_folder, static.contract)
    proof = beside_others(
        proof, "The token table", "fp32", lambda found: static.encode(found).vectors, tokenizer, static.contract
    )
    shutil.copytree(model_folder, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("training", ".*"))
    write_json(folder / "parity.json", {"static": proof.as_dict()})
    known = canary.vectors_of(static.runtime, lambda role: lambda found: static.encode(found, role).vectors)
    canary.write(folder, static.contract.fingerprint, known)
    contracts.save(static.contract, folder)
    return Exported(folder, static.contract, {"static": proof})


def _opened(
    model_folder: Path, formats: Sequence[str], precisions: Sequence[str]
) -> tuple[SentenceTransformer, Contract, list[str]]:
    """The model, its contract and the graphs to write."""
    check_formats(formats, precisions)
    need("sentence_transformers", "onnxscript", "onnx")
    from semtune.encoders.torch import open_sentence_transformer

    model = open_sentence_transformer(model_folder, "cpu").float().eval()
    contract = contracts.load(model_folder)
    contracts.require_own(contract, model_folder)
    return model, contract, graphs(formats, precisions)


def _is_static(model_folder: Path) -> bool:
    return contracts.load(model_folder, verify=False).pooling == contracts.STATIC


def _refuse_in_place(model_folder: Path) -> None:
    if is_router(model_folder):
        raise ModelError(
            f"{model_folder} is a Router model, which is exported as two models, one for queries and one for "
            "documents. Give a new folder for them: -o FOLDER."
        )
    if _is_static(model_folder):
        raise ModelError(
            f"{model_folder} is a static model and needs no graph. `semtune encode`, `index`, `search` and `serve` "
            "open it directly, without torch; `semtune export -o FOLDER` copies the files that serving needs."
        )


def _write_all(model, contract, wanted, scratch, texts, advance) -> Exported:  # noqa: ANN001 - typed by `export_model`
    from semtune.encoders.tokenizer import Tokenizer
    from semtune.export import parity
    from semtune.export.proof import prove

    probes, tokenizer = parity.probe_texts(texts), Tokenizer(scratch, contract)
    reference = _torch_reference(model, contract)
    exports, proofs, known = {}, {}, {}
    for name in wanted:
        path = scratch / FILES[name]
        runner = _write(name, model, contract, path, scratch)
        advance(1)
        precision = "int8" if name == INT8 else "fp32"
        proof = prove(name, precision, reference, runner, probes, tokenizer, contract)
        if name != "torchscript":  # which is not served
            known |= canary.vectors_of(export_name(name), runner)
        exports[export_name(name)] = Export(FILES[name], sha256_file(path), precision, round(proof.min_cosine, 7))
        proofs[name] = proof
        advance(1)
    made = replace(contract, exports=exports)
    write_json(scratch / "parity.json", {name: proof.as_dict(near=name == INT8) for name, proof in proofs.items()})
    if known:
        canary.write(scratch, contract.fingerprint, known)
    contracts.save(made, scratch)
    return Exported(scratch, made, proofs)


def _torch_reference(model: SentenceTransformer, contract: Contract) -> Maker:
    from semtune.encoders.torch import TorchEncoder

    encoder = TorchEncoder(model, contract)
    return lambda role: lambda texts: encoder.encode(texts, role).vectors


def _write(name: str, model: SentenceTransformer, contract: Contract, path: Path, folder: Path) -> Maker:
    """Write one graph and return a function that runs it."""
    from semtune.encoders.tokenizer import Tokenizer

    tokenizer = Tokenizer(folder, contract)
    if name == "torchscript":
        from semtune.export.pipeline_module import input_names
        from semtune.export.torchscript import TorchScriptRunner, write_torchscript

        write_torchscript(model, contract.normalize, path)
        script, types = TorchScriptRunner(path), "token_type_ids" in input_names(model)
        return lambda role: lambda texts: script(tokenizer.encode(texts, role).ids, types)
    from semtune.encoders.onnx import OnnxRunner
    from semtune.export.onnx_graph import write_onnx

    if name == INT8:
        _write_int8(model, contract, path, folder)
    else:
        write_onnx(model, contract.normalize, contract.max_length, path)
    graph = OnnxRunner(path)
    return lambda role: lambda texts: graph(tokenizer.encode(texts, role).ids, tokenizer.prompt_tokens(role))


def _write_int8(model: SentenceTransformer, contract: Contract, path: Path, folder: Path) -> None:
    from semtune.export.onnx_graph import write_onnx
    from semtune.export.quantize import write_int8

    with tempfile.TemporaryDirectory(dir=folder, prefix=".fp32.") as scratch:
        whole = folder / FILES["onnx"]
        if not whole.exists():  # only int8 was requested
            whole = Path(scratch) / "model.onnx"
            write_onnx(model, contract.normalize, contract.max_length, whole)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_int8(whole, path)


def _beside_older(made: Exported, contract: Contract, folder: Path) -> Exported:
    """Keep the graphs of other formats that are already in the model folder, with their proofs."""
    older = {name: export for name, export in contract.exports.items() if (folder / export.file).exists()}
    canary.keep_older(folder, contract.fingerprint, made.folder)
    proofs = read_json(folder / "parity.json") if (folder / "parity.json").exists() else {}
    write_json(made.folder / "parity.json", proofs | read_json(made.folder / "parity.json"))
    joined = replace(made.contract, exports=older | dict(made.contract.exports))
    contracts.save(joined, made.folder)
    return replace(made, contract=joined)


def _move_into(scratch: Path, folder: Path, wanted: Sequence[str]) -> None:
    """Move the graphs into the model folder, the contract last: it makes them valid."""
    for name in wanted:
        (folder / FILES[name]).parent.mkdir(exist_ok=True)
        (scratch / FILES[name]).replace(folder / FILES[name])
    for name in ("tokenizer.json",):
        if not (folder / name).exists():
            (scratch / name).replace(folder / name)
    for name in ("parity.json", canary.FILE):
        if (scratch / name).exists():
            (scratch / name).replace(folder / name)
    (scratch / contracts.FILE).replace(folder / contracts.FILE)
