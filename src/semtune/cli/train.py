"""`semtune train`: a data set and a backbone in, a tuned model out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, SEED, TRAIN, Console

if TYPE_CHECKING:
    from semtune.train.train_model import Trained


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
    from semtune import api
    from semtune.config import parse_section
    from semtune.train.processes import is_first

    console = Console(as_json)
    chosen = parse_section("train", settings or [])
    chosen = chosen.replace(also=chosen.also | {Path(word).stem: word for word in also or []})
    with console.progress() as progress:
        made = api.train(dataset, model, out, dev=dev, settings=chosen, seed=seed, progress=progress)
    if is_first():
        _show(console, made, out)


def _show(console: Console, made: Trained, out: Path) -> None:
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
