"""`semtune evaluate`: how good is this model on this data, and is it better than another?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, SEED, Console

if TYPE_CHECKING:
    from semtune.evaluate.outcome import Outcome

BM25 = "bm25"


def evaluate(
    model: Annotated[str, typer.Argument(help="A name, a hub id, a model folder or a run folder.")],
    dataset: Annotated[
        Path, typer.Argument(help="A data set, a BEIR folder, a run, or a table of scored or labelled pairs.")
    ],
    against: Annotated[
        str | None,
        typer.Option("--against", help="Another model, or bm25; gives a verdict and the exit code 0, 1 or 2."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="A folder for metrics.json, report.html and TREC run files.")
    ] = None,
    min_queries: Annotated[int, typer.Option("--min-queries", help="With fewer test queries: cannot judge.")] = 20,
    runtime: Annotated[
        str, typer.Option("--runtime", help="auto: the exported graph where there is one; onnx; torch.")
    ] = "auto",
    seed: Annotated[int, SEED] = 13,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Measure a model on the test part; with --against, say whether to ship it."""
    from semtune.encoders.load import load_encoder, parse_runtime
    from semtune.encoders.machine import keep_freed_memory
    from semtune.evaluate.bm25 import score_bm25
    from semtune.evaluate.outcome import conclude
    from semtune.evaluate.scores import score
    from semtune.inputs import dataset_folder
    from semtune.prepare import load_for_evaluation

    console = Console(as_json)
    chosen = parse_runtime(runtime)
    data = load_for_evaluation(dataset_folder(dataset))
    base = bm25 = None
    keep_freed_memory()
    with console.progress() as progress:
        encoder = load_encoder(model, chosen)
        other = (
            load_encoder(against, chosen) if against and against != BM25 else None
        )  # found missing before hours of work
        tuned = score(encoder, data, "test", progress)
        if other is not None:
            base = score(other, data, "test", progress)
        elif against == BM25:
            bm25 = score_bm25(data, "test", progress)
        outcome = conclude(tuned, base, bm25, seed, min_queries)
        if out is not None:
            _write(out, outcome, data, model)
    _show(console, outcome)
    console.document(
        {
            **outcome.summary(),
            "model": model,
            "dataset": str(dataset),
            "runtime": encoder.runtime,
            "truncated": dict(tuned.truncated),
        }
    )
    return outcome.verdict.exit_code if outcome.verdict else 0


def _write(out: Path, outcome: Outcome, data, title: str) -> None:  # noqa: ANN001 - Dataset, imported late
    from semtune.evaluate.outcome import write_trec_run
    from semtune.evaluate.report import write_report
    from semtune.io import storage_errors, write_json

    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    write_report(out / "report.html", outcome, data, "test", None, title)
    for name, scores in outcome.systems.items():
        if scores.kind == "retrieval":
            write_trec_run(out / f"{name}.trec", scores, name)
    write_json(out / "metrics.json", outcome.metrics_json())


def _show(console: Console, outcome: Outcome) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title=f"{outcome.tuned.n:,} test {'pairs' if outcome.tuned.kind == 'similarity' else 'queries'}",
        title_justify="left",
    )
    table.add_column("metric")
    for name, scores in outcome.systems.items():
        table.add_column(escape(scores.model) if name != BM25 else "BM25", justify="right")
    for metric in outcome.tuned.metrics:
        table.add_row(metric, *(f"{scores.metrics[metric]:.4f}" for scores in outcome.systems.values()))
    console.rich().print(table)
    if outcome.verdict:
        console.say(outcome.verdict.sentence)
