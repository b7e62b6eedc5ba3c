"""Reads safetensors files with numpy alone, because serving needs neither torch nor the safetensors package.

The format: eight bytes with the header's size (little-endian), a JSON header of name → dtype, shape and offsets,
then the numbers (https://github.com/huggingface/safetensors).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semtune.errors import ModelError

KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "U8": "|u1", "I8": "|i1"}


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name → shape of all tensors in a file; only the header is read.

    Raises:
        ModelError: it is not a safetensors file.
    """
    return {name: tuple(entry["shape"]) for name, entry in _header(path)[0].items()}


def read_tensor(path: Path, name: str) -> NDArray[Any]:
    """One tensor, memory-mapped; except bf16, which numpy does not have and which is converted to fp32.

    Raises:
        ModelError: it is not a safetensors file, it is truncated, or it has no such tensor.
    """
    header, start = _header(path)
    if name not in header:
        raise ModelError(f"{path} has no tensor {name!r}; it has {', '.join(sorted(header)) or 'none'}.")
    entry = header[name]
    if entry["dtype"] not in KINDS:
        raise ModelError(f"{path}: {name!r} has the type {entry['dtype']}; Semtune reads {', '.join(KINDS)}.")
    place = start + int(entry["data_offsets"][0])
    try:
        values = np.memmap(path, np.dtype(KINDS[entry["dtype"]]), "r", place, tuple(entry["shape"]))
    except ValueError:
        raise ModelError(f"{path} is truncated: it ends before the tensor {name!r} does. Copy it again.") from None
    return (values.astype(np.uint32) << 16).view(np.float32) if entry["dtype"] == "BF16" else values


def _header(path: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """The header, and the offset at which the numbers start."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 0 < size <= path.stat().st_size - 8:
            raise ModelError(f"{path} is not a safetensors file, or it is truncated.")
        try:
            header = json.loads(file.read(size))
        except ValueError:
            raise ModelError(f"{path} is not a safetensors file.") from None
    header.pop("__metadata__", None)
    return header, 8 + size
