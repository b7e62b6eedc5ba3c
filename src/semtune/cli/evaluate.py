"""`semtune evaluate`: how good is this model on this data, and is it better than another?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, SEED, Console

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.evaluate.report.extras import Extras
    from semtune.evaluate.settings import EvaluateSettings
    from semtune.evaluate.verdict.gates import Forgetting
    from semtune.evaluate.verdict.outcome import Outcome
    from semtune.progress import Progress
    from semtune.protocols import Encoder


def evaluate(
    model: Annotated[str, typer.Argument(help="A name, a hub id, a model folder or a run folder.")],
    dataset: Annotated[
        Path,
        typer.Argument(
            help="A data set, a BEIR folder, a run, a table of labelled rows, or a folder of parallel texts."
        ),
    ],
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against",
            help="Another model, a folder of `evaluate -o`, bm25 or hybrid; several times for several, the first "
            "decides. Gives a verdict and the exit code 0, 1 or 2.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="A folder for metrics.json, summary.md, report.html and TREC run files."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="What to judge by where the data allows several: retrieval, similarity, pairs, mining, triplets, "
            "clustering, zero-shot, few-shot, cross-language. By itself: what its shape says.",
        ),
    ] = None,
    at: Annotated[
        str, typer.Option("--at", help="The k of retrieval's measures, e.g. 1,3,10; nDCG@10 always decides.")
    ] = "",
    min_queries: Annotated[
        int, typer.Option("--min-queries", min=2, help="With fewer test queries: cannot judge.")
    ] = 20,
    min_gain: Annotated[
        float,
        typer.Option("--min-gain", min=0, max=1, help="The gain that makes shipping worth while; 0: any real one."),
    ] = 0.0,
    alpha: Annotated[
        float, typer.Option("--alpha", min=1e-6, max=0.05, help="A difference is believed if its p-value is below.")
    ] = 0.01,
    noise: Annotated[
        float,
        typer.Option("--noise", min=0, max=1, help="A difference up to this may come of a training's seed alone."),
    ] = 0.005,
    min_metric: Annotated[
        float | None, typer.Option("--min-metric", min=0, max=1, help="A bar that the metric itself must reach.")
    ] = None,
    max_slice_drop: Annotated[
        float | None, typer.Option("--max-slice-drop", min=0, max=1, help="What a slice that got worse may lose.")
    ] = None,
    general: Annotated[
        str | None,
        typer.Option("--general", help="General text, to see what was forgotten: a table of scored pairs, a data set."),
    ] = None,
    max_drop: Annotated[
        float, typer.Option("--max-drop", min=0, max=1, help="What the metric on general text may lose.")
    ] = 0.01,
    stages: Annotated[
        bool, typer.Option("--stages", help="Also what is served: torch, exported, int8 and index, each with its loss.")
    ] = False,
    index: Annotated[
        Path | None, typer.Option("--index", help="With --stages: an index or a run to measure, in place of a new one.")
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate", help="Measure what a score means, on dev, and write the thresholds into the model."
        ),
    ] = False,
    runtime: Annotated[str, RUNTIME] = "auto",
    seed: Annotated[int, SEED] = 13,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Measure a model on the test part; with --against, say whether to ship it."""
    from semtune.cli.against import kind_of, measure, open_others, parse_at
    from semtune.cli.served import (
        folder_to_calibrate,
        further_parts,
        index_to_measure,
        measure_stages,
        measure_tuned,
        show_stages,
        show_thresholds,
        store,
    )
    from semtune.encoders.load import load_encoder, parse_runtime
    from semtune.evaluate.saved.read import identify
    from semtune.evaluate.settings import EvaluateSettings
    from semtune.evaluate.tasks import tasks
    from semtune.evaluate.verdict.outcome import conclude
    from semtune.inputs import dataset_folder, leaks_of, left_out, slices_of
    from semtune.machine import keep_freed_memory
    from semtune.prepare.build.for_evaluation import load_for_evaluation

    console = Console(as_json)
    chosen, ks = parse_runtime(runtime), parse_at(at)
    limits = EvaluateSettings(alpha, min_gain, min_queries, min_metric, max_drop, max_slice_drop, noise)
    target = folder_to_calibrate(model) if calibrate else None
    place = index_to_measure(index, stages)
    data = load_for_evaluation(dataset_folder(dataset))
    kind = kind_of(data, task, against or [])
    if task is None and len(fitting := tasks(data, "test")) > 1:
        console.say(f"judged by {kind}; with --task also by {', '.join(other for other in fitting if other != kind)}")
    for reason, count in left_out(data).items():
        console.say(f"left out of the data: {count:,} × {reason}")
    identity = identify(data, "test", str(dataset))
    keep_freed_memory()
    with console.progress() as progress:
        encoder = load_encoder(model, chosen)
        others = open_others(against or [], chosen, identity, kind)
        base = next((other.encoder for other in others if other.encoder is not None), None)
        forgot = _forgetting(general, encoder, base, seed, limits, progress)
        table = measure_stages(model, place, chosen, data, kind, ks, seed, progress) if stages else None
        measured = measure_tuned(encoder, data, kind, ks, seed, progress, table, calibrate)
        tuned = measured.tuned
        outcome = conclude(
            tuned, measure(others, data, tuned, progress, ks, seed), seed, limits,
            parts=slices_of(data, tuned) if others else (), forgot=forgot, leaks=leaks_of(data), data=identity,
        )  # fmt: skip
        if out is not None:
            opened = {other.key: other.encoder for other in others if other.encoder is not None}
            words = {other.key: word for word, other in zip(against or [], others, strict=True)}
            extras = further_parts(
                {"tuned": encoder, **opened}, {"tuned": model, **words}, data, tuned, table, measured.calibrated, seed
            )
            _write(out, outcome, data, model, extras)
        if measured.calibrated and target:
            store(measured.calibrated, target)
    _show(console, outcome)
    if table:
        show_stages(console, table)
    if measured.calibrated and target:
        show_thresholds(console, measured.calibrated, target)
    console.document(
        {
            **outcome.summary(),
            "model": model,
            "dataset": str(dataset),
            "runtime": encoder.runtime,
            "truncated": dict(tuned.truncated),
            "left_out": left_out(data),
            **({"stages": table.as_dict()} if table else {}),
            **({"thresholds": measured.calibrated.as_dict()} if measured.calibrated else {}),
        }
    )
    return outcome.verdict.exit_code if outcome.verdict else 0


