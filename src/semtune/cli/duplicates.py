"""`semtune duplicates`: near-equal texts of a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semtune.cli.console import JSON, RUNTIME, SEED, TRUNCATE_HELP, Console
from semtune.cli.text_options import ALLOW_UNREADABLE, COLUMN, FILE

if TYPE_CHECKING:
    from semtune.tasks.duplicates.job import Duplicates

SHOWN, WIDTH = 10, 100  # pairs, characters of a text


def duplicates(
    file: Annotated[Path, FILE],
    model: Annotated[
        str, typer.Option("--model", help="A name, a hub id, a model folder or a run folder.")
    ] = "all-MiniLM-L6-v2",
    against: Annotated[str, typer.Option("--against", help="Find texts of FILE that this file holds already.")] = "",
    threshold: Annotated[
        str | None, typer.Option("--threshold", help="Cosine of duplicates, or a threshold of the model such as p0.95.")
    ] = None,
    labels: Annotated[
        str, typer.Option("--labels", help="A table text1, text2, is_duplicate: sets the threshold, and checks it.")
    ] = "",
    precision: Annotated[
        float, typer.Option("--precision", help="With --labels: share of the pairs found that must be duplicates.")
    ] = 0.95,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for pairs, groups, the cleaned file and a review page.")
    ] = None,
    keep: Annotated[str, typer.Option("--keep", help="Which text of a group is kept: first or longest.")] = "first",
    same_numbers: Annotated[
        bool, typer.Option("--same-numbers", help="Texts with different numbers are not duplicates.")
    ] = False,
    decisions: Annotated[str, typer.Option("--decisions", help="What the review page saved.")] = "",
    most: Annotated[int, typer.Option("--most", min=0, help="Pairs that are listed; others are counted.")] = 100_000,
    column: Annotated[str, COLUMN] = "",
    against_column: Annotated[str, typer.Option("--against-column", help="The same of the other file.")] = "",
    truncate: Annotated[str, typer.Option("--truncate", help=TRUNCATE_HELP)] = "window",
    allow_unreadable: Annotated[bool, ALLOW_UNREADABLE] = False,
    seed: Annotated[int, SEED] = 0,
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Find near-equal texts of a file, and write the file without them."""
    from semtune import api
    from semtune.encoders.load import parse_runtime
    from semtune.tasks.duplicates.settings import DuplicatesSettings

    console = Console(as_json)
    values: dict[str, Any] = {"keep": keep, "truncate": truncate}
    settings = DuplicatesSettings(
        against=against,
        threshold=threshold,
        labels=labels,
        precision=precision,
        same_numbers=same_numbers,
        most=most,
        decisions=decisions,
        column=column,
        against_column=against_column,
        allow_unreadable=allow_unreadable,
        seed=seed,
        **values,
    )
    with console.progress() as progress:
        found = api.duplicates(
            file, settings, model=model, out=out, runtime=parse_runtime(runtime), progress=progress
        )  # fmt: skip
    _say(found, console)
    console.document(asdict(found))


def _say(found: Duplicates, console: Console) -> None:
    from semtune.report.elements import many

    for pair in found.pairs[:SHOWN]:
        console.say(f"{pair['similarity']:.3f}  line {pair['first']['line']}: {pair['first']['text'][:WIDTH]}")
        console.say(f"       line {pair['second']['line']}: {pair['second']['text'][:WIDTH]}")
    if found.pairs_found > SHOWN:
        unlisted = found.pairs_found - len(found.pairs)
        cut = f" ({unlisted:,} of them are not listed: --most)" if unlisted else ""
        console.say(f"       and {found.pairs_found - SHOWN:,} more pairs{cut}")
    console.say(
        f"{many(found.texts, 'text')}: {found.kept:,} kept, {found.removed:,} removed in "
        f"{many(len(found.groups), 'group')} "
        f"({found.removed_for['equal']:,} equal, {found.removed_for['similar']:,} similar)"
    )
    console.say(found.threshold["explained"])
    _say_quality(found, console)
    for what, reasons in (
        ("rows", found.left_out), ("rows of the other file", found.against_left_out),
        ("labelled pairs", found.labels_left_out),
    ):  # fmt: skip
        for reason, count in reasons.items():
            console.say(f"left out: {count:,} {what}: {reason}")
    if found.decisions_unknown:
        console.say(f"{found.decisions_unknown:,} decisions are about texts that are not in the file")
    for warning in found.warnings:
        console.say(f"warning: {warning}")
    if found.out:
        console.say(f"cleaned file: {found.cleaned}\nreview page: {found.out}/review.html")


def _say_quality(found: Duplicates, console: Console) -> None:
    held = found.threshold["held_out"]
    if held:
        console.say(
            f"on {held['pairs']:,} other labelled pairs: precision {held['precision']:.3f} "
            f"({held['precision_interval'][0]:.3f} to {held['precision_interval'][1]:.3f}), "
            f"recall {held['recall']:.3f} ({held['recall_interval'][0]:.3f} to {held['recall_interval'][1]:.3f})"
        )
    search = found.search
    if search["exact"]:
        console.say("all pairs were compared")
    else:
        console.say(f"recall: {search['recall']:.1%} of {search['sampled_pairs']:,} sampled pairs were found")
    if found.unread:
        console.say(f"{found.unread:,} texts that the model cannot read were compared for equality only")
    if found.truncated:
        console.say(f"the ends of {found.truncated:,} texts were not read")
