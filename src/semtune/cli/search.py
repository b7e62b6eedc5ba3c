"""`semtune search`: ask an index."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, Console

WIDTH = 240


def search(
    index: Annotated[Path, typer.Argument(help="An index folder, or a run folder.")],
    query: Annotated[str, typer.Argument(help="The question.")],
    k: Annotated[int, typer.Option("-k", help="How many answers.")] = 10,
    model: Annotated[
        str | None, typer.Option("--model", help="Where the index's model lies now, if it was moved.")
    ] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Answer a question from an index."""
    from semtune.search.searcher import Searcher

    console = Console(as_json)
    searcher = Searcher.open(index, model)
    hits = searcher.search(query, k)
    searcher.close()
    for rank, hit in enumerate(hits, start=1):
        text = " ".join(hit.text.split())
        console.say(f"{rank:>2}. {hit.score:.3f}  {hit.title or hit.id}")
        console.say(f"    {text[: WIDTH - 1] + '…' if len(text) > WIDTH else text}")
    console.document({"query": query, "hits": [hit.as_dict() for hit in hits]})
