"""Exports a Router model: each part becomes a folder of its own that serves without torch."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune import contract as contracts
from semtune.contract import Contract, Export
from semtune.io import sha256_file, write_json
from semtune.model_places import ROLES, keep_files, places
from semtune.types import Role

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from semtune.export.build import Exported

FOR_PASSAGES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")  # beside the whole's contract


def export_parts(model_folder: Path, folder: Path, export: Callable[[Path, Path], Exported]) -> dict[Role, Exported]:
    """Export each part of a Router model into `folder`/ROLE.

    Args:
        model_folder: of the Router model.
        folder: empty; gets the parts and the contract of the whole.
        export: exports one model folder into another.
    """
    from semtune.encoders import canary
    from semtune.encoders.torch import open_sentence_transformer

    model = open_sentence_transformer(model_folder, "cpu").float().eval()
    made = {}
    with tempfile.TemporaryDirectory(dir=folder, prefix=".parts.") as scratch:
        for role in ROLES:
            part = Path(scratch) / role
            _part(model, role).save_pretrained(str(part), create_model_card=False)
            keep_files(places(model_folder, role), places(part))
            (folder / role).mkdir()
            made[role] = export(part, folder / role)
    for name in FOR_PASSAGES:
        if (folder / "document" / name).exists():
            shutil.copyfile(folder / "document" / name, folder / name)
    whole = _whole(contracts.load(model_folder), folder, made)
    contracts.save(whole, folder)
    canary.join_parts(folder, whole.fingerprint)
    write_json(folder / "parity.json", {name: proof.as_dict() for name, proof in proofs(made).items()})
    return made


def proofs(made: Mapping[Role, Exported]) -> dict[str, Any]:
    """Graph → the proof of that part whose vectors are less near to torch's."""
    every = [(name, proof) for part in made.values() for name, proof in part.parity.items()]
    return {
        name: min((proof for other, proof in every if other == name), key=lambda proof: proof.min_cosine)
        for name, _ in every
    }


def _part(model: SentenceTransformer, role: Role) -> SentenceTransformer:
    """The modules that texts of a role go through, as a model of their own."""
    from sentence_transformers import SentenceTransformer

    router: Any = model[0]
    route = router._resolve_route(task=role, modality="text")
    return SentenceTransformer(
        modules=[*router.sub_modules[route], *list(model)[1:]],
        prompts={name: text for name, text in model.prompts.items() if text},
        similarity_fn_name=model.similarity_fn_name,
        truncate_dim=model.truncate_dim,
        device="cpu",
    )


def _whole(contract: Contract, folder: Path, made: Mapping[Role, Exported]) -> Contract:
    """The contract of the whole, whose exports name the file of one part; the parts' contracts name their own."""
    exports: dict[str, Export] = {}
    for role in ROLES:
        for name, export in made[role].contract.exports.items():
            exports[name] = replace(export, file=f"{role}/{export.file}")
    if not exports:  # two tables of token vectors, which need no graph
        table = "document/model.safetensors"
        exports["onnx-fp32"] = Export(table, sha256_file(folder / table), "fp32", 1.0)
    return replace(contract, exports=exports)
