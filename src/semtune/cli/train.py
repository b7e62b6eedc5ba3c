"""`semtune train`: a data set and a backbone in, a tuned model out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, SEED, TRAIN, Console

if TYPE_CHECKING:
    from semtune.progress import Progress
    from semtune.step import ModelRef
    from semtune.train.settings import TrainSettings
    from semtune.train.step import TrainInputs, TrainResult


def train(
    dataset: Annotated[Path, typer.Argument(help="A data set, a run, or a table of pairs (CSV, TSV, JSONL).")],
    model: Annotated[str, typer.Option("--model", help="The backbone: a name, a hub id or a folder.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The model folder to write.")],
    dev: Annotated[
        Path | None, typer.Option("--dev", help="A table of pairs that chooses the best checkpoint.")
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option("--also", help="A further data set or table to train on in the same run; repeatable."),
    ] = None,
    settings: Annotated[list[str] | None, TRAIN] = None,
    seed: Annotated[int, SEED] = 13,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Fine-tune a backbone; killed, the same command continues."""
    from semtune import contract as contracts
    from semtune.cli.sources import model_ref, refuse_foreign
    from semtune.config import parse_section
    from semtune.errors import InputError
    from semtune.machine import keep_freed_memory
    from semtune.registry import need
    from semtune.train.processes import is_first, leave
    from semtune.train.step import run

    console = Console(as_json)
    need("sentence_transformers", "torch", "datasets", "accelerate")
    refuse_foreign(out, contracts.FILE, "a model that semtune made")
    chosen = parse_section("train", settings or [])
    chosen = chosen.replace(also=chosen.also | {Path(word).stem: word for word in also or []})
    base = model_ref(model)
    if out.resolve() == base.folder.resolve():
        raise InputError(f"{out} is the model to be tuned; nothing was overwritten. Give a new folder with -o.")
    work = out.parent / f".{out.name}.training"
    keep_freed_memory()
    with console.progress() as progress:
        result = run(_inputs(dataset, dev, chosen, base, out, seed, progress), work, progress)
    leave()
    if is_first():
        _keep_log(work, out)
        _show(console, result, out)


def _inputs(
    dataset: Path, dev: Path | None, chosen: TrainSettings, base: ModelRef, out: Path, seed: int, progress: Progress
) -> TrainInputs:
    """Everything is read before the training begins, so that what is missing is found first."""
    from semtune.prepare.build import for_other_steps as data_for
    from semtune.train.losses import takes_labels
    from semtune.train.step import TrainInputs

    floor = data_for.evaluation(chosen.floor.data)() if chosen.floor.data else None
    rows = data_for.training(dataset, base, seed, dev, progress, keep_labels=takes_labels(chosen.loss))()
    also = {name: data_for.training(place, base, seed, None, progress)() for name, place in chosen.also.items()}
    return TrainInputs(
        lambda: rows, chosen, base, seed, {name: lambda d=data: d for name, data in also.items()},
        (lambda: floor) if floor else None, out,
    )  # fmt: skip


def _show(console: Console, result: TrainResult, out: Path) -> None:
    made = result.trained
    if made.best is not None and made.start is not None:
        console.say(f"{out}: dev {made.plan.metric} {made.start:.4f} → {made.best:.4f}; it holds {made.kept()}")
    else:
        console.say(f"{out}: trained; there was no dev part to measure on")
    console.document(
        {
            "path": str(out),
            "plan": made.plan.as_dict(),
            "metric": made.plan.metric,
            "start": made.start,
            "best": made.best,
            **made.doctor_json(),
            "fingerprint": made.contract.fingerprint,
        }
    )


def _keep_log(work: Path, out: Path) -> None:
    """Move the log, the doctor's findings and the curve into the model folder."""
    import shutil

    from semtune.train.step import CURVE, FINDINGS, LOG

    (out / "training").mkdir(exist_ok=True)
    for name in (LOG, FINDINGS, CURVE):
        shutil.copyfile(work / name, out / "training" / name)
    shutil.rmtree(work)
