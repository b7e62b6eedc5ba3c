"""`semtune export`: a model folder in, the same model as graphs with a parity proof out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from semtune import contract as contracts
from semtune.contract import Contract, Export
from semtune.errors import ConfigError, ModelError, nearest
from semtune.io import atomic_folder, read_json, sha256_file, storage_errors, write_json
from semtune.progress import QUIET, Progress
from semtune.registry import need
from semtune.types import Embeddings, Role

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from semtune.export.parity import Parity

Maker: TypeAlias = Callable[[Role], Callable[[list[str]], Embeddings]]  # role → texts → vectors

FORMATS = ("onnx", "torchscript")
PRECISIONS = ("fp32",)
FILES = {"onnx": "onnx/model.onnx", "torchscript": "torchscript/model.pt"}
CARRIED = ("config.json", "config_sentence_transformers.json", "sentence_bert_config.json", "tokenizer_config.json", "special_tokens_map.json", "README.md")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export made."""

    folder: Path
    contract: Contract
    parity: dict[str, Parity]


def check_formats(formats: Sequence[str], precisions: Sequence[str]) -> None:
    """Refuse formats and precisions that Semtune does not write.

    Raises:
        ConfigError: with the allowed ones.
    """
    for kind, given, allowed in (("format", formats, FORMATS), ("precision", precisions, PRECISIONS)):
        for value in given:
            if value not in allowed:
                raise ConfigError(
                    f"Unknown export {kind} {value!r}. Allowed: {', '.join(allowed)}.{nearest(value, allowed)}"
                )


def export(
    model_folder: Path,
    formats: Sequence[str],
    out: Path | None = None,
    texts: Sequence[str] = (),
    progress: Progress = QUIET,
) -> Exported:
    """Export a model and prove the graphs equal to torch.

    Args:
        model_folder: a sentence-transformers folder.
        formats: of `FORMATS`.
        out: a new folder that holds all that serving needs and no torch weights; None adds the graphs to
            `model_folder` itself.
        texts: some of the user's own texts, to be compared too.

    Raises:
        ModelError: the folder cannot be opened.
        GateError: a graph's vectors are not torch's.
    """
    check_formats(formats, ())
    need("sentence_transformers", "onnxscript", "onnx")
    from semtune.encoders.torch import open_sentence_transformer

    contract = contracts.load(model_folder)
    if contract.pooling == contracts.STATIC:
        raise ModelError(
            f"{model_folder} is a static model: it needs no graph. `semtune encode`, `index`, `search` and `serve` take it as it is, without torch."
        )
    model = open_sentence_transformer(model_folder, "cpu").float().eval()
    with progress.track("export", len(formats) * 2) as advance:
        if out is not None:
            with atomic_folder(out) as scratch:
                _carry(model_folder, scratch, model)
                return replace(_write_all(model, contract, formats, scratch, texts, advance), folder=out)
        with storage_errors(model_folder), tempfile.TemporaryDirectory(dir=model_folder, prefix=".export.") as name:
            scratch = Path(name)
            _carry(model_folder, scratch, model)
            made = _beside_older(_write_all(model, contract, formats, scratch, texts, advance), contract, model_folder)
            _move_into(scratch, model_folder, formats)
            return replace(made, folder=model_folder)


def _write_all(model, contract, formats, scratch, texts, advance) -> Exported:  # noqa: ANN001 - typed by `export`
    from semtune.export import parity

    probes = parity.probe_texts(texts)
    reference = _torch_reference(model, contract)
    exports, proofs = {}, {}
    for name in formats:
        path = scratch / FILES[name]
        runner = _write(name, model, contract, path, scratch)
        advance(1)
        by_role = [parity.measure(reference(role), runner(role), probes) for role in _roles(contract)]
        for proof in by_role:
            parity.require(proof, f"The {name} graph")
        proof = min(by_role, key=lambda proof: proof.min_cosine)
        exports[f"{name}-fp32"] = Export(FILES[name], sha256_file(path), "fp32", round(proof.min_cosine, 7))
        proofs[name] = proof
        advance(1)
    made = replace(contract, exports=exports)
    write_json(scratch / "parity.json", {name: proof.as_dict() for name, proof in proofs.items()})
    contracts.save(made, scratch)
    return Exported(scratch, made, proofs)


def _roles(contract: Contract) -> list[Role]:
    """The roles whose inputs differ."""
    return ["document", "query"] if contract.prompt("query") != contract.prompt("document") else ["document"]


def _torch_reference(model: SentenceTransformer, contract: Contract) -> Maker:
    from semtune.encoders.torch import TorchEncoder

    encoder = TorchEncoder(model, contract)
    return lambda role: lambda texts: encoder.encode(texts, role).vectors


def _write(name: str, model: SentenceTransformer, contract: Contract, path: Path, folder: Path) -> Maker:
    """Write one graph; returns what runs it."""
    from semtune.encoders.tokenizer import Tokenizer

    tokenizer = Tokenizer(folder, contract)
    if name == "torchscript":
        from semtune.export.pipeline_module import input_names
        from semtune.export.torchscript import TorchScriptRunner, write_torchscript

        write_torchscript(model, contract.normalize, path)
        script, types = TorchScriptRunner(path), "token_type_ids" in input_names(model)
        return lambda role: lambda texts: script(tokenizer.encode(texts, role).ids, types)
    from semtune.encoders.onnx import GraphRunner
    from semtune.export.onnx import write_onnx

    write_onnx(model, contract.normalize, contract.max_length, path)
    graph = GraphRunner(path)
    return lambda role: lambda texts: graph(tokenizer.encode(texts, role).ids)


def _carry(source: Path, target: Path, model: SentenceTransformer) -> None:
    """Copy the small files that encoding needs; a slow tokenizer is written in the fast form."""
    for name in CARRIED:
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)
    if (source / "tokenizer.json").exists():
        shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
        return
    with tempfile.TemporaryDirectory() as scratch:
        model.tokenizer.save_pretrained(scratch)
        if not (Path(scratch) / "tokenizer.json").exists():
            raise ModelError(f"{source} has a tokenizer without a fast form; Semtune serves fast tokenizers only.")
        shutil.copyfile(Path(scratch) / "tokenizer.json", target / "tokenizer.json")


def _beside_older(made: Exported, contract: Contract, folder: Path) -> Exported:
    """Keep the graphs of other formats that the model folder holds already, with their proofs."""
    older = {name: export for name, export in contract.exports.items() if (folder / export.file).exists()}
    proofs = read_json(folder / "parity.json") if (folder / "parity.json").exists() else {}
    write_json(made.folder / "parity.json", proofs | read_json(made.folder / "parity.json"))
    joined = replace(made.contract, exports=older | dict(made.contract.exports))
    contracts.save(joined, made.folder)
    return replace(made, contract=joined)


def _move_into(scratch: Path, folder: Path, formats: Sequence[str]) -> None:
    """Put the graphs into the model folder, the contract last: it makes them count."""
    for name in formats:
        (folder / FILES[name]).parent.mkdir(exist_ok=True)
        (scratch / FILES[name]).replace(folder / FILES[name])
    for name in ("tokenizer.json",):
        if not (folder / name).exists():
            (scratch / name).replace(folder / name)
    (scratch / "parity.json").replace(folder / "parity.json")
    (scratch / contracts.FILE).replace(folder / contracts.FILE)
