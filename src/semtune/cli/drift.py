"""`semtune drift`: does an index still fit what is asked of it?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, Console
from semtune.cli.index_options import INDEX, MODEL

if TYPE_CHECKING:
    from semtune.index.drift import Drift


def drift(
    index: Annotated[Path, INDEX],
    queries: Annotated[
        list[Path], typer.Option("--queries", help="A log: a query a line, JSON lines, a table, or a server's log.")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", help="The data set of the model's training; by default that of the run.")
    ] = None,
    column: Annotated[str, typer.Option("--column", help="of a table: the one with the query")] = "",
    model: Annotated[str | None, MODEL] = None,
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """See what people ask that the index answers badly, and what to do about it."""
    from semtune import api

    console = Console(as_json)
    with console.progress() as progress:
        found = api.drift(index, queries, data=data, column=column, model=model, runtime=runtime, progress=progress)
    _show(console, found)
    console.document(found.as_dict())


def _show(console: Console, found: Drift) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("what", "share", "queries", "examples"):
        table.add_column(name, justify="right" if name in ("share", "queries") else "left", overflow="fold")
    table.add_row("asked", "", f"{found.queries:,}", f"{found.asked:,} in all; median score {found.median_score:.3f}")
    floor = "none" if found.floor is None else f"{found.floor:.3f}"
    table.add_row("below the floor", f"{found.weak_share:.1%}", f"{found.weak:,}", f"floor {floor}: {found.floor_from}")
    if found.unseen is not None:
        table.add_row("unlike any training question", f"{found.unseen_share:.1%}", f"{found.unseen:,}", "")
    table.add_row("unknown tokens", f"{found.unknown_token_share:.1%}", "", "")
    if found.weak_languages:
        named = ", ".join(f"{language} {number:,}" for language, number in found.weak_languages.items())
        foreign = sum(found.weak_languages.values())
        table.add_row("language the model is weak in", f"{found.weak_language_share:.1%}", f"{foreign:,}", named)
    table.add_row("longer than the model reads", f"{found.cut_share:.1%}", f"{found.cut:,}", "")
    for topic in found.topics:
        name = f"  topic: {', '.join(topic.terms) or '?'}"
        share = topic.asked / found.asked
        gone = f" (in no document: {', '.join(topic.missing)})" if topic.missing else ""
        table.add_row(name, f"{share:.1%}", f"{topic.queries:,}", "; ".join(topic.examples) + gone)
    console.rich().print(table)
    console.say(f"Recommendation: {found.recommendation}. Reason: {found.reason}.")
