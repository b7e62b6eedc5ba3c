"""Batches without padding on processors.

sentence-transformers can lay the texts of a batch end to end, without padding, for a flash attention that takes
their boundaries; torch has none on a CPU. This one pads texts of like length together for the attention alone:
all else, nine tenths of the work, is done on tokens only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BOUNDARIES = "cu_seq_lens_q"  # transformers' name: (texts + 1,) where each text begins, and where the last one ends
BOUNDARY_KEYS = frozenset({"cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k", "seq_idx"})
SHORT = 32  # texts up to this many tokens are attended together: what padding costs there is less than another call
LIKE = 0.7  # of the longest of a group: the shortest that joins it
TOLERANCE = 1e-4
PROBE = ("one", "a text of some more words than the other one has", "two words")


@lru_cache(maxsize=8)
def groups(ends: tuple[int, ...]) -> list[tuple[torch.Tensor, torch.Tensor | None]]:
    """Texts of like length: for each group the (texts, longest) positions of its tokens, and which of them are tokens.

    Args:
        ends: where each text begins, and where the last one ends.

    Returns:
        Positions past a text's end point at its last token; the second is None where all texts are equally long.
    """
    begins = torch.tensor(ends[:-1])
    lengths = torch.tensor(ends[1:]) - begins
    made: list[tuple[torch.Tensor, torch.Tensor | None]] = []
    for rows in _like(lengths.tolist()):
        size, begin = lengths[rows].unsqueeze(1), begins[rows].unsqueeze(1)
        column = torch.arange(int(size.max())).unsqueeze(0)
        real = column < size
        made.append((begin + torch.minimum(column, size - 1), None if bool(real.all()) else real))
    return made


def _like(lengths: Sequence[int]) -> list[list[int]]:
    made: list[list[int]] = []
    longest = 0
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if not lengths[row]:
            continue
        if not made or (longest > SHORT and lengths[row] < LIKE * longest):
            made.append([])
            longest = lengths[row]
        made[-1].append(row)
    return made


@contextmanager
def packed(model: SentenceTransformer) -> Iterator[bool]:
    """Let `model` read its batches without padding while the block runs; yields whether it does.

    It must attend by `attention.NAME`. A model that gives other vectors for texts laid end to end is left as it is.
    """
    module: Any = model[0]
    try:
        before = _open(module)
    except (AttributeError, ImportError):  # no transformer, or a library that keeps this under other names
        yield False
        return
    worked = _same(model, module)
    if not worked:
        _close(module, before)
    try:
        yield worked
    finally:
        _close(module, before)


def _open(module: Any) -> Any:
    """Do what `Transformer._can_flatten_inputs` does where there is a flash attention."""
    from transformers import DataCollatorWithFlattening

    before = module.model_forward_params
    if getattr(module.config, "sliding_window", None) or getattr(module.config, "local_attention", None):
        raise AttributeError  # not every pair of a text's tokens attends
    module._flatten_position_offset = module._infer_flatten_position_offset()
    module.data_collator = DataCollatorWithFlattening(
        return_seq_idx=True, return_flash_attn_kwargs=True, return_position_ids=True
    )
    if before is not None:
        module.model_forward_params = set(before) | BOUNDARY_KEYS
    module.can_flatten_inputs = True
    return before


def _close(module: Any, before: Any) -> None:
    module.model_forward_params = before
    module.can_flatten_inputs = False


@torch.no_grad()
def _same(model: SentenceTransformer, module: Any) -> bool:
    """Whether texts laid end to end get the vectors they get in a padded batch."""
    training = model.training
    model.eval()
    made = []
    try:
        for flat in (True, False):
            module.can_flatten_inputs = flat
            features = model.preprocess(list(PROBE))
            if flat and BOUNDARIES not in features:
                return False
            made.append(model(features)["sentence_embedding"].float())
    except (TypeError, ValueError, RuntimeError, KeyError, IndexError):
        return False
    finally:
        module.can_flatten_inputs = True
        model.train(training)
    return made[0].shape == made[1].shape and bool((made[0] - made[1]).abs().max() < TOLERANCE)
