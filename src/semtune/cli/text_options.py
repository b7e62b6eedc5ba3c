"""Arguments and options of the commands that read a file of texts."""

from __future__ import annotations

import typer

MODEL = typer.Argument(help="A name, a hub id, a model folder or a run folder.")
FILE = typer.Argument(help="Text lines, or a table with a column of texts; also as .gz.")
COLUMN = typer.Option("--column", help="The column with the text.")
ALLOW_UNREADABLE = typer.Option(
    "--allow-unreadable", help="Go on if the model does not know the letters of many texts."
)
