"""A sentence-transformers or transformers folder, read from its files: pooling, prompts, length limit, hashes.

Nothing here needs torch. The contract of a model without `semtune.json` is made from these facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from semtune.backbone_catalogue import find_family
from semtune.errors import ModelError
from semtune.hub import CONTRACT_FILE, PACKAGES
from semtune.io import sha256_file, sha256_json
from semtune.model_kinds import refuse_other_kinds
from semtune.model_places import (
    ROLES,
    TOKENIZER_FILES,
    Module,
    Places,
    is_router,
    optional_json,
    places,
    route_weights,
    weights_files,
)
from semtune.tensors import tensor_shapes
from semtune.types import Role

POOLING_SWITCHES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
UNSET_LENGTH = 1_000_000  # transformers writes 1e30 when the tokenizer knows no limit
STATIC = "static"
"""The pooling of a static model, which is a table of token vectors: a text's vector is the mean of its tokens' rows."""
ROUTER = "router"
"""The pooling of a Router model, whose parts have one each."""
WITHOUT_PROMPT = ", without the prompt"
"""Stands after a pooling that leaves out the tokens of the prompt."""
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
        parts: role → the facts of a Router model's part; empty for other models.
        assumed: what had to be assumed, as a sentence for people; empty if nothing.
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
    parts: Mapping[Role, FolderFacts] = field(default_factory=dict)
    assumed: str = ""


def read_folder(folder: Path) -> FolderFacts:
    """Read the facts of a sentence-transformers or plain transformers folder.

    Raises:
        ModelError: it is not such a folder, or it has a module that Semtune cannot serve.
    """
    return _router(folder) if is_router(folder) else _facts(folder, places(folder), weights_hash(folder))


def _facts(folder: Path, found: Places, weights: str) -> FolderFacts:
    if not found.static and not (found.backbone / "config.json").exists():
        raise ModelError(
            f"{folder} is not a model folder: it has neither {CONTRACT_FILE} nor config.json. "
            "Give a sentence-transformers folder, one made by `semtune train` or `semtune export`, or a model's name."
        )
    config = {} if found.static else optional_json(found.backbone / "config.json")
    refuse_other_kinds(found, config)
    settings = optional_json(found.settings / "config_sentence_transformers.json")
    prompts = {role: text for role, text in (settings.get("prompts") or {}).items() if text}
    pooling, dimension, normalize = _modules(found, config, prompts)
    family = assumed_pooling(found, config)
    shorter = int(settings.get("truncate_dim") or 0)
    cut = 0 < shorter < dimension
    length, lowercase = _static_length(found.backbone) if found.static else _length(found, config)
    tokenizer = _hash_files([found.tokenizer / name for name in TOKENIZER_FILES if (found.tokenizer / name).exists()])
    if not tokenizer or not weights:
        raise ModelError(f"{folder} has no {'tokenizer files' if not tokenizer else 'weights (model.safetensors)'}.")
    similarity = settings.get("similarity_fn_name") or "cosine"
    return FolderFacts(
        name=_name(folder),
        pooling=family[0] if family else pooling,
        normalize=(normalize and not cut) or similarity == "cosine",
        prompts=prompts,
        max_length=length,
        lowercase=lowercase,
        dimension=shorter if cut else dimension,
        similarity=similarity,
        tokenizer_sha256=tokenizer,
        weights_sha256=weights,
        architecture=_architecture(found.modules, config),
        assumed=family[1] if family else "",
    )


def _router(folder: Path) -> FolderFacts:
    """The facts of a Router model: the documents' part counts where there can be only one value.

    A part has the facts that its files have as a model of their own, so that it has that model's fingerprint.
    """
    routes = {role: places(folder, role) for role in ROLES}
    parts = {role: _facts(folder, route, _hash_files(route_weights(route))) for role, route in routes.items()}
    query, document = parts["query"], parts["document"]
    if query.dimension != document.dimension:
        raise ModelError(
            f"{folder} is a Router model whose parts do not fit together: queries become vectors of "
            f"{query.dimension} dimensions, documents of {document.dimension}."
        )
    return replace(
        document,
        pooling=ROUTER,
        tokenizer_sha256=sha256_json([parts[role].tokenizer_sha256 for role in ROLES]),
        weights_sha256=weights_hash(folder),
        architecture={role: _part_architecture(parts[role]) for role in ROLES},
        parts=parts,
    )


def _part_architecture(part: FolderFacts) -> dict[str, Any]:
    """What makes the vectors of one part, beside the values that the whole model has as well."""
    rules = {"pooling": part.pooling, "max_length": part.max_length, "lowercase": part.lowercase}
    return {**part.architecture, **rules, "tokenizer": part.tokenizer_sha256}


def static_folder(folder: Path) -> Path | None:
    """The folder of a static model's table and tokenizer; None for a model of another kind."""
    if is_router(folder):
        return None
    found = places(folder)
    return found.backbone if found.static else None


