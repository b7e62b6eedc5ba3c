"""`semtune search`: ask an index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, Console

if TYPE_CHECKING:
    from semtune.search.searcher import Searcher

WIDTH = 240


def search(
    index: Annotated[Path, typer.Argument(help="An index folder, or a run folder.")],
    query: Annotated[str, typer.Argument(help="The question.")],
    k: Annotated[int, typer.Option("-k", help="Number of hits.")] = 10,
    model: Annotated[
        str | None, typer.Option("--model", help="Where the model of the index is now, if it was moved.")
    ] = None,
    min_score: Annotated[
        str | None,
        typer.Option(
            "--min-score", help="Drop hits scoring below this: a score, or a calibrated threshold: best-f1, p0.9, r0.9."
        ),
    ] = None,
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Answer a question from an index."""
    from semtune.encoders.load import parse_runtime
    from semtune.search.searcher import Searcher

    console = Console(as_json)
    searcher = Searcher.open(index, model, parse_runtime(runtime))
    try:
        hits = searcher.search(query, k, min_score)
    finally:
        searcher.close()
    unread = _unread(searcher, index, model, query)
    if unread:
        console.say(f"warning: {unread}")
    if not hits and min_score is not None:
        console.say(f"No hit scores {min_score} or more. Try a lower --min-score, or leave it out.")
    for rank, hit in enumerate(hits, start=1):
        text = " ".join(hit.text.split())
        chance = f" {hit.probability:>4.0%}" if hit.probability is not None else ""
        console.say(f"{rank:>2}. {hit.score:.3f}{chance}  {hit.title or hit.id}")
        console.say(f"    {text[: WIDTH - 1] + '…' if len(text) > WIDTH else text}")
    warnings = {"warnings": [unread]} if unread else {}
    console.document({"query": query, "hits": [hit.as_dict() for hit in hits], **warnings})


def _unread(searcher: Searcher, index: Path, model: str | None, query: str) -> str:
    """A warning about a query that the model cannot read."""
    from semtune.encoders.tokenizer import Tokenizer
    from semtune.encoders.unreadable import multilingual, unreadable
    from semtune.errors import ModelError
    from semtune.hub import resolve_model
    from semtune.search.searcher import index_folder, model_folder

    if query.isascii():
        return ""
    try:
        place = resolve_model(model or str(model_folder(index_folder(index), searcher.manifest)), serving=True)
        found = unreadable([query], Tokenizer(place, searcher.encoder.contract, "query"))
    except ModelError:  # its runtime has another tokenizer
        return ""
    if not found:
        return ""
    return (
        "The model cannot read this query: it does not know its letters, so the scores mean nothing. Use an index made "
        f"with a multilingual model, for example {multilingual()}."
    )
