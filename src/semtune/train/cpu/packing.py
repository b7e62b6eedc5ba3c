"""Batches without padding on processors.

sentence-transformers can pack a batch: texts lie end to end, without padding, for a flash attention that takes their
boundaries. torch has none on a CPU. Ours pads texts of similar length together, for the attention alone; everything
else, nine tenths of the work, is done on tokens only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BOUNDARIES = "cu_seq_lens_q"  # transformers' name of (texts + 1,) where each text begins and the last one ends
BOUNDARY_KEYS = frozenset({"cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k", "seq_idx"})
SHORT_TEXT = 32  # tokens; texts up to this length form one group: padding them costs less than another call
SIMILAR_LENGTH = 0.7  # of the longest text of a group: the shortest that joins it
PACKING_TOLERANCE = 1e-4
SAMPLE_TEXTS = ("one", "a text of some more words than the other one has", "two words")


@lru_cache(maxsize=8)
def length_groups(ends: tuple[int, ...]) -> list[tuple[torch.Tensor, torch.Tensor | None]]:
    """Groups of texts of similar length: the (texts, longest) positions of their tokens, and which of them are tokens.

    Args:
        ends: where each text begins, and where the last one ends.

    Returns:
        For each group, positions (those past a text's end point at its last token), and a mask of real tokens; the
        mask is None where all texts are equally long.
    """
    begins = torch.tensor(ends[:-1])
    lengths = torch.tensor(ends[1:]) - begins
    made: list[tuple[torch.Tensor, torch.Tensor | None]] = []
    for rows in _rows_by_length(lengths.tolist()):
        size, begin = lengths[rows].unsqueeze(1), begins[rows].unsqueeze(1)
        column = torch.arange(int(size.max())).unsqueeze(0)
        real = column < size
        made.append((begin + torch.minimum(column, size - 1), None if bool(real.all()) else real))
    return made


def _rows_by_length(lengths: Sequence[int]) -> list[list[int]]:
    """Rows of similar length together, the longest first; empty texts are left out."""
    made: list[list[int]] = []
    longest = 0
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if not lengths[row]:
            continue
        if not made or (longest > SHORT_TEXT and lengths[row] < SIMILAR_LENGTH * longest):
            made.append([])
            longest = lengths[row]
        made[-1].append(row)
    return made


@contextmanager
def packed(model: SentenceTransformer) -> Iterator[bool]:
    """Let `model` read packed batches while the block runs; yields whether it does.

    Its attention must be `transformers_attention`. A model that gives other vectors for packed texts stays as it is.
    """
    module: Any = model[0]
    try:
        before = _enable(module)
    except (AttributeError, ImportError):  # not a transformer, or a version of the library with other names
        yield False
        return
    worked = _gives_same_vectors(model, module)
    if not worked:
        _disable(module, before)
    try:
        yield worked
    finally:
        _disable(module, before)


def _enable(module: Any) -> Any:
    """Do what `Transformer._can_flatten_inputs` does where there is a flash attention."""
    from transformers import DataCollatorWithFlattening

    before = module.model_forward_params
    if getattr(module.config, "sliding_window", None) or getattr(module.config, "local_attention", None):
        raise AttributeError  # tokens do not attend to all others of their text
    module._flatten_position_offset = module._infer_flatten_position_offset()
    module.data_collator = DataCollatorWithFlattening(
        return_seq_idx=True, return_flash_attn_kwargs=True, return_position_ids=True
    )
    if before is not None:
        module.model_forward_params = set(before) | BOUNDARY_KEYS
    module.can_flatten_inputs = True
    return before


def _disable(module: Any, before: Any) -> None:
    module.model_forward_params = before
    module.can_flatten_inputs = False


@torch.no_grad()
def _gives_same_vectors(model: SentenceTransformer, module: Any) -> bool:
    """Whether texts get the same vectors in a packed batch as in a padded one."""
    training = model.training
    model.eval()
    made = []
    try:
        for flat in (True, False):
            module.can_flatten_inputs = flat
            features = model.preprocess(list(SAMPLE_TEXTS))
            if flat and BOUNDARIES not in features:
                return False
            made.append(model(features)["sentence_embedding"].float())
    except (TypeError, ValueError, RuntimeError, KeyError, IndexError):
        return False
    finally:
        module.can_flatten_inputs = True
        model.train(training)
    return made[0].shape == made[1].shape and bool((made[0] - made[1]).abs().max() < PACKING_TOLERANCE)
