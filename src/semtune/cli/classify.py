"""`semtune classify`: texts into classes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, SEED, Console
from semtune.cli.text_options import ALLOW_UNREADABLE, COLUMN, FILE, MODEL

if TYPE_CHECKING:
    from semtune.tasks.classify.job import Classified

SHOWN = 20  # classes in the table


def classify(
    model: Annotated[str, MODEL],
    file: Annotated[Path, FILE],
    labels: Annotated[
        str,
        typer.Option("--labels", help="Classes by name: 'a,b,c', 'a=words;more words,b=...', or a file. No examples."),
    ] = "",
    examples: Annotated[str, typer.Option("--examples", help="A table with the columns text and label.")] = "",
    classifier: Annotated[str, typer.Option("--classifier", help="A classifier that --save wrote.")] = "",
    save: Annotated[str, typer.Option("--save", help="Folder for the classifier made of the examples.")] = "",
    tune: Annotated[
        bool,
        typer.Option("--tune", help="With --save: also tune the model, and keep that if held-out examples prove it."),
    ] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="A .csv or .jsonl file for the rows.")] = None,
    threshold: Annotated[
        str | None,
        typer.Option("--threshold", help="Reject what is less likely: a probability, or a promise such as p0.9."),
    ] = None,
    novel: Annotated[
        float | None,
        typer.Option("--novel", help="Reject texts unlike the examples, at the cost of this share of others: 0.05."),
    ] = None,
    min_score: Annotated[
        str | None, typer.Option("--min-score", help="With --labels: reject what is less similar than this.")
    ] = None,
    several: Annotated[
        bool, typer.Option("--several", help="With --labels and --min-score: a text may have several classes.")
    ] = False,
    explain: Annotated[int, typer.Option("--explain", min=0, max=100, help="Nearest examples named a text.")] = 0,
    column: Annotated[str, COLUMN] = "",
    gold: Annotated[
        str, typer.Option("--gold", help="The column with the right class: say how good the answers are.")
    ] = "",
    examples_column: Annotated[
        str, typer.Option("--examples-column", help="Of the examples: the column with the text.")
    ] = "",
    label_column: Annotated[
        str, typer.Option("--label-column", help="Of the examples: the column with the class.")
    ] = "",
    allow_unreadable: Annotated[bool, ALLOW_UNREADABLE] = False,
    seed: Annotated[int, SEED] = 0,
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Give each text of a file one of several classes, or say that none fits."""
    from semtune import api
    from semtune.encoders.load import parse_runtime
    from semtune.tasks.classify.settings import ClassifySettings

    console = Console(as_json)
    settings = ClassifySettings(
        labels=labels,
        examples=examples,
        classifier=classifier,
        save=save,
        tune=tune,
        column=column,
        gold=gold,
        examples_column=examples_column,
        label_column=label_column,
        threshold=threshold,
        novel=novel,
        min_score=min_score,
        several=several,
        explain=explain,
        allow_unreadable=allow_unreadable,
        seed=seed,
    )
    with console.progress() as progress:
        made = api.classify(model, file, settings, out=out, runtime=parse_runtime(runtime), progress=progress)
    _say(made, console)
    console.document(asdict(made) if out is None else {k: v for k, v in asdict(made).items() if k != "rows"})


def _say(made: Classified, console: Console) -> None:
    _say_counts(made, console)
    for what, reasons in (("rows", made.left_out), ("examples", made.examples_left_out)):
        for reason, count in reasons.items():
            console.say(f"left out: {count:,} {what}: {reason}")
    for warning in made.warnings:
        console.say(f"warning: {warning}")
    for what, place in (("classifier", made.saved), ("rows", made.out)):
        if place:
            console.say(f"{what}: {place}")


def _say_counts(made: Classified, console: Console) -> None:
    total = len(made.rows)
    for name, count in list(made.counts.items())[:SHOWN]:
        console.say(f"{count:>9,}  {count / total:>4.0%}  {name}")
    if len(made.counts) > SHOWN:
        console.say(f"           and {len(made.counts) - SHOWN:,} more classes")
    if made.rejected:
        console.say(f"{made.rejected:>9,}  {made.rejected / total:>4.0%}  no class: unsure, or unlike the examples")
    if made.gold:
        low, high = made.gold["interval"]
        console.say(
            f"accuracy: {made.gold['accuracy']:.3f} [{low:.3f}, {high:.3f}] on {made.gold['texts']:,} texts; "
            f"{made.gold['answered']:.0%} got a class"
        )
    if "held_out_accuracy" in made.facts:
        console.say(f"accuracy on examples that it was not shown: {made.facts['held_out_accuracy']:.3f}")
    if "promised_precision" in made.facts:
        console.say(
            f"of those, this threshold answered {made.facts['promised_coverage']:.0%} and "
            f"{made.facts['promised_precision']:.1%} of the answers were right"
        )
