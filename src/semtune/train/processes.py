"""Training in several processes at once, as `torchrun` or `accelerate launch` start them."""

from __future__ import annotations

import os


def world() -> int:
    """Number of processes that train together; 1 without a launcher."""
    return max(1, int(os.environ.get("WORLD_SIZE", "1") or 1))


def is_first() -> bool:
    """Whether this is the process that reports and writes."""
    return int(os.environ.get("RANK", "0") or 0) == 0


def wait_for_all() -> None:
    """Wait until every process is here; one process alone does not wait.

    On processors they communicate over gloo, on GPUs over NCCL.
    """
    if world() == 1:
        return
    import torch
    from accelerate import PartialState

    PartialState(cpu=not torch.cuda.is_available()).wait_for_everyone()


def leave() -> None:
    """Leave the group of processes, so that no other one waits for this one."""
    import torch.distributed as together

    if world() > 1 and together.is_initialized():
        together.destroy_process_group()
