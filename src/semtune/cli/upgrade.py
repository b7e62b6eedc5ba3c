"""`semtune upgrade`: another model for an index, without downtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, Console
from semtune.cli.index_options import INDEX

if TYPE_CHECKING:
    from semtune.api.index_results import Upgraded
    from semtune.index.upgrade import ComparedAnswers


def upgrade(
    index: Annotated[Path, INDEX],
    model: Annotated[
        str, typer.Option("--model", help="The new model: a name, a hub id, a model folder or a run folder.")
    ],
    queries: Annotated[
        list[Path] | None, typer.Option("--queries", help="A file of real queries to compare the answers with.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="A data set with labelled queries; if they say worse, no switch.")
    ] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Switch also if the new model is worse.")] = False,
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Give an index another model while it is in use; `rollback` goes back."""
    from semtune import api

    console = Console(as_json)
    with console.progress() as progress:
        done = api.upgrade(
            index, model, queries=queries or [], data=data, anyway=anyway, runtime=runtime, progress=progress
        )
    _say(console, index, done)
    console.document({"path": str(index), **done.as_dict()})
    if done.exit_code:
        raise typer.Exit(done.exit_code)


def _say(console: Console, index: Path, done: Upgraded) -> None:
    if done.status == "unchanged":
        console.say(f"{index}: already has the vectors of {done.model}; nothing was changed")
        return
    console.say(f"{index}: {done.model_before} → {done.model}; {done.count:,} documents, {done.encoded:,} encoded now")
    if done.caught_up:
        console.say(f"  taken over before the switch: {done.caught_up:,} documents that were written meanwhile")
    if done.compared:
        _say_compared(console, done.compared)
    if done.verdict:
        console.say(f"  {done.verdict.sentence}")
    if done.status == "not switched":
        console.say("  Not switched: the old model is better on the labelled queries. --anyway switches nevertheless.")
        return
    console.say(f"  Switched. `semtune rollback {index}` goes back.")


def _say_compared(console: Console, found: ComparedAnswers) -> None:
    console.say(
        f"  {found.queries:,} {found.asked_with}: overlap@10 {found.overlap_at_10:.2f}, the same best document "
        f"{found.same_best:.0%}, its score {found.score_before:.3f} → {found.score_after:.3f}"
    )
    for each in found.most_changed:
        console.say(f"    {each.query[:60]!r}: {each.before} → {each.after} (overlap {each.overlap:.1f})")
