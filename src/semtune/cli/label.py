"""`semtune label`: people judge the answers to real questions; a test set comes out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, SEED, Console

if TYPE_CHECKING:
    from semtune.label.export import LabelFacts
    from semtune.label.labelling import Labelling

Index = Annotated[Path, typer.Argument(help="An index folder, or a run folder.")]
Queries = Annotated[
    list[Path] | None,
    typer.Option(
        "--queries",
        help="Real questions: .txt (one a line), .csv, .jsonl, .json, a data set, a web server's .log, or what "
        "`semtune serve --feedback` wrote; repeatable. Questions can also be typed in on the page.",
    ),
]
Column = Annotated[str, typer.Option("--column", help="Of a table: the column with the question.")]
Export = Annotated[
    Path | None,
    typer.Option("--export", help="Write what is judged so far as a data set into this folder; no page is served."),
]
Base = Annotated[
    str | None,
    typer.Option(
        "--base", help="A model to pool beside the index's; by default the one it was tuned from. none: no base."
    ),
]
Depth = Annotated[int, typer.Option("--depth", min=1, max=100, help="Answers of each system to judge.")]
OrderBy = Annotated[
    str,
    typer.Option("--order", help="informative: where systems disagree first; random; file: as they were given."),
]
Most = Annotated[int, typer.Option("--most", min=1, help="The most questions; the most asked ones are kept.")]
Difference = Annotated[
    float, typer.Option("--difference", help="The difference in nDCG@10 that the test should be able to show.")
]
Judge = Annotated[str, typer.Option("--judge", help="Your name; it can also be typed in on the page.")]
Store = Annotated[
    Path | None,
    typer.Option("--store", help="The folder that keeps the grades; by default RUN/labels or INDEX.labels."),
]


def label(
    index: Index,
    queries: Queries = None,
    export: Export = None,
    judge: Judge = "",
    base: Base = None,
    depth: Depth = 10,
    order: OrderBy = "informative",
    most: Most = 1000,
    difference: Difference = 0.05,
    column: Column = "",
    store: Store = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free port.")] = 8080,
    host: Annotated[str, typer.Option("--host", help="0.0.0.0 accepts connections from other machines.")] = "127.0.0.1",
    runtime: Annotated[str, RUNTIME] = "auto",
    seed: Annotated[int, SEED] = 13,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Judge pooled answers to real questions on a page; with --export, write them as a test set."""
    from semtune import api
    from semtune.label.settings import LabelSettings
    from semtune.registry import need

    console = Console(as_json)
    settings = LabelSettings(depth=depth, order=order, most=most, difference=difference, seed=seed)  # type: ignore[arg-type]
    if export is None:
        need("fastapi", "uvicorn")
    else:
        _refuse_early(index, store, export)
    with console.progress() as progress:
        session = api.label(
            index, queries or [], base=base, store=store, column=column, settings=settings, runtime=runtime,
            progress=progress,
        )  # fmt: skip
    if export is None:
        _serve(console, session, judge, host, port)
    else:
        _export(console, session, export)


def _refuse_early(index: Path, store: Path | None, export: Path) -> None:
    """Find before the questions are pooled that nothing is judged, or that something is in the way."""
    from semtune.api.labelling import labels_folder
    from semtune.label.export import nothing_judged, refuse_export
    from semtune.label.grades import GradeStore
    from semtune.search.searcher import index_folder

    refuse_export(export)
    if not GradeStore(store or labels_folder(index_folder(index))).judgements():
        raise nothing_judged()


def _export(console: Console, session: Labelling, out: Path) -> None:
    from semtune.report.elements import many

    facts = session.export(out)
    judged = f"{many(len(facts.queries), 'judged question')}, {many(facts.judged, 'graded answer')}"
    console.say(f"{out}: {judged}, {many(len(session.documents), 'passage')}")
    _tell(console, facts)
    console.say(f"Next: semtune evaluate MODEL {out} --against BASE")
    console.document({"path": str(out), **facts.as_dict(), "documents": len(session.documents)})


def _tell(console: Console, facts: LabelFacts) -> None:
    from semtune.label.words import GRADES
    from semtune.report.elements import many

    console.say("  grades: " + ", ".join(f"{facts.grades[one.grade]:,} × {one.grade} ({one.word})" for one in GRADES))
    if facts.without_answer:
        console.say(f"  {many(facts.without_answer, 'question')} without an answer above 0; evaluate leaves them out")
    for pair in facts.agreement.pairs:
        kappa = f"{pair.kappa:.2f}" if math.isfinite(pair.kappa) else "not defined"
        console.say(
            f"  {' and '.join(pair.judges)} both graded {pair.answers:,} answers: {pair.equal:.0%} alike, "
            f"{pair.within_one:.0%} within one grade, weighted kappa {kappa}"
        )
    console.say(f"  {facts.needed.sentence}")
    if facts.merged:
        console.say(f"  merged: {many(facts.merged, 'question')} equal to another one")
    for reason, count in facts.left_out.items():
        console.say(f"  left out: {count:,} × {reason}")
    for warning in facts.warnings:
        console.say(f"  warning: {warning}")


def _serve(console: Console, session: Labelling, judge: str, host: str, port: int) -> None:
    from semtune.label.app import create_label_app
    from semtune.report.elements import many
    from semtune.serve.server import run_server

    facts = session.facts()

    def announce(url: str) -> None:
        systems = ", ".join(session.systems)
        console.say(
            f"{many(facts.questions, 'question')}, answers of {systems}. Grades are kept in {session.store.path}."
        )
        _tell(console, facts)
        console.say(f"Judge at {url}  —  Ctrl-C stops it; nothing is lost.")
        console.document({"url": url, "store": str(session.store.path), **facts.as_dict()})

    run_server(create_label_app(session, judge), host, port, announce)
