"""Arguments and options that the commands on an index share."""

from __future__ import annotations

import typer

GROUP = "Keep an index up to date"
INDEX = typer.Argument(help="An index folder, or a run folder.")
IDS = typer.Argument(help="Ids of documents.")
MODEL = typer.Option("--model", help="Where the model of the index is now.")
UNREADABLE = typer.Option("--allow-unreadable", help="Go on where the model cannot read over 20 % of the documents.")
