"""`semtune topics`: what a collection of texts is about."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, SEED, Console
from semtune.cli.text_options import ALLOW_UNREADABLE, COLUMN

if TYPE_CHECKING:
    from semtune.tasks.topics.job import Topics

SHOWN = 30  # topics in the table


def topics(
    source: Annotated[str, typer.Argument(help="A model (name, hub id, folder, run); an index or a run without FILE.")],
    file: Annotated[
        Path | None, typer.Argument(help="Text lines, or a table with a column of texts; also as .gz. None: an index.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the topics; with --topics-from a .jsonl file.")
    ] = None,
    topics_from: Annotated[
        str, typer.Option("--topics-from", help="Give the texts the topics of this folder; find no others.")
    ] = "",
    number: Annotated[
        int, typer.Option("--topics", min=0, max=2000, help="Number of topics; 0: chosen by stability.")
    ] = 0,
    min_size: Annotated[
        int, typer.Option("--min-size", min=0, help="Texts of a topic, at least; 0: from 2 to 10, by the collection.")
    ] = 0,
    noise: Annotated[
        float, typer.Option("--noise", min=0, max=0.5, help="Share of the texts that belong to no topic.")
    ] = 0.05,
    words: Annotated[int, typer.Option("--words", min=1, max=50, help="Key words of each topic.")] = 10,
    passages: Annotated[
        int, typer.Option("--passages", min=1, max=50, help="Representative passages of each topic.")
    ] = 5,
    column: Annotated[str, COLUMN] = "",
    date_column: Annotated[
        str, typer.Option("--date-column", help="Column or metadata with a date: counts over time.")
    ] = "",
    labels_column: Annotated[
        str, typer.Option("--labels-column", help="Column or metadata with a class: how the topics agree with it.")
    ] = "",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Find the topics anew, though those in the folder still fit.")
    ] = False,
    title_endpoint: Annotated[
        str,
        typer.Option(
            "--title-endpoint",
            help="An OpenAI-compatible server that titles the topics. Key words and passages are sent to it.",
        ),
    ] = "",
    title_model: Annotated[str, typer.Option("--title-model", help="The server's name of its model.")] = "",
    title_key_env: Annotated[
        str, typer.Option("--title-key-env", help="Environment variable with the server's key.")
    ] = "",
    allow_unreadable: Annotated[bool, ALLOW_UNREADABLE] = False,
    seed: Annotated[int, SEED] = 0,
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Find the topics of a file or an index, and write them to a folder with a page."""
    from semtune import api
    from semtune.encoders.load import parse_runtime
    from semtune.tasks.topics.settings import TopicsSettings

    console = Console(as_json)
    settings = TopicsSettings(
        topics=number,
        min_size=min_size,
        noise=noise,
        words=words,
        passages=passages,
        column=column,
        date_column=date_column,
        labels_column=labels_column,
        topics_from=topics_from,
        fresh=fresh,
        title_endpoint=title_endpoint,
        title_model=title_model,
        title_key_env=title_key_env,
        allow_unreadable=allow_unreadable,
        seed=seed,
    )
    with console.progress() as progress:
        made = api.topics(source, file, settings, out=out, runtime=parse_runtime(runtime), progress=progress)
    _say(made, console, bool(topics_from))
    console.document(asdict(made))


def _say(made: Topics, console: Console, assigned: bool) -> None:
    for row in made.topics[:SHOWN]:
        unsure = "" if row["stable"] else "  (unstable)"
        console.say(f"{row['texts']:>9,}  {row['stability']:.2f}  {row['topic']:>5}  {row['title']}{unsure}")
    if len(made.topics) > SHOWN:
        console.say(f"{'':>9}  and {len(made.topics) - SHOWN:,} more topics")
    console.say(f"{made.noise:>9,}  of {made.texts:,} texts belong to no topic")
    if assigned:
        console.say("The stability is that of the folder of topics.")
    else:
        console.say(
            f"stability {made.stability:.2f}: how much of a topic is found again in half of the texts; "
            f"{made.unstable:,} of {len(made.topics):,} topics are unstable"
        )
    if made.labels:
        shown = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in made.labels.items())
        console.say(f"agreement with the labels: {shown}")
    if made.undated:
        console.say(f"not counted over time: {made.undated:,} texts without a date that can be read")
    for reason, count in made.left_out.items():
        console.say(f"left out: {count:,} rows: {reason}")
    for warning in made.warnings:
        console.say(f"warning: {warning}")
    if made.out:
        console.say(f"{'assignments' if assigned else 'topics'}: {made.out}")
