"""Results that stay: what was measured with the same model, data and settings is not measured again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from semtune.dataset import Dataset
from semtune.io import read_json, sha256_json, write_json


class ResultCache:
    """A folder of small JSON files, each named by the hash of all that its content depends on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, kind: str, key: Any, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What is kept under the key, or else made now and kept."""
        path = self._folder / f"{kind}-{sha256_json(key)[:20]}.json"
        if not path.exists():
            write_json(path, make())
        return read_json(path)


def data_hash(dataset: Dataset) -> str:
    """Hash of all that a choice reads of a data set: not the test split, and not the report, which has times in it."""
    parts: dict[str, Any] = asdict(dataset) | {"report": None, "review": None, "documents": None}
    for name in ("qrels", "pairs", "scored", "labelled_pairs", "labelled_texts", "parallel"):
        parts[name] = {split: rows for split, rows in parts[name].items() if split != "test"}
    return sha256_json(parts)
