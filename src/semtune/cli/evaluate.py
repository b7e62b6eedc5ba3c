"""`semtune evaluate`: how good is this model on this data, and is it better than another?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semtune.cli.console import JSON, RUNTIME, SEED, Console

if TYPE_CHECKING:
    from semtune.evaluate.settings import EvaluateSettings
    from semtune.evaluate.step import Evaluated
    from semtune.evaluate.verdict.outcome import Outcome


Model = Annotated[str, typer.Argument(help="A name, a hub id, a model folder or a run folder.")]
Data = Annotated[
    Path,
    typer.Argument(help="A data set, a BEIR folder, a run, a table of labelled rows, or a folder of parallel texts."),
]
Against = Annotated[
    list[str] | None,
    typer.Option(
        "--against",
        help="Another model, a folder of `evaluate -o`, bm25 or hybrid; repeatable, the first decides. Gives a verdict "
        "and the exit code 0, 1 or 2.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="A folder for metrics.json, summary.md, report.html and TREC run files."),
]
TaskName = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="What to judge by where the data allows several: retrieval, similarity, classification, pairs, "
        "mining, triplets, clustering, zero-shot, few-shot, cross-language. By default: what its shape says.",
    ),
]
At = Annotated[str, typer.Option("--at", help="The k of retrieval metrics, e.g. 1,3,10; nDCG@10 always decides.")]
MinQueries = Annotated[int, typer.Option("--min-queries", min=2, help="With fewer test queries: cannot judge.")]
MinGain = Annotated[
    float, typer.Option("--min-gain", min=0, max=1, help="The least gain that is worth shipping; 0: any real one.")
]
Alpha = Annotated[
    float, typer.Option("--alpha", min=1e-6, max=0.05, help="A difference is believed if its p-value is below this.")
]
Noise = Annotated[
    float, typer.Option("--noise", min=0, max=1, help="A difference up to this may come from the training seed alone.")
]
MinMetric = Annotated[
    float | None, typer.Option("--min-metric", min=0, max=1, help="A bar that the metric itself must reach.")
]
MaxSliceDrop = Annotated[
    float | None, typer.Option("--max-slice-drop", min=0, max=1, help="The most a slice that got worse may lose.")
]
General = Annotated[
    str | None,
    typer.Option("--general", help="General text, to see what was forgotten: a table of scored pairs, a data set."),
]
MaxDrop = Annotated[
    float, typer.Option("--max-drop", min=0, max=1, help="The most the metric on general text may lose.")
]
TrustMade = Annotated[
    bool,
    typer.Option(
        "--trust-made-questions", help='Allow "ship" on questions made from the documents; else it is "promising".'
    ),
]
WithStages = Annotated[
    bool,
    typer.Option("--stages", help="Also measure what is served: torch, exported, int8 and index, each with its loss."),
]
Index = Annotated[
    Path | None,
    typer.Option("--index", help="With --stages: an index or a run to measure; by default one is built in memory."),
]
Calibrate = Annotated[
    bool,
    typer.Option(
        "--calibrate",
        help="Measure what a score means, on dev, and write the thresholds into the model; on parallel texts, how "
        "good the model is in each language, of which search then warns.",
    ),
]


def evaluate(
    model: Model,
    dataset: Data,
    against: Against = None,
    out: Out = None,
    task: TaskName = None,
    at: At = "",
    min_queries: MinQueries = 20,
    min_gain: MinGain = 0.0,
    alpha: Alpha = 0.01,
    noise: Noise = 0.005,
    min_metric: MinMetric = None,
    max_slice_drop: MaxSliceDrop = None,
    general: General = None,
    max_drop: MaxDrop = 0.01,
    trust_made_questions: TrustMade = False,
    stages: WithStages = False,
    index: Index = None,
    calibrate: Calibrate = False,
    runtime: Annotated[str, RUNTIME] = "auto",
    seed: Annotated[int, SEED] = 13,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Measure a model on the test part; with --against, say whether to ship it."""
    from semtune.evaluate.settings import EvaluateSettings
    from semtune.evaluate.systems import parse_at

    console = Console(as_json)
    settings = EvaluateSettings(
        task=task or "",
        at=parse_at(at),
        bm25=False,
        min_queries=min_queries,
        min_gain=min_gain,
        alpha=alpha,
        noise=noise,
        min_metric=min_metric,
        max_slice_drop=max_slice_drop,
        general=general or "",
        max_drop=max_drop,
        trust_made_questions=trust_made_questions,
        calibrate=calibrate,
    )  # type: ignore[arg-type]
    return _evaluate(console, model, dataset, against or [], settings, out, stages, index, runtime, seed)


