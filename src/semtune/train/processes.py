"""Training in several processes at once, as `torchrun` or `accelerate launch` start them."""

from __future__ import annotations

import os


def world() -> int:
    """How many processes train together; 1 unless a launcher said otherwise."""
    return max(1, int(os.environ.get("WORLD_SIZE", "1") or 1))


def is_first() -> bool:
    """Whether this is the process that reports and writes."""
    return int(os.environ.get("RANK", "0") or 0) == 0


def meet() -> None:
    """Wait until every process is here; alone, nothing happens.

    On processors they speak over gloo, on GPUs over NCCL.
    """
    if world() == 1:
        return
    import torch
    from accelerate import PartialState

    PartialState(cpu=not torch.cuda.is_available()).wait_for_everyone()


def leave() -> None:
    """Take leave of the other processes, so that none waits for one that has gone."""
    import torch.distributed as together

    if world() > 1 and together.is_initialized():
        together.destroy_process_group()
