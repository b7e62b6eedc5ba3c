"""The contract of a model: the rules that every encoder of it must follow, kept beside its weights.

`semtune.json` in a model folder says how the vectors are made (pooling, normalisation, prompts, length limit,
tokenizer) and carries a fingerprint of all of it and of the weights. Trainer, exporter, encoders, index and server
read the rules here and nowhere else. Without the file, the contract is made from the folder's other files; see
`model_folder`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from semtune import formats
from semtune.errors import ContractError, InputError, ModelError
from semtune.hub import CONTRACT_FILE
from semtune.io import read_json, sha256_json, write_json
from semtune.model_folder import NO_LIMIT, ROUTER, STATIC, FolderFacts, read_folder, static_folder, weights_hash
from semtune.model_places import weights_files
from semtune.types import Role

__all__ = [
    "FILE",
    "NO_LIMIT",
    "ROUTER",
    "STATIC",
    "Calibration",
    "Contract",
    "Export",
    "describe",
    "load",
    "save",
    "static_folder",
    "weights_files",
    "weights_hash",
]

FILE = CONTRACT_FILE
THRESHOLDS = "thresholds.json"
"""Thresholds measured after the model was exported; they replace the contract's own."""
UNLIMITED_PASSAGE = 256
MAKES_VECTORS = (
    "pooling", "normalize", "prompts", "max_length", "lowercase", "dimension", "tokenizer_sha256", "weights_sha256"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Export:
    """One exported graph of the model.

    Attributes:
        file, sha256: the file and its hash.
        precision: "fp32" or "int8".
        min_cosine: the lowest cosine of its vectors to torch's.
        proven: an int8 graph that was shown to keep the user's own metric (`export --precision auto`).
    """

    file: str
    sha256: str
    precision: str
    min_cosine: float
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a score becomes a probability: 1 / (1 + exp(-(slope x score + intercept))).

    Attributes:
        slope, intercept: of the curve.
        of: what the probability is of, such as "an answer ... is labelled relevant".
    """

    slope: float
    intercept: float
    of: str

    def probability(self, score: float) -> float:
        """The probability of a score."""
        return 0.5 * (1 + math.tanh(0.5 * (self.slope * score + self.intercept)))  # never overflows


@dataclass(frozen=True, slots=True)
class Contract:
    """How texts become vectors.

    Attributes:
        name: of the model, for people.
        base: the model it was tuned from; empty if it was not tuned here.
        pooling: "mean", "cls", "max" ... as in sentence-transformers; "static" for a table of token vectors, "router"
            for a model whose parts have one each.
        normalize: vectors have unit length, so that the inner product is the cosine.
        prompts: role → text put before each input, e.g. {"query": "query: "}.
        max_length: maximum number of tokens of an input, special tokens included; longer inputs are cut. `NO_LIMIT`
            means no limit.
        lowercase: inputs are lower-cased before the tokenizer sees them.
        dimension: of a vector.
        similarity: "cosine" or "dot".
        tokenizer_sha256, weights_sha256: hashes of the files.
        fingerprint: hash of everything above that changes a vector; equal fingerprint, equal vectors.
        exports: exported graphs in the folder, by name ("onnx-fp32").
        thresholds: calibrated score thresholds, by name ("best-f1", "p0.9"); empty until measured.
        calibration: from a score to a probability; None until measured. Like thresholds, it changes neither a vector
            nor the fingerprint.
        parts: role → the contract of the part that reads texts of this role; empty for all but Router models. Length
            limit and lower-casing of such a model are those of its documents' part.
        languages: language asked in → language searched → share of texts whose right answer came first (accuracy@1),
            as codes; empty until measured. It changes neither a vector nor the fingerprint.
        assumed: what the folder does not say and Semtune had to assume, as a sentence; empty if nothing. Not saved.
    """

    name: str
    pooling: str
    normalize: bool
    max_length: int
    dimension: int
    tokenizer_sha256: str
    weights_sha256: str
    fingerprint: str
    prompts: Mapping[str, str] = field(default_factory=dict)
    lowercase: bool = False
    similarity: str = "cosine"
    base: str = ""
    exports: Mapping[str, Export] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    calibration: Calibration | None = None
    parts: Mapping[str, Contract] = field(default_factory=dict)
    languages: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    assumed: str = ""

    @property
    def passage_length(self) -> int:
        """Tokens at which documents are cut into passages: the limit, or 256 where there is none."""
        return self.max_length if self.max_length < NO_LIMIT else UNLIMITED_PASSAGE

    @property
    def document_fingerprint(self) -> str:
        """The fingerprint of what makes the vectors of documents: of a Router model its part for them, else its own.

        Two models with the same one can use each other's indexes, since an index holds vectors of documents only.
        """
        return self.part("document").fingerprint

    def prompt(self, role: Role) -> str:
        """The text to put before an input of this role; empty where the model has none."""
        return self.prompts.get(role, "")

    @property
    def differing_roles(self) -> list[Role]:
        """The roles whose inputs differ: both, or the documents' alone where queries are read in the same way."""
        differ = self.parts or self.prompt("query") != self.prompt("document")
        return ["document", "query"] if differ else ["document"]

    def part(self, role: Role) -> Contract:
        """The rules for texts of this role: a Router model has a part for each, others are one for both."""
        return self.parts.get(role, self)


def load(folder: Path, *, verify: bool = True) -> Contract:
    """Read a folder's contract; for a folder without one, make it from the other files.

    Args:
        folder: a model folder.
        verify: compare the weights with the hash in the contract (about one second per gigabyte).

    Raises:
        ModelError: there is no model in the folder.
        ContractError: the contract was written for other weights, or by a Semtune too new or too old to be read.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder} is not a model folder: there is no such folder.")
    if not (folder / FILE).exists():
        return describe(folder)
    contract = _parse(folder / FILE)
    if verify and (found := weights_hash(folder)) and found != contract.weights_sha256:
        raise ContractError(
            f"The weights in {folder} are not those its {FILE} was written for (expected sha256 "
            f"{contract.weights_sha256[:12]}, found {found[:12]}). Was the model trained further in place? "
            f"Delete {folder / FILE}, which is then made anew, and export and index again."
        )
    measured = folder / THRESHOLDS
    if not measured.exists():
        return contract
    return with_thresholds(contract, formats.THRESHOLDS.read(read_json(measured), measured).values)


def require_own(contract: Contract, folder: Path) -> None:
    """Refuse a contract that says other things of the vectors than the other files of its folder.

    Raises:
        ContractError: it was edited, or the files were; the message says where they differ.
    """
    if not (folder / FILE).exists():
        return
    found = describe(folder)
    differ = [
        f"{name} {getattr(contract, name)!r} (the files: {getattr(found, name)!r})"
        for name in ("dimension", "max_length", "pooling", "normalize", "lowercase", "prompts")
        if getattr(contract, name) != getattr(found, name)
    ]
    if differ:
        raise ContractError(
            f"{folder / FILE} does not fit the model's other files: it says {', '.join(differ)}. Delete it, which "
            "makes it anew, and export and index again; or undo what was changed in the files."
        )


def with_thresholds(contract: Contract, values: Mapping[str, Any]) -> Contract:
    """The contract with the thresholds of a `thresholds.json`; the fingerprint stays the same."""
    calibration = Calibration(values["slope"], values["intercept"], values["of"])
    return replace(contract, thresholds=dict(values["thresholds"]), calibration=calibration)


def publish_thresholds(folder: Path, values: Mapping[str, Any] | None) -> None:
    """Write thresholds that were measured later beside the contract in `folder`; None removes them."""
    place = folder / THRESHOLDS
    if values is None:
        place.unlink(missing_ok=True)
        return
    stamped = formats.THRESHOLDS.stamp(values)
    if not place.exists() or read_json(place) != stamped:
        write_json(place, stamped)


def save(contract: Contract, folder: Path) -> None:
    """Write `semtune.json` into `folder`, atomically."""
    values = asdict(contract)
    del values["assumed"]  # what was assumed for the folder is settled by this file
    for name in ("parts", "languages"):  # most models have neither
        if not values[name]:
            del values[name]
    write_json(folder / FILE, formats.CONTRACT.stamp(values))


def describe(folder: Path, name: str = "", base: str = "") -> Contract:
    """Make the contract of a sentence-transformers or plain transformers folder from its files.

    Args:
        folder: the model folder.
        name: of the model; by default its well-known name or the folder's.
        base: the model it was tuned from.

    Raises:
        ModelError: it is not such a folder, or it has a module that Semtune cannot serve.
    """
    return _from_facts(read_folder(folder), name, base)


def _from_facts(facts: FolderFacts, name: str = "", base: str = "") -> Contract:
    contract = Contract(
        name=name or facts.name,
        base=base,
        pooling=facts.pooling,
        normalize=facts.normalize,
        prompts=facts.prompts,
        max_length=facts.max_length,
        lowercase=facts.lowercase,
        dimension=facts.dimension,
        similarity=facts.similarity,
        tokenizer_sha256=facts.tokenizer_sha256,
        weights_sha256=facts.weights_sha256,
        fingerprint="",
        parts={role: _from_facts(part, f"{name or facts.name} ({role})") for role, part in facts.parts.items()},
        assumed=facts.assumed,
    )
    return replace(contract, fingerprint=_fingerprint(contract, facts.architecture))


def _fingerprint(contract: Contract, architecture: Mapping[str, Any]) -> str:
    values = asdict(contract)
    return sha256_json({**{key: values[key] for key in MAKES_VECTORS}, "architecture": architecture})


def _parse(path: Path) -> Contract:
    again = "Copy it again; or delete it, which makes it anew, and export the model again."
    try:
        values = read_json(path)
    except InputError as error:
        raise ContractError(f"{error} {again}") from None
    contents = formats.CONTRACT.read(values, path)
    try:
        return _parsed(contents, contents.values)
    except (TypeError, AttributeError) as error:
        raise ContractError(f"{path} is not a contract this Semtune can read ({error}). {again}") from None


def _parsed(contents: formats.Contents, given: Mapping[str, Any]) -> Contract:
    values = contents.known_to(Contract, given)
    exports = {name: Export(**contents.known_to(Export, made)) for name, made in values.get("exports", {}).items()}
    curve = values.get("calibration")
    calibration = Calibration(**contents.known_to(Calibration, curve)) if curve else None
    parts = {role: _parsed(contents, part) for role, part in values.get("parts", {}).items()}
    return Contract(**{**values, "exports": exports, "calibration": calibration, "parts": parts})
