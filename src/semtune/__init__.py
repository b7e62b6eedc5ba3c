"""Semtune: from a folder of text to a tuned, proven, served semantic search, on an ordinary CPU.

Everything named in `__all__` is imported when it is first used, so that `import semtune` costs nothing.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, cast

# No telemetry, which has to be said before either runtime is imported: onnxruntime reports models and machines to
# Microsoft, and `import openvino` reports itself to Google Analytics unless its package for that cannot be imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.modules.setdefault("openvino_telemetry", cast(Any, None))

__version__ = "0.1.0"

_HOME = {
    "ConfigError": "semtune.errors",
    "Contract": "semtune.contract",
    "ContractError": "semtune.errors",
    "DuplicatesSettings": "semtune.tasks.duplicates.settings",
    "EncodeSettings": "semtune.bulk.settings",
    "EvaluateSettings": "semtune.evaluate.settings",
    "ExportSettings": "semtune.export.settings",
    "GateError": "semtune.errors",
    "IndexSettings": "semtune.index.settings",
    "InputError": "semtune.errors",
    "LabelSettings": "semtune.label.settings",
    "LearnSettings": "semtune.tasks.recommend.settings",
    "MissingExtraError": "semtune.errors",
    "ModelError": "semtune.errors",
    "PrepareSettings": "semtune.prepare.settings",
    "RecommendSettings": "semtune.tasks.recommend.settings",
    "RunConfig": "semtune.config",
    "RunLockedError": "semtune.errors",
    "SearchSettings": "semtune.search.settings",
    "SearchOptions": "semtune.search.options",
    "Searcher": "semtune.search.searcher",
    "SelectSettings": "semtune.select.settings",
    "SemtuneError": "semtune.errors",
    "StorageError": "semtune.errors",
    "ClassifySettings": "semtune.tasks.classify.settings",
    "TopicsSettings": "semtune.tasks.topics.settings",
    "TrainSettings": "semtune.train.settings",
    "add": "semtune.api",
    "classify": "semtune.api",
    "compact": "semtune.api",
    "compare": "semtune.api",
    "context": "semtune.api",
    "delete": "semtune.api",
    "distil": "semtune.api",
    "drift": "semtune.api",
    "dump": "semtune.api",
    "duplicates": "semtune.api",
    "encode": "semtune.api",
    "encode_file": "semtune.api",
    "evaluate": "semtune.api",
    "export": "semtune.api",
    "get": "semtune.api",
    "index": "semtune.api",
    "label": "semtune.api",
    "learn_recommender": "semtune.api",
    "load_dataset": "semtune.api",
    "load_encoder": "semtune.api",
    "migrate": "semtune.api",
    "prepare": "semtune.api",
    "recommend": "semtune.api",
    "rollback": "semtune.api",
    "run": "semtune.api",
    "select": "semtune.api",
    "sync": "semtune.api",
    "topics": "semtune.api",
    "train": "semtune.api",
    "upgrade": "semtune.api",
    "verify": "semtune.api",
}

__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'semtune' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
