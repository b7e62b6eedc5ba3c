"""Training that runs out of memory goes on from its last checkpoint with smaller mini-batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from semtune.progress import Progress
from semtune.train.losses.catalogue import cached_variant, compares_rows
from semtune.train.planning.plan import Plan

T = TypeVar("T")
_MESSAGES = ("not enough memory", "out of memory", "can't allocate", "cannot allocate", "std::bad_alloc")


def train_within_memory(run: Callable[[Plan], T], plan: Plan, progress: Progress) -> tuple[Plan, T]:
    """Run a plan; where memory runs out, run it again with a mini-batch of half the size.

    Args:
        run: trains by a plan, from the newest checkpoint.
        plan: the first to try.
        progress: where to say it.

    Returns:
        The plan that fitted into memory, and what `run` gave for it.

    Raises:
        TrainingError: not even the smallest mini-batch fits.
    """
    from semtune.errors import TrainingError

    while True:
        try:
            return plan, run(plan)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            smaller = halve_mini_batch(plan)
            if smaller is None:
                raise TrainingError(
                    f"There is not enough memory for {plan.mini_batch_size} rows at a time with {plan.loss}. Lower "
                    "train.max_length or train.per_device_train_batch_size, or choose a smaller model."
                ) from error
            plan = smaller
        progress.say(f"out of memory: {plan.reasons[-1]}")
        _free_memory()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that there was no memory left, on a processor or a GPU."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).casefold()
    return isinstance(error, RuntimeError) and any(part in text for part in _MESSAGES)


def halve_mini_batch(plan: Plan) -> Plan | None:
    """The same plan with half the mini-batch; None if that would change the result.

    Losses with a cached variant compute the same gradient from mini-batches; losses that do not compare rows
    accumulate batches.
    """
    mini = plan.mini_batch_size // 2
    if mini < 1:
        return None
    loss, accumulated = plan.loss, plan.gradient_accumulation_steps
    if cached := cached_variant(loss):
        loss = cached
        reason = f"mini-batch: memory ran out; {loss} goes on with {mini} rows at a time, the same gradient"
    elif compares_rows(loss) or plan.mini_batch_size % 2:
        return None
    else:
        accumulated *= 2
        reason = f"mini-batch: memory ran out; {accumulated} batches of {mini} rows now make one step"
    return replace(
        plan,
        loss=loss,
        mini_batch_size=mini,
        gradient_accumulation_steps=accumulated,
        memory_mb=plan.memory_mb // 2,
        reasons=(*plan.reasons, reason),
    )


def _free_memory() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