def assumed_pooling(found: Places, config: Mapping[str, Any]) -> tuple[str, str] | None:
    """The pooling of a folder without a pooling configuration, and a sentence that says so; None for other folders."""
    if found.modules:
        return None
    if str((config.get("architectures") or [""])[0]).endswith("ForCausalLM") and config.get("is_causal", True):
        chosen, why = "lasttoken", "as for language models"
    else:
        named = (
            _name(found.base or found.folder),
            str(config.get("_name_or_path") or "").rstrip("/").rpartition("/")[2],
        )
        family = find_family(named, str(config.get("model_type") or ""))
        chosen = family.pooling if family else "mean"
        why = f"as for the {family.family} models" if family else "the most usual one"
    return chosen, (
        f"{found.folder} has no pooling configuration. Semtune assumes {chosen} pooling, {why}. If that is wrong, add "
        "the modules.json and 1_Pooling/config.json that belong to the model."
    )


def weights_hash(folder: Path) -> str:
    """SHA-256 over all weight files of a folder and its module folders; empty where there are none."""
    return _hash_files(weights_files(folder))


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


def _architecture(modules: Sequence[Module], config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that make the same weights compute different vectors: the backbone's, and the heads' activations."""
    heads = [module.settings().get("activation_function", "") for module in modules if module.kind == "Dense"]
    return {"backbone": {key: config[key] for key in COMPUTING_KEYS if key in config}, "dense": heads}


def _modules(found: Places, config: dict[str, Any], prompts: Mapping[str, str]) -> tuple[str, int, bool]:
    """Return pooling, dimension and whether a Normalize module ends the pipeline."""
    pooling, dimension, normalize = "mean", int(config.get("hidden_size") or config.get("dim") or 0), False
    for module in found.modules:
        if module.kind == "Pooling":
            settings = _pooling_settings(module)
            pooling = _pooling(settings, prompts)
            width = int(settings.get("embedding_dimension") or settings.get("word_embedding_dimension") or dimension)
            dimension = width * (pooling.count("+") + 1)
        elif module.kind == "Dense":
            dimension = int(module.settings()["out_features"])
        elif module.kind == "Normalize":
            normalize = True
        elif module.kind == "StaticEmbedding":
            pooling, dimension = STATIC, _static_dimension(module.folder)
        elif module.kind not in {"Transformer", "Dropout", "LayerNorm"}:
            raise ModelError(
                f"{found.folder} has a {module.kind} module, which Semtune cannot serve. "
                "It can serve Transformer, StaticEmbedding, Router, Pooling, Dense, LayerNorm and Normalize."
            )
    return pooling, dimension, normalize


def _pooling_settings(module: Module) -> dict[str, Any]:
    settings = module.settings()
    if not settings:
        raise ModelError(
            f"{module.folder / 'config.json'} is missing: modules.json names it, and it says how a vector is made of "
            "a text's tokens. Copy the model folder again, with its subfolders."
        )
    return settings


def _static_dimension(folder: Path) -> int:
    for path in folder.glob("*.safetensors"):
        shapes = tensor_shapes(path)
        found = shapes.get("embedding.weight") or shapes.get("embeddings")
        if found:
            return found[1]
    raise ModelError(f"{folder} has no table of token vectors (model.safetensors with 'embedding.weight').")


def _static_length(folder: Path) -> tuple[int, bool]:
    """Length limit and lower-casing of a static model, which reads whole texts unless its tokenizer cuts them."""
    truncation = optional_json(folder / "tokenizer.json").get("truncation") or {}
    return min(int(truncation.get("max_length", NO_LIMIT)), NO_LIMIT), False


def _pooling(settings: Mapping[str, Any], prompts: Mapping[str, str]) -> str:
    mode = settings.get("pooling_mode")
    if mode:
        name = mode if isinstance(mode, str) else "+".join(mode)
    else:
        name = "+".join(name for switch, name in POOLING_SWITCHES.items() if settings.get(switch)) or "mean"
    bare = not settings.get("include_prompt", True) and any(prompts.get(role) for role in ROLES)
    return name + WITHOUT_PROMPT if bare else name


def _length(found: Places, config: Mapping[str, Any]) -> tuple[int, bool]:
    """Return the length limit in tokens and whether inputs are lower-cased."""
    order = [found.settings, found.backbone] if found.base else [found.backbone]
    settings = next(filter(None, (optional_json(place / "sentence_bert_config.json") for place in order)), {})
    tokenizer = optional_json(found.tokenizer / "tokenizer_config.json")
    limits = [settings.get("max_seq_length"), tokenizer.get("model_max_length"), position_limit(config)]
    return min(int(limit) for limit in limits if limit and limit < UNSET_LENGTH), bool(settings.get("do_lower_case"))


def position_limit(config: Mapping[str, Any]) -> int:
    """Tokens that a backbone has positions for; 512 if its config.json does not say."""
    positions = int(config.get("max_position_embeddings") or 512)
    if config.get("model_type") in {"roberta", "xlm-roberta", "camembert", "mpnet"}:
        positions -= 2  # these families start counting positions after the padding id
    return positions
