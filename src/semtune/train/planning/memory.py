"""How much memory a training step takes, estimated before the first one runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from semtune.errors import ModelError
from semtune.io import read_json
from semtune.machine import free_memory, usable_memory
from semtune.model_places import places, weights_files

USABLE_SHARE = 0.7  # of the memory this process may use; the rest is for data, the system and errors of the estimate
FREE_SHARE = 0.9  # of the memory that is free now: a process that asks for more is killed, and mini-batches cost little
BYTES_PER_PARAMETER = 16  # weight, gradient and AdamW's two moments in fp32
PROCESS_BYTES = 1_200_000_000  # torch, transformers and the data of a medium-sized run
SMALLEST_MINI_BATCH = 2


@dataclass(frozen=True, slots=True)
class ModelSizes:
    """The sizes of a transformer that memory depends on."""

    parameters: int
    layers: int
    hidden: int
    heads: int

    @classmethod
    def read(cls, folder: Path) -> ModelSizes:
        """Read `config.json` and the size of the weight files. A model without layers (a static one) gets zeros.

        Raises:
            ModelError: the config is not a JSON object.
        """
        inner = places(folder).backbone
        config = read_json(inner / "config.json") if (inner / "config.json").exists() else {}
        if not isinstance(config, dict):
            raise ModelError(f"{inner / 'config.json'} is not a model config: a JSON object is expected.")

        def first(*names: str) -> int:
            return next((int(config[name]) for name in names if isinstance(config.get(name), int)), 0)

        weights = sum(path.stat().st_size for path in {*folder.rglob("*.safetensors"), *weights_files(folder)}) // 4
        return cls(
            parameters=weights,
            layers=first("num_hidden_layers", "n_layers", "num_layers"),
            hidden=first("hidden_size", "dim", "d_model"),
            heads=first("num_attention_heads", "n_heads", "num_heads"),
        )


def step_bytes(sizes: ModelSizes, texts: int, length: int, bf16: bool) -> int:
    """Peak memory of one step.

    Activations of a layer: 34 n h + 5 a n² bytes in 16 bits for a text of n tokens (Korthikanti et al. 2022), twice
    that in fp32, and about 1.5 times under autocast, where norms and softmax stay in fp32.

    Args:
        sizes: of the model.
        texts: in memory at the same time: rows of the mini-batch times columns.
        length: of the longest text, in tokens.
        bf16: whether autocast is on.
    """
    layer = 34 * length * sizes.hidden + 5 * sizes.heads * length * length
    activations = round(texts * sizes.layers * layer * (1.5 if bf16 else 2))
    return PROCESS_BYTES + BYTES_PER_PARAMETER * sizes.parameters + activations


def fitting_rows(sizes: ModelSizes, rows: int, columns: int, length: int, bf16: bool, room: float | None = None) -> int:
    """The largest of rows, rows / 2, rows / 4 … that fits into memory, but at least `SMALLEST_MINI_BATCH`.

    Args:
        sizes: of the model.
        rows: wanted.
        columns: texts per row.
        length: of the longest text, in tokens.
        bf16: whether autocast is on.
        room: bytes available; None: what is free on this machine now, capped at `USABLE_SHARE` of what may be used.
    """
    if room is None:
        room = min(USABLE_SHARE * usable_memory(), FREE_SHARE * free_memory())
    size = rows
    while room and size > SMALLEST_MINI_BATCH and step_bytes(sizes, size * columns, length, bf16) > room:
        size = max(SMALLEST_MINI_BATCH, size // 2)
    return size