def _forgetting(
    general: str | None, tuned: Encoder, base: Encoder | None, seed: int, limits: EvaluateSettings, progress: Progress
) -> Forgetting | None:
    """What `--general` asks for; measured first, since it is what can be refused."""
    from semtune.errors import ConfigError
    from semtune.evaluate.scores import score
    from semtune.evaluate.verdict.gates import forgetting
    from semtune.inputs import general_set

    if general is None:
        return None
    if base is None:
        raise ConfigError("--general is measured against the base: name its model with --against.")
    text = general_set(general)
    mine, theirs = (score(encoder, text, "test", progress) for encoder in (tuned, base))
    return forgetting(Path(general).name, mine, theirs, seed, limits.min_queries)


def _write(out: Path, outcome: Outcome, data: Dataset, title: str, extras: Extras) -> None:
    from semtune.evaluate.report.page import write_report
    from semtune.evaluate.saved.write import write_files
    from semtune.io import storage_errors, write_json

    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        for name in ("stages.json", "thresholds.json"):  # of an evaluation that was here before
            (out / name).unlink(missing_ok=True)
    write_report(out / "report.html", outcome, data, "test", None, title, extras=extras)
    if extras.stages:
        write_json(out / "stages.json", extras.stages.as_dict())
    if extras.calibrated:
        write_json(out / "thresholds.json", extras.calibrated.as_dict())
    write_files(out, outcome)


def _show(console: Console, outcome: Outcome) -> None:
    from rich.markup import escape
    from rich.table import Table

    tuned = outcome.tuned
    table = Table(title=f"{tuned.kind}, {tuned.n:,} test {tuned.unit(tuned.n)}", title_justify="left")
    table.add_column("metric")
    for name, scores in outcome.systems.items():
        table.add_column("BM25" if name == "bm25" else escape(scores.model), justify="right")
    for metric in tuned.metrics:
        table.add_row(metric, *(f"{scores.metrics[metric]:.4f}" for scores in outcome.systems.values()))
    console.rich().print(table)
    if tuned.matrix:
        _show_matrix(console, outcome)
    for warning in outcome.warnings:
        console.say(f"warning: {warning}")
    for further in list(outcome.comparisons.values())[1:]:
        console.say(f"against {further.against}: {further.sentence.partition(': ')[2]}")
    if outcome.verdict:
        console.say(outcome.verdict.sentence)


def _show_matrix(console: Console, outcome: Outcome) -> None:
    """A row a language that asks, a column a language that is searched; two directions a row where one is in all."""
    from rich.table import Table

    from semtune.evaluate.report.matrix import matrix_rows

    for scores in outcome.systems.values():
        head, rows = matrix_rows(scores.matrix)
        table = Table(title=f"accuracy@1 of {scores.model}", title_justify="left")
        for column in head:
            table.add_column(column, justify="left" if column == head[0] else "right")
        for row in rows:
            table.add_row(*row)
        console.rich().print(table)