def _evaluate(
    console: Console, model: str, dataset: Path, against: list[str], settings: EvaluateSettings, out: Path | None,
    stages: bool, index: Path | None, runtime: str, seed: int,
) -> int:  # fmt: skip
    from semtune import api
    from semtune.prepare.build.for_other_steps import left_out, warned

    with console.progress() as progress:
        found = api.evaluate(
            model, dataset, against=against, out=out, settings=settings, runtime=runtime, stages=stages, index=index,
            seed=seed, progress=progress,
        )  # fmt: skip
    lost = left_out(found.data) if found.data else {}
    for reason, count in lost.items():
        console.say(f"left out of the data: {count:,} × {reason}")
    warnings = warned(found.data) if found.data else []
    for warning in warnings:
        console.say(f"warning: {warning}")
    return _report(
        console, found, model, str(dataset), {"left_out": lost, "data_warnings": warnings}, settings.calibrate
    )


def _report(console: Console, found: Evaluated, model: str, dataset: str, read: dict[str, Any], stored: bool) -> int:
    from semtune.cli.serving_quality import show_stages, show_thresholds

    outcome = found.outcome
    assert outcome is not None  # noqa: S101 - data without a test part was refused
    if found.other_kinds:
        console.say(f"judged by {found.kind}; with --task also by {', '.join(found.other_kinds)}")
    _show(console, outcome)
    if outcome.tuned.matrix and stored:
        console.say("The accuracy by language is now in the model's contract: search warns of languages it is weak in.")
    if found.stages:
        show_stages(console, found.stages)
    if found.calibrated:
        show_thresholds(console, found.calibrated, model)
    console.document(
        {
            **outcome.summary(),
            "model": model,
            "dataset": dataset,
            "runtime": found.runtime,
            "truncated": dict(outcome.tuned.truncated),
            **read,
            **({"stages": found.stages.as_dict()} if found.stages else {}),
            **({"thresholds": found.calibrated.as_dict()} if found.calibrated else {}),
        }
    )
    return outcome.verdict.exit_code if outcome.verdict else 0


def _show(console: Console, outcome: Outcome) -> None:
    from rich.markup import escape
    from rich.table import Table

    tuned = outcome.tuned
    table = Table(title=f"{tuned.kind}, {tuned.n:,} test {tuned.unit(tuned.n)}", title_justify="left")
    table.add_column("metric")
    for name, scores in outcome.systems.items():
        called = "BM25" if name == "bm25" else scores.model
        table.add_column(escape(called + ", vectors alone" * name.endswith("-dense")), justify="right")
    for metric in tuned.metrics:
        table.add_row(metric, *(f"{scores.metrics[metric]:.4f}" for scores in outcome.systems.values()))
    console.rich().print(table)
    if tuned.matrix:
        _show_matrix(console, outcome)
    for warning in outcome.warnings:
        console.say(f"warning: {warning}")
    for further in list(outcome.comparisons.values())[1:]:
        console.say(f"against {further.against}: {further.sentence.partition(': ')[2]}")
    if outcome.served_sentence:
        console.say(outcome.served_sentence)
    if outcome.by_vectors:
        console.say(f"by vectors alone: {outcome.by_vectors.sentence.partition(': ')[2]}")
    if outcome.verdict:
        console.say(outcome.verdict.sentence)


def _show_matrix(console: Console, outcome: Outcome) -> None:
    """A row a language that asks, a column a language that is searched; two directions a row where one is in all."""
    from rich.table import Table

    from semtune.evaluate.report.language_pairs import terminal_rows
    from semtune.evaluate.verdict.language_pairs import gains_sentence

    for scores in outcome.systems.values():
        head, rows, left_out = terminal_rows(scores)
        table = Table(title=f"accuracy@1 of {scores.model}", title_justify="left", box=None, pad_edge=False)
        for column in head:
            table.add_column(column, justify="left" if column == head[0] else "right")
        for row in rows:
            table.add_row(*row)
        console.rich().print(table)
        if left_out:
            console.say(left_out)
    if said := gains_sentence(outcome.language_pairs):
        console.say(said)
