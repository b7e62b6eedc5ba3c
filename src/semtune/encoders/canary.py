"""A canary: a few fixed texts whose vectors are known from the export, embedded again before anything else is.

So another version of a library, a broken path for this processor, or a swapped file is noticed before the first query.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import BadZipFile

import numpy as np

from semtune.contract import FILE as CONTRACT_FILE
from semtune.contract import NO_LIMIT, STATIC, Contract
from semtune.encoders.checked import all_alike, check_vectors
from semtune.encoders.invariance import alone, difference, limit_of
from semtune.errors import ContractError, ModelError, SemtuneError
from semtune.io import atomic_file
from semtune.model_folder import position_limit
from semtune.model_places import ROLES, optional_json, places
from semtune.protocols import Encoder
from semtune.run_directory import versions
from semtune.types import Embeddings, Role
from semtune.unit_vectors import SHORTEST

FILE = "canary.npz"
TEXTS = (
    "a",
    "How do I read a zip file?",
    "The pump is cleaned with warm water in spring and oiled before the winter.",
    "error 404: page not found (see line 12)",
    "for name in names: print(name.upper())",
    "Invoices are paid within thirty days; reminders cost 5.00 each, and the third one is sent by registered mail.",
    "What is the capital of the country with the longest coast",
    "It rained all night. In the morning the river had taken the bridge, two boats and the garden behind the mill, and "
    "nobody could say how the cat had come to sit on the roof of the church.",
)
LIBRARIES = ("onnxruntime", "openvino", "tokenizers", "numpy", "torch")
UNIT_ERROR = 1e-2  # of a vector's length
OTHER_PRECISION = 0.95  # cosine of a half precision to fp32
ABOUT = ("texts", "fingerprint", "libraries")

Vectors: TypeAlias = dict[str, Embeddings]  # "onnx-fp32.query" → (8, dim)


@dataclass(frozen=True, slots=True)
class Canary:
    """What a folder keeps of its export.

    Attributes:
        libraries: that the graphs were run with, as a sentence.
        vectors: "RUNTIME.ROLE" → (n, dim) of the texts.
    """

    texts: list[str]
    libraries: str
    vectors: Vectors


def vectors_of(runtime: str, runner: Callable[[Role], Callable[[list[str]], Embeddings]]) -> Vectors:
    """The canary's vectors by a graph, each text by itself; `runner` gives for a role what embeds texts."""
    return {f"{runtime}.{role}": alone(runner(role), TEXTS) for role in ROLES}


def write(folder: Path, fingerprint: str, vectors: Mapping[str, Embeddings]) -> None:
    """Write the canary of a model folder."""
    libraries = ", ".join(f"{name} {version}" for name, version in versions(*LIBRARIES).items())
    with atomic_file(folder / FILE, "wb") as out:
        about = {"texts": np.array(TEXTS), "fingerprint": np.array(fingerprint), "libraries": np.array(libraries)}
        everything: dict[str, Any] = {**about, **vectors}
        np.savez(out, **everything)


def read(folder: Path, fingerprint: str = "") -> Canary | None:
    """The canary of a folder; None if there is none, or if it belongs to another model than the one given.

    Raises:
        ContractError: the file is damaged.
    """
    if not (folder / FILE).is_file():
        return None
    try:
        with (folder / FILE).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            vectors = {name: file[name] for name in file.files if name not in ABOUT}
            texts, owner, libraries = ([*file["texts"].tolist()], str(file["fingerprint"]), str(file["libraries"]))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ContractError(
            f"{folder / FILE} is damaged ({error}). Copy it again, or export the model again."
        ) from None
    return Canary(texts, libraries, vectors) if fingerprint in ("", owner) else None


def keep_older(folder: Path, fingerprint: str, made: Path) -> None:
    """Add to the canary in the folder `made` the vectors of graphs that `folder` had before."""
    before, new = read(folder, fingerprint), read(made)
    if before and new and before.texts == new.texts:
        write(made, fingerprint, {**before.vectors, **new.vectors})


def join_parts(folder: Path, fingerprint: str) -> None:
    """Write the canary of an exported Router model from those of its parts."""
    parts = {role: read(folder / role) for role in ROLES}
    joined: Vectors = {}
    for runtime in ("onnx-fp32", "onnx-int8"):
        for role, part in parts.items():
            found = part.vectors if part else {}
            name = next((n for n in (f"{runtime}.{role}", f"static-fp32.{role}") if n in found), None)
            if name:
                joined[f"{runtime}.{role}"] = found[name]
    write(folder, fingerprint, joined)


