"""What a training step takes of memory, estimated before it is tried, and the way out when it was too much."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from semtune.errors import ModelError
from semtune.io import read_json
from semtune.machine import free_memory, usable_memory

SHARE = 0.7  # of the memory we may use; the rest is for the data, the system and what the estimate leaves out
FREE_SHARE = 0.9  # of what of it is free now: a process that asks for more is killed, and mini-batches cost little
STATES = 16  # bytes a parameter: weight, gradient and AdamW's two moments in fp32
PROCESS = 1_200_000_000  # bytes: torch, transformers and the data of a middling run
SMALLEST = 2  # rows of a mini-batch
_NO_MEMORY = ("not enough memory", "out of memory", "can't allocate", "cannot allocate", "std::bad_alloc")


@dataclass(frozen=True, slots=True)
class Backbone:
    """The sizes of a transformer that memory depends on."""

    parameters: int
    layers: int
    hidden: int
    heads: int

    @classmethod
    def read(cls, folder: Path) -> Backbone:
        """Sizes from `config.json` and the weights' file; those of a model without layers are zero.

        Raises:
            ModelError: the config is no JSON object.
        """
        inner = next((p for p in (folder, folder / "0_Transformer") if (p / "config.json").exists()), folder)
        config = read_json(inner / "config.json") if (inner / "config.json").exists() else {}
        if not isinstance(config, dict):
            raise ModelError(f"{inner / 'config.json'} is no model's config.")

        def first(*names: str) -> int:
            return next((int(config[name]) for name in names if isinstance(config.get(name), int)), 0)

        weights = sum(path.stat().st_size for path in folder.rglob("*.safetensors")) // 4
        return cls(
            parameters=weights,
            layers=first("num_hidden_layers", "n_layers", "num_layers"),
            hidden=first("hidden_size", "dim", "d_model"),
            heads=first("num_attention_heads", "n_heads", "num_heads"),
        )


def step_bytes(backbone: Backbone, texts: int, length: int, bf16: bool) -> int:
    """Memory at a step's peak.

    Activations of a layer: 34 n h + 5 a n² bytes in 16 bits for a text of n tokens (Korthikanti et al. 2022), twice
    that in fp32; under autocast about 1.5 times, since norms and softmax stay in fp32.

    Args:
        backbone: its sizes.
        texts: that are in memory together: rows of the mini-batch times columns.
        length: of the longest of them, in tokens.
        bf16: whether autocast is on.
    """
    layer = 34 * length * backbone.hidden + 5 * backbone.heads * length * length
    activations = round(texts * backbone.layers * layer * (1.5 if bf16 else 2))
    return PROCESS + STATES * backbone.parameters + activations


def fitting_rows(
    backbone: Backbone, rows: int, columns: int, length: int, bf16: bool, room: float | None = None
) -> int:
    """The largest of rows, rows / 2, rows / 4 … that fits into the memory; `SMALLEST` if none does.

    Args:
        backbone: its sizes.
        rows: wanted.
        columns: texts of a row.
        length: of the longest text, in tokens.
        bf16: whether autocast is on.
        room: bytes that may be used; None: what this machine has free, and not more than `SHARE` of all it has.
    """
    if room is None:
        room = min(SHARE * usable_memory(), FREE_SHARE * free_memory())
    size = rows
    while room and size > SMALLEST and step_bytes(backbone, size * columns, length, bf16) > room:
        size = max(SMALLEST, size // 2)
    return size


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that there was no memory left, on a processor or a GPU."""
    text = str(error).casefold()
    said = any(part in text for part in _NO_MEMORY)
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and said)
