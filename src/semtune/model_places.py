"""Where the files of a model lie: in its folder, in the folder of a module or a route, or in the base of an adapter."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from semtune.errors import InputError, ModelError
from semtune.hub import ADAPTER_FILE, find_here, is_model_folder
from semtune.io import read_json
from semtune.types import Role

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "sentencepiece.bpe.model", "spiece.model", "merges.txt")
TOKENIZER_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json")
READING = "sentence_bert_config.json"
MODULE_FILES = (*WEIGHTS, "*.index.json", "config.json", READING)
ROUTERS = ("Router", "Asym")  # Asym is the name in old versions
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Module:
    """One module of a sentence-transformers pipeline: the class's name, its folder, and the text of the type."""

    kind: str
    folder: Path
    type: str

    def settings(self) -> dict[str, Any]:
        """Its `config.json`; empty without one, and for the module in the model's own folder."""
        return optional_json(self.folder / "config.json")


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of a model's files.

    Attributes:
        folder: the model folder itself.
        settings: of `modules.json` and `config_sentence_transformers.json`.
        backbone: of `config.json` and the weights, or of a static model's table.
        tokenizer: of the tokenizer's files.
        modules: of the pipeline, in order; empty for a plain transformers folder.
        base: of an adapter; None for other models.
    """

    folder: Path
    settings: Path
    backbone: Path
    tokenizer: Path
    modules: tuple[Module, ...]
    base: Path | None = None

    @property
    def static(self) -> bool:
        """Whether texts are embedded by a table of token vectors."""
        return bool(self.modules) and self.modules[0].kind == "StaticEmbedding"

    def small_file(self, name: str) -> Path | None:
        """A settings or tokenizer file by name; None if the model has none."""
        order = [self.settings, self.tokenizer, self.backbone]
        if name.startswith("tokenizer") or name == "special_tokens_map.json":
            order = [self.tokenizer, self.backbone, self.settings]
        elif name == "config.json":  # in old versions the model's own folder has another file of that name
            order = [self.backbone]
        return next((place / name for place in order if (place / name).is_file()), None)


def places(folder: Path, role: Role = "document") -> Places:
    """Find the files of a model folder; of a Router model, those of one role.

    Raises:
        ModelError: the base of an adapter is not on this machine, or a Router has no part for the role.
    """
    base, modules = adapter_base(folder), _modules(folder)
    if base is not None:
        return _adapted(folder, base, modules)
    if modules and modules[0].kind in ROUTERS:
        modules = [*_route(folder, modules[0].folder, role), *modules[1:]]
    backbone = modules[0].folder if modules else folder
    return Places(folder, folder, backbone, _with_tokenizer(backbone, folder), tuple(modules))


def is_router(folder: Path) -> bool:
    """Whether a folder holds a Router model, which reads queries and documents with a part each."""
    modules = _modules(folder)
    return bool(modules) and modules[0].kind in ROUTERS


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter (LoRA) for another model, not a whole model."""
    weights = any((folder / name).is_file() for name in ADAPTER_WEIGHTS)
    return (folder / ADAPTER_FILE).is_file() and (weights or not (folder / "config.json").is_file())


def adapter_base(folder: Path) -> Path | None:
    """The folder of the model that an adapter (LoRA) was trained on; None if the folder holds no adapter.

    Raises:
        ModelError: the base is not on this machine.
    """
    if not is_adapter(folder):
        return None
    named = str(optional_json(folder / ADAPTER_FILE).get("base_model_name_or_path") or "")
    for place in (Path(named).expanduser(), folder / named) if named else ():
        if place.is_dir() and place.resolve() != folder.resolve() and is_model_folder(place):
            return _no_adapter(place, folder)
    if found := find_here(named) if named and not named.startswith((".", "/", "~")) else None:
        return _no_adapter(found, folder)
    raise ModelError(
        f"{folder} holds an adapter (LoRA) for the base model {named or 'that it does not name'!r}, and that model is "
        f"not on this machine. Download the base first, or write its folder into base_model_name_or_path in "
        f"{folder / ADAPTER_FILE}."
    )


def weights_files(folder: Path) -> list[Path]:
    """The weight files of a folder, its modules' folders and an adapter's base, sorted."""
    within = {path for pattern in WEIGHTS for path in [*folder.glob(pattern), *folder.glob(f"[0-9]*_*/{pattern}")]}
    if is_router(folder):
        within |= {path for pattern in WEIGHTS for path in folder.rglob(pattern)}
    if base := adapter_base(folder):
        within |= {*(folder / name for name in ADAPTER_WEIGHTS if (folder / name).is_file()), *weights_files(base)}
    return sorted(within)


