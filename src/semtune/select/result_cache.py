"""Stores results on disk, so that the same model, data and settings are not measured again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from semtune.dataset import Dataset
from semtune.io import read_json, sha256_json, write_json


class ResultCache:
    """A folder of small JSON files, each named by a hash of everything its content depends on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, kind: str, key: Any, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The stored result for the key; it is computed and stored if missing."""
        path = self._folder / f"{kind}-{sha256_json(key)[:20]}.json"
        if not path.exists():
            write_json(path, make())
        return read_json(path)


def data_hash(dataset: Dataset) -> str:
    """Hash of everything that a selection reads from a data set, so without the test split and the report."""
    parts: dict[str, Any] = asdict(dataset) | {"report": None, "review": None, "documents": None}
    for name in ("qrels", "pairs", "scored", "labelled_pairs", "labelled_texts", "parallel"):
        parts[name] = {split: rows for split, rows in parts[name].items() if split != "test"}
    return sha256_json(parts)
