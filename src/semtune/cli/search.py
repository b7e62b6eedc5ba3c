"""`semtune search`: ask an index."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, TRUNCATE_HELP, Console

WIDTH = 240


def search(
    index: Annotated[Path, typer.Argument(help="An index folder, or a run folder.")],
    query: Annotated[str, typer.Argument(help="The question.")],
    k: Annotated[int, typer.Option("-k", help="Number of hits.")] = 10,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Where the model of the index is now, or a pair with a query student of it."),
    ] = None,
    min_score: Annotated[
        str | None,
        typer.Option(
            "--min-score", help="Drop hits scoring below this: a score, or a calibrated threshold: best-f1, p0.9, r0.9."
        ),
    ] = None,
    truncate: Annotated[
        str | None, typer.Option("--truncate", help=f"{TRUNCATE_HELP} By default as in the index.")
    ] = None,
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Answer a question from an index."""
    from semtune.encoders.load import parse_runtime
    from semtune.encoders.windows import parse_truncate
    from semtune.search.searcher import Searcher

    console = Console(as_json)
    chosen = parse_truncate(truncate) if truncate else None
    searcher = Searcher.open(index, model, parse_runtime(runtime), chosen)
    try:
        answer = searcher.answer(query, k, min_score)
    finally:
        searcher.close()
    hits = answer.hits
    for warning in answer.warnings:
        console.say(f"warning: {warning}")
    if not hits and min_score is not None:
        console.say(f"No hit scores {min_score} or more. Try a lower --min-score, or leave it out.")
    for rank, hit in enumerate(hits, start=1):
        text = " ".join(hit.text.split())
        chance = f" {hit.probability:>4.0%}" if hit.probability is not None else ""
        console.say(f"{rank:>2}. {hit.score:.3f}{chance}  {hit.title or hit.id}")
        console.say(f"    {text[: WIDTH - 1] + '…' if len(text) > WIDTH else text}")
    more: dict[str, object] = {"warnings": list(answer.warnings)} if answer.warnings else {}
    if answer.cut_tokens:
        more["cut_tokens"] = answer.cut_tokens
    console.document({"query": query, "hits": [hit.as_dict() for hit in hits], **more})
