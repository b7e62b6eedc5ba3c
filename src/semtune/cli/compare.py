"""`semtune compare`: finished evaluations side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, SEED, Console

if TYPE_CHECKING:
    from semtune.evaluate.saved.compare import EvaluationComparison


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Runs, or folders of `semtune evaluate -o`; the first is the reference."),
    ],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="A folder for comparison.json and comparison.md.")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table as Markdown, for a pull request.")
    ] = False,
    seed: Annotated[int, SEED] = 13,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Compare evaluations on the same data with the first of them; nothing is computed anew."""
    from semtune.evaluate.saved.compare import compare_saved
    from semtune.io import atomic_file, storage_errors, write_json

    console = Console(as_json)
    found = compare_saved(runs, seed)
    if out is not None:
        with storage_errors(out):
            out.mkdir(parents=True, exist_ok=True)
        with atomic_file(out / "comparison.md") as page:
            page.write(found.markdown())
        write_json(out / "comparison.json", found.as_dict())
    if markdown:
        console.say(found.markdown())
    else:
        _show(console, found)
    console.document(found.as_dict())


def _show(console: Console, found: EvaluationComparison) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(found.title()), title_justify="left")
    for at, title in enumerate(found.head()):
        table.add_column(escape(title), justify="left" if at < 2 else "right")
    for row in found.rows():
        table.add_row(*map(escape, row))
    console.rich().print(table)
