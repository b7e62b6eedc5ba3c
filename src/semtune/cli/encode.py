"""`semtune encode`: texts in, vectors out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, TRUNCATE_HELP, Console
from semtune.cli.text_options import ALLOW_UNREADABLE, MODEL

if TYPE_CHECKING:
    from semtune.bulk.result import EncodedFile

FILE = typer.Argument(help="Text lines, JSON lines, CSV, TSV or Parquet of any size, also as .gz; or another table.")
OUT = typer.Option(
    "-o", "--out", help="NAME.npy: one array; NAME.parquet: one table; a name without an ending: .npy shards."
)


def encode(
    model: Annotated[str, MODEL],
    file: Annotated[Path, FILE],
    out: Annotated[Path, OUT],
    role: Annotated[
        str, typer.Option("--role", help="query or document: which of the model's prompts to use.")
    ] = "document",
    column: Annotated[
        str, typer.Option("--column", help="of a table: the column to embed; needed where it is unclear.")
    ] = "",
    runtime: Annotated[str, RUNTIME] = "auto",
    rows: Annotated[
        int, typer.Option("--rows", min=1, max=10_000_000, help="Texts a shard; a stop costs at most the one in work.")
    ] = 10_000,
    text: Annotated[
        bool, typer.Option("--text", help="of a .parquet file: keep the texts beside the vectors.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, max=4096, help="Processes, each on cores of its own; with ray, tasks at once."
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", help="local, or ray: the cluster at RAY_ADDRESS, else one started here.")
    ] = "local",
    truncate: Annotated[str, typer.Option("--truncate", help=TRUNCATE_HELP)] = "cut",
    allow_unreadable: Annotated[bool, ALLOW_UNREADABLE] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Embed the texts of a file as a stream. A stopped command continues when it is given again."""
    from semtune import api
    from semtune.bulk.settings import EncodeSettings
    from semtune.encoders.windows import parse_truncate
    from semtune.errors import ConfigError

    for option, value, allowed in (("role", role, ("query", "document")), ("engine", engine, ("local", "ray"))):
        if value not in allowed:
            raise ConfigError(f"--{option} is {value!r}. Allowed: {', '.join(allowed)}.")
    console = Console(as_json)
    settings = EncodeSettings(
        role=role,  # type: ignore[arg-type]
        column=column,
        rows=rows,
        keep_text=text,
        workers=workers,
        engine=engine,  # type: ignore[arg-type]
        truncate=parse_truncate(truncate),
        allow_unreadable=allow_unreadable,
    )
    with console.progress() as progress:
        made = api.encode_file(model, file, out, settings=settings, runtime=runtime, progress=progress)
    _say(made, file, console)
    console.document(asdict(made))


def _say(made: EncodedFile, file: Path, console: Console) -> None:
    """Tell what was made and what was not."""
    console.say(
        f"{made.path}: {made.texts:,} texts × {made.dimension} dimensions in {made.seconds:,.1f} s ({made.runtime}); "
        f"{made.truncated:,} texts were longer than the model reads and were cut"
        + (f" ({made.cut_tokens:,} tokens)" if made.truncated else "")
        + (f"; from the column {made.column!r}" if made.column else "")
    )
    if made.resumed:
        console.say(f"continued: {made.resumed:,} of {made.shards:,} shards were finished before")
    for warning in made.warnings:
        console.say(f"warning: {warning}")
    if made.empty:
        console.say(
            f"warning: {file.name}: {made.empty:,} of {made.texts:,} texts are empty; their vectors say nothing."
        )
