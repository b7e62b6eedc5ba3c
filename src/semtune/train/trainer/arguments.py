"""The arguments of the sentence-transformers Trainer, from settings and plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.train.planning.plan import Plan
from semtune.train.processes import world
from semtune.train.settings import TrainSettings

if TYPE_CHECKING:
    from sentence_transformers.sentence_transformer.training_args import SentenceTransformerTrainingArguments

LOSS_POINTS = 60  # in the curve of a training


def trainer_arguments(
    folder: Path,
    settings: TrainSettings,
    plan: Plan,
    seed: int,
    prompts: Any,
    learning_rates: dict[str, float],
    *,
    fresh: bool,
) -> SentenceTransformerTrainingArguments:
    """Arguments of a training.

    Args:
        folder: of the checkpoints.
        settings: what the user asked for.
        plan: what was decided from it.
        seed: of everything random.
        prompts: by column, or by data set and column.
        learning_rates: parameter pattern → learning rate, where it is not the plan's.
        fresh: whether it starts from the beginning; a resumed training has the base's dev metric in its log already.
    """
    from sentence_transformers.sentence_transformer.training_args import SentenceTransformerTrainingArguments

    from semtune.train.data.sampler import batch_sampler

    accumulated = plan.gradient_accumulation_steps
    return SentenceTransformerTrainingArguments(
        **common_arguments(folder, settings, plan.bf16, seed),
        **_evaluation_arguments(plan, fresh=fresh),
        num_train_epochs=settings.num_train_epochs,
        max_steps=settings.max_steps,
        per_device_train_batch_size=plan.batch_size if accumulated == 1 else plan.mini_batch_size,
        per_device_eval_batch_size=plan.mini_batch_size or plan.batch_size,
        gradient_accumulation_steps=accumulated,
        learning_rate=plan.learning_rate,
        learning_rate_mapping=learning_rates,
        lr_scheduler_type=settings.lr_scheduler_type,
        ddp_backend=_ddp_backend(),
        batch_sampler=batch_sampler,
        prompts=prompts,
        save_steps=plan.eval_steps,
        logging_steps=max(1, plan.steps // LOSS_POINTS),
        report_to=list(settings.report_to) or "none",
    )


def common_arguments(folder: Path, settings: TrainSettings, bf16: bool, seed: int) -> dict[str, Any]:
    """What every run of the Trainer here has in common: machine, seeds, and checkpoints in `folder`."""
    import torch

    gpu = torch.cuda.is_available()
    return {
        "output_dir": str(folder), "warmup_steps": settings.warmup_steps, "weight_decay": settings.weight_decay,
        "bf16": bf16, "use_cpu": not gpu, "dataloader_pin_memory": gpu, "seed": seed, "data_seed": seed,
        "save_strategy": "steps", "save_total_limit": 2, "logging_nan_inf_filter": False, "disable_tqdm": True,
    }  # fmt: skip


def _evaluation_arguments(plan: Plan, *, fresh: bool) -> dict[str, Any]:
    if not plan.metric:
        return {"eval_strategy": "no", "eval_steps": plan.eval_steps}
    return {
        "eval_strategy": "steps", "eval_steps": plan.eval_steps, "eval_on_start": fresh,
        "load_best_model_at_end": True, "metric_for_best_model": f"eval_{plan.metric}", "greater_is_better": True,
    }  # fmt: skip


def _ddp_backend() -> str | None:
    import torch

    return "gloo" if world() > 1 and not torch.cuda.is_available() else None