def route_weights(route: Places) -> list[Path]:
    """The weight files of a Router's part, in the order of `weights_files` for the part as a model of its own."""
    folders = [*(module.folder for module in route.modules[1:]), route.backbone]
    return [path for folder in folders for path in sorted(one for pattern in WEIGHTS for one in folder.glob(pattern))]


def keep_files(source: Places, target: Places) -> None:
    """Replace weights, tokenizer and settings of a model that was saved anew by the files that it was opened from.

    The library saves the same weights in other words; with the files they came from, hashes and fingerprint stay.

    Args:
        source: the model that was opened; an adapter is left as it was saved, merged.
        target: the same modules, saved.
    """
    if source.base is not None:
        return
    pairs = [(source.backbone, target.backbone)]
    pairs += [(one.folder, other.folder) for one, other in zip(source.modules[1:], target.modules[1:], strict=False)]
    for theirs, ours in pairs:
        _replace_files(theirs, ours, MODULE_FILES)
    keep_tokenizer(source, target)


def keep_tokenizer(source: Places, target: Places) -> None:
    """Give a saved model the tokenizer files of the model that it reads like; the library loses some settings of them.

    What it loses is the lower case of models whose tokenizer has capitals.
    """
    if any((source.tokenizer / name).is_file() for name in TOKENIZER_FILES):
        _replace_files(source.tokenizer, target.tokenizer, (*TOKENIZER_FILES, *TOKENIZER_SETTINGS))
    if (settings := source.small_file(READING)) is not None:
        shutil.copyfile(settings, target.backbone / READING)


def _replace_files(source: Path, target: Path, patterns: Sequence[str]) -> None:
    for pattern in patterns:
        for old in target.glob(pattern):
            old.unlink()
        for file in source.glob(pattern):
            shutil.copyfile(file, target / file.name)


def optional_json(path: Path) -> Any:
    """The values of a JSON file; empty if there is none.

    Raises:
        ModelError: it is not JSON.
    """
    try:
        return read_json(path) if path.exists() else {}
    except InputError as error:
        raise ModelError(str(error)) from None


def _modules(folder: Path) -> list[Module]:
    return [
        _module(folder, each["type"], each.get("path", "")) for each in optional_json(folder / "modules.json") or []
    ]


def _module(folder: Path, kind: str, path: str) -> Module:
    return Module(kind.rsplit(".", 1)[-1], folder / path if path else folder, kind)


def _with_tokenizer(*order: Path) -> Path:
    """The first folder with a tokenizer.json, or else with another tokenizer's files."""
    fast = (place for place in order if (place / TOKENIZER_FILES[0]).is_file())
    slow = (place for place in order if any((place / name).is_file() for name in TOKENIZER_FILES))
    return next(fast, None) or next(slow, order[0])


def _adapted(folder: Path, base: Path, modules: Sequence[Module]) -> Places:
    """The adapter's own pipeline where it has one, else that of its base."""
    below = places(base)
    own = [replace(modules[0], folder=below.backbone), *modules[1:]] if modules else below.modules
    settings = folder if modules else below.settings
    tokenizer = _with_tokenizer(folder, below.tokenizer)
    return Places(folder, settings, below.backbone, tokenizer, tuple(own), base)


def _no_adapter(base: Path, folder: Path) -> Path:
    if is_adapter(base):
        raise ModelError(
            f"{folder} is an adapter for {base}, which is itself an adapter. Merge that one first: load it with "
            "`SentenceTransformer`, merge it, and save it as a whole model."
        )
    return base


def _route(folder: Path, router: Path, role: Role) -> list[Module]:
    """The modules that a Router sends the texts of a role through."""
    config = optional_json(router / "router_config.json") or optional_json(router / "config.json")
    structure: Mapping[str, list[str]] = config.get("structure") or {}
    mapped = dict(_mappings((config.get("parameters") or {}).get("route_mappings") or {}))
    order = ((role, "text"), (role, None), (None, "text"), (None, None))
    name = next((mapped[key] for key in order if key in mapped), role)
    if name not in structure:
        raise ModelError(
            f"{folder} is a Router model without a part for the role {role!r}; its parts are "
            f"{', '.join(map(repr, structure)) or 'none'}. Semtune needs {' and '.join(map(repr, ROLES))}: rename the "
            "parts, or make one model of the part that you need."
        )
    return [_module(router, config["types"][part], part) for part in structure[name]]


def _mappings(written: Mapping[str, str]) -> Iterator[tuple[Any, str]]:
    """Router files write the pairs (task, modality) as Python's text."""
    for key, name in written.items():
        try:
            yield ast.literal_eval(key), name
        except (ValueError, SyntaxError):
            continue
