"""`semtune search`: ask an index."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semtune.cli.console import JSON, RUNTIME, Console
from semtune.cli.cross_encoder import cross_encoder_graph
from semtune.cli.index_options import INDEX, SEARCH_MODEL, SEARCH_TRUNCATE

if TYPE_CHECKING:
    from semtune.types import Answer, Hit

WIDTH = 240  # characters of a passage that are shown
BEFORE = 60  # of them before the sentence that answers
RERANKED = 20  # hits that a cross-encoder reads


def search(
    index: Annotated[Path, INDEX],
    query: Annotated[str, typer.Argument(help="The question.")],
    k: Annotated[int, typer.Option("-k", help="Number of hits.")] = 10,
    where: Annotated[
        str | None,
        typer.Option("--where", help="Only documents whose metadata fit, such as 'lang=de and year>=2020'."),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            "--mode",
            help="dense (vectors), keyword (words, needs no model), hybrid (both), or auto: what the index remembers.",
        ),
    ] = "auto",
    rerank: Annotated[
        str | None,
        typer.Option("--rerank", help=f"A cross-encoder that sorts the best {RERANKED} hits anew."),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option("--group-by", help="One hit for each 'document' of passages, or each value of a field."),
    ] = None,
    diversity: Annotated[
        float, typer.Option("--diversity", help="From 0 to 1: prefer hits that differ from those before.")
    ] = 0.0,
    explain: Annotated[bool, typer.Option("--explain", help="Say how each hit was found.")] = False,
    model: Annotated[str | None, SEARCH_MODEL] = None,
    min_score: Annotated[
        str | None,
        typer.Option(
            "--min-score", help="Drop hits scoring below this: a score, or a calibrated threshold: best-f1, p0.9, r0.9."
        ),
    ] = None,
    truncate: Annotated[str | None, SEARCH_TRUNCATE] = None,
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Answer a question from an index."""
    from semtune.encoders.load import parse_runtime
    from semtune.encoders.windows import parse_truncate
    from semtune.search.mode import parse_mode
    from semtune.search.searcher import Searcher, SearchOptions

    console = Console(as_json)
    chosen = parse_truncate(truncate) if truncate else None
    graph = cross_encoder_graph(rerank, console)
    searcher = Searcher.open(index, model, parse_runtime(runtime), chosen, reranker=graph, mode=parse_mode(mode))
    try:
        options = SearchOptions(
            k,
            min_score,
            where,
            rerank=max(k, RERANKED) if rerank else None,
            group_by=group_by,
            diversity=diversity,
            explain=explain,
            highlight=True,
        )
        answer = searcher.answer(query, options)
        used = searcher.mode_of()
    finally:
        searcher.close()
    _print(console, answer, min_score)
    more: dict[str, object] = {"warnings": list(answer.warnings)} if answer.warnings else {}
    if answer.cut_tokens:
        more["cut_tokens"] = answer.cut_tokens
    console.document({"query": query, "mode": used, "hits": [hit.as_dict() for hit in answer.hits], **more})


def _print(console: Console, answer: Answer, min_score: str | None) -> None:
    for warning in answer.warnings:
        console.say(f"warning: {warning}")
    if not answer.hits and min_score is not None:
        console.say(f"No hit scores {min_score} or more. Try a lower --min-score, or leave it out.")
    elif not answer.hits and not answer.warnings:
        console.say("Nothing was found.")
    for rank, hit in enumerate(answer.hits, start=1):
        chance = f" {hit.probability:>4.0%}" if hit.probability is not None else ""
        others = f"  (+{hit.others} more)" if hit.others else ""
        console.say(f"{rank:>2}. {hit.score:.3f}{chance}  {hit.title or hit.id}{others}")
        console.say(f"    {_shown(hit)}")
        if hit.explain:
            console.say(f"    {_explained(hit.explain)}")


def _shown(hit: Hit) -> str:
    """A part of the passage around the sentence that answers, which is bold on a terminal."""
    start, end = hit.highlight or (0, 0)
    first = 0 if end <= WIDTH else max(0, start - BEFORE)
    if first:
        first = next((at for at in range(first, start) if hit.text[at].isspace()), start)  # not within a word
    last = max(first + WIDTH, min(end, start + WIDTH))
    before, bold, after = (
        " ".join(part.split()) for part in (hit.text[first:start], hit.text[start : min(end, last)], hit.text[end:last])
    )
    marked = [before, typer.style(bold, bold=True) if bold else "", after]
    text = " ".join(part for part in marked if part)
    return f"{'…' if first else ''}{text}{'…' if last < len(hit.text) else ''}"


def _explained(made: Mapping[str, Any]) -> str:
    """One line: rank and score by vectors, by words, fused, and by the cross-encoder."""
    parts: list[str] = []
    for name, place in made.items():
        if name == "mode":
            continue
        if name == "fusion":
            parts.append(f"fusion {place['score']:.4f} ({place['method']})")
        elif place["rank"] is None:
            score = "" if place["score"] is None else f" {place['score']:.3f}"
            parts.append(f"{name} -{score}")
        else:
            terms = f" ({', '.join(place['terms'])})" if place.get("terms") else ""
            parts.append(f"{name} #{place['rank']} {place['score']:.3f}{terms}")
    return " · ".join(parts)
