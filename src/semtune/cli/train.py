"""`semtune train`: a data set and a backbone in, a tuned model out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, SEED, TRAIN, Console


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
    from semtune.cli.sources import refuse_foreign
    from semtune.config import parse_section
    from semtune.errors import InputError
    from semtune.hub import resolve
    from semtune.inputs import floor_set, training_set
    from semtune.machine import keep_freed_memory
    from semtune.registry import need
    from semtune.train.monitor.curve import draw_curve
    from semtune.train.processes import is_first, leave
    from semtune.train.settings import TrainSettings
    from semtune.train.train_model import train as fine_tune

    console = Console(as_json)
    need("sentence_transformers", "torch", "datasets", "accelerate")
    refuse_foreign(out, contracts.FILE, "model that semtune made")
    values = parse_section("train", settings or [])
    others: dict[str, str] = values.pop("also") | {Path(word).stem: word for word in also or []}
    floor = floor_set(**values.pop("floor"))
    chosen = TrainSettings(**values)
    base = resolve(model)
    if out.resolve() == base.resolve():
        raise InputError(f"{out} is the model to be tuned; it is left alone. Give a new folder with -o.")
    work = out.parent / f".{out.name}.training"
    keep_freed_memory()
    with console.progress() as progress:
        contract = contracts.load(base)
        rows = training_set(dataset, dev, base, contract, seed, progress, chosen.loss)
        more = {name: training_set(Path(path), None, base, contract, seed, progress) for name, path in others.items()}
        made = fine_tune(rows, base, model, out, work, chosen, seed, progress, more, floor)
    leave()
    if not is_first():
        return
    _keep_log(work, out)
    draw_curve(made.log, made.plan.metric, out / "training" / "curve.png", made.plan.steps, made.findings)
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
    import shutil

    (out / "training").mkdir(exist_ok=True)
    for name in ("log.jsonl", "doctor.json"):
        shutil.copyfile(work / name, out / "training" / name)
    shutil.rmtree(work)