def first_vector(encoder: Encoder, folder: Path) -> None:
    """Embed the canary's second text when a model is opened: the first call is warm then, and gross errors show.

    Raises:
        ModelError, ContractError: the model's files do not fit together, or give another vector than at the export.
    """
    _check_limit(encoder.contract, folder)
    known = read(folder, encoder.contract.fingerprint)
    text = known.texts[1] if known else TEXTS[1]
    for role in encoder.contract.differing_roles:
        try:
            made = encoder.encode([text], role).vectors
        except SemtuneError:
            raise
        except Exception as error:
            raise ModelError(
                f"{folder} cannot embed a text with the runtime {encoder.runtime} ({_one_line(error)}). Its files do "
                f"not fit together: graph or weights, tokenizer and {CONTRACT_FILE}. Copy or export the model again."
            ) from error
        _check_shape(made, encoder.contract, folder)
        if known:
            _check_known(made, known, encoder, role, slice(1, 2))


def check(encoder: Encoder, folder: Path | None) -> None:
    """Embed the canary's texts alone and in one batch, and compare them with each other and with those of the export.

    Args:
        encoder: that will serve.
        folder: its model folder; None: nothing is known from the export.

    Raises:
        ModelError: a text's vector depends on its neighbours, or all texts have one and the same.
        ContractError: the vectors are not those of the export.
    """
    known = read(folder, encoder.contract.fingerprint) if folder else None
    texts = known.texts if known else list(TEXTS)
    for role in encoder.contract.differing_roles:
        single = alone(lambda some, role=role: encoder.encode(some, role).vectors, texts)
        check_vectors(single, encoder.contract)
        batch = encoder.encode(texts, role).vectors
        found = difference(single, batch)
        limit = limit_of(_precision(encoder.runtime))
        if not found.min_cosine >= limit:
            raise ModelError(
                f"{_named(encoder)} gives a text another vector alone than beside other texts (lowest cosine "
                f"{found.min_cosine:.5f}; required: {limit}), so what was indexed in batches would not be found. "
                f"{_ADVICE}"
            )
        if all_alike(single):
            raise ModelError(
                f"{_named(encoder)} gives one and the same vector for {len(texts)} different texts. Its weights are "
                "broken: train it anew with a lower learning rate, or copy or export it again."
            )
        if known:
            _check_known(single, known, encoder, role, slice(None))


_ADVICE = "Another version of a library may help (`semtune doctor` lists them), or another runtime (--runtime)."


def _check_limit(contract: Contract, folder: Path) -> None:
    """Refuse a length limit beyond the positions of the backbone, where a long text would fail."""
    if contract.parts or contract.pooling == STATIC or contract.max_length == NO_LIMIT:
        return
    config = optional_json(places(folder).backbone / "config.json")
    if config and contract.max_length > (most := position_limit(config)):
        raise ContractError(
            f"{folder / CONTRACT_FILE} says that the model reads {contract.max_length:,} tokens, but it has positions "
            f"for {most:,}. It was edited, or belongs to another model. Delete it, and export the model again."
        )


def _check_shape(made: Embeddings, contract: Contract, folder: Path) -> None:
    check_vectors(made, contract)
    length = float(np.linalg.norm(made[0]))
    if contract.normalize and length > SHORTEST and abs(length - 1) > UNIT_ERROR:
        raise ContractError(
            f"{folder / CONTRACT_FILE} says that vectors have length 1, and one has the length {length:.3f}. It was "
            "edited, or belongs to another model. Delete it, and export the model again."
        )


def _check_known(made: Embeddings, known: Canary, encoder: Encoder, role: Role, rows: slice) -> None:
    """Compare vectors with those of the export, by the same graph or else by that in fp32."""
    precision = _precision(encoder.runtime)
    names = [f"{encoder.runtime}.{role}"]
    names += [] if precision == "int8" else [f"onnx-fp32.{role}", f"static-fp32.{role}"]
    name = next((name for name in names if name in known.vectors), None)
    if name is None or known.vectors[name][rows].shape != made.shape:
        return
    limit = limit_of(precision) if precision == "fp32" or name == names[0] else OTHER_PRECISION
    found = difference(known.vectors[name][rows], made)
    if found.min_cosine >= limit:
        return
    raise ContractError(
        f"{_named(encoder)} gives other vectors than when it was exported (lowest cosine {found.min_cosine:.5f}; "
        f"required: {limit}). It was exported with {known.libraries}; a library, the processor or a "
        f"file of the model has changed. {_ADVICE} If the change was meant, export and index again."
    )


def _precision(runtime: str) -> str:
    return runtime.rpartition("-")[2]


def _named(encoder: Encoder) -> str:
    return f"The model {encoder.contract.name!r} on the runtime {encoder.runtime}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
