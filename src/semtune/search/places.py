"""Where the index of a folder or a run is, and the model that it was made with."""

from __future__ import annotations

from pathlib import Path

from semtune.errors import InputError
from semtune.index import manifest as manifests
from semtune.index import versions
from semtune.index.manifest import IndexManifest

RUN_INDEX = "index"


def index_folder(path: Path) -> Path:
    """The index folder at a path: the path itself, or the index of a run.

    Raises:
        InputError: there is no index.
    """
    if not path.is_dir():
        raise InputError(
            f"There is no folder {path.resolve()}. Give an index made by `semtune index`, or a run folder."
        )
    if (path / RUN_INDEX / manifests.FILE).is_file():
        return path / RUN_INDEX
    if (path / "config.yaml").exists() and not (path / "documents.jsonl").exists():
        raise InputError(f"The run {path} has no index yet. Continue it with `semtune run {path / 'config.yaml'}`.")
    manifests.read(versions.current(path))
    return path


def has_index(path: Path) -> bool:
    """Whether a path is an index, or a run that has or will have one, and not a model."""
    if not path.is_dir():
        return False
    return (path / manifests.FILE).is_file() or (path / RUN_INDEX).is_dir() or (path / "config.yaml").exists()


def model_folder(folder: Path, manifest: IndexManifest) -> Path:
    """The folder of the model of an index."""
    return (folder / manifest.model).resolve()
