"""Arguments, options and sentences that the commands on an index share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import typer

from semtune.cli.console import TRUNCATE_HELP, Console

GROUP = "Keep an index up to date"
INDEX = typer.Argument(help="An index folder, or a run folder.")
IDS = typer.Argument(help="Ids of documents.")
MODEL = typer.Option("--model", help="Where the model of the index is now.")
SEARCH_MODEL = typer.Option(
    "--model", help="Where the model of the index is now, or a pair with a query student of it."
)
SEARCH_TRUNCATE = typer.Option("--truncate", help=f"{TRUNCATE_HELP} By default as in the index.")
URI = typer.Option("--uri", help="milvus: a file ending in .db (milvus-lite) or http://host:19530")
COLLECTION = typer.Option("--collection", help="milvus: the collection's name")
DATABASE = typer.Option("--database", help="milvus: the database on the server")
TOKEN_ENV = typer.Option("--token-env", help="milvus: variable with the token, user:password or an API key")
TOKEN_VARIABLE = "SEMTUNE_MILVUS_TOKEN"  # noqa: S105 - the name of a variable
TLS_CA = typer.Option("--tls-ca", help="milvus: PEM file with the certificate of an https:// server")
TLS_CERTIFICATE = typer.Option("--tls-certificate", help="milvus: PEM file with this client's certificate")
TLS_KEY = typer.Option("--tls-key", help="milvus: PEM file with the key of --tls-certificate")
UNREADABLE = typer.Option("--allow-unreadable", help="Go on where the model cannot read over 20 % of the documents.")


def cut_documents(truncated: int, tokens: int) -> str:
    """How many documents were cut at the model's length limit, in words."""
    return f"{truncated:,} documents were longer than the model reads and were cut ({tokens:,} tokens)"


def say_left_out(console: Console, left_out: Mapping[str, int], warnings: Sequence[str]) -> None:
    """Tell what of a source is not in the index, by reason, and the warnings about it."""
    for reason, count in left_out.items():
        console.say(f"  left out: {count:,} {reason}")
    for warning in warnings:
        console.say(f"  warning: {warning}")
