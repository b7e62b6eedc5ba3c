"""`semtune run`: the whole way in one command."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semtune.cli.console import JSON, Console

if TYPE_CHECKING:
    from semtune.step_runner import RunReport, StepReport

SNIPPET = 68


def run(
    config: Annotated[Path, typer.Argument(help="The config file; `semtune init` writes one.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="section.key=value, e.g. train.num_train_epochs=2", metavar="[KEY=VALUE]..."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run and why; write nothing.")] = False,
    rerun: Annotated[
        str,
        typer.Option(
            "--rerun",
            help="changed: steps whose inputs changed; always: every step; never: only steps that have not finished.",
        ),
    ] = "changed",
    seed: Annotated[
        int | None, typer.Option("--seed", help="Seed of split, training and statistics (overrides the config).")
    ] = None,
    remove_store: Annotated[
        bool, typer.Option("--remove-store", help="Remove the run's store of vectors at the end; it can be made again.")
    ] = False,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Walk the whole way: prepare, select where there are candidates, train, export, evaluate, index, search."""
    from semtune.config import load_config
    from semtune.errors import ConfigError
    from semtune.pipeline import run_pipeline

    if rerun not in ("changed", "always", "never"):
        raise ConfigError(f"--rerun is {rerun!r}. Allowed: changed, always, never.")
    console = Console(as_json)
    settings = load_config(config, [*(overrides or []), *([f"seed={seed}"] if seed is not None else [])])
    started = time.monotonic()
    with console.progress() as progress:
        report = run_pipeline(
            settings,
            rerun=rerun,  # type: ignore[arg-type]
            dry_run=dry_run,
            progress=progress,
            keep_store=not remove_store,
            on_start=lambda step, why: progress.say(f"▸ {step}: {why}"),
            on_step=lambda step: progress.say(_line(step)),
        )
    if not dry_run:
        _answers(console, report)
        _summary(console, report, time.monotonic() - started)
    console.document(report.as_dict())
    return report.exit_code


def _line(step: StepReport) -> str:
    if step.status == "done":
        return f"✓ {step.step}: done in {step.seconds:.1f} s"
    return f"{'•' if step.status == 'unchanged' else '▸'} {step.step}: {step.status} ({step.reason})"


def _answers(console: Console, report: RunReport) -> None:
    from rich.markup import escape
    from rich.table import Table

    for answer in report.result("search").get("answers", []):
        table = Table(title=f"“{escape(answer['question'])}”", title_justify="left", expand=True, show_lines=False)
        table.add_column("", width=2)
        table.add_column("tuned", ratio=1)
        table.add_column("base", ratio=1, style="dim")
        for rank in range(max(len(answer["tuned"]), len(answer["base"]))):
            table.add_row(str(rank + 1), _hit(answer["tuned"], rank), _hit(answer["base"], rank))
        console.rich().print(table)


def _hit(hits: list[dict], rank: int) -> str:
    from rich.markup import escape

    if rank >= len(hits):
        return ""
    hit = hits[rank]
    text = " ".join(hit["text"].split())
    snippet = text[: SNIPPET - 1] + "…" if len(text) > SNIPPET else text
    return f"[bold]{escape(hit['title'] or hit['id'])}[/bold] {hit['score']:.3f}\n{escape(snippet)}"


def _summary(console: Console, report: RunReport, seconds: float) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(f"{report.name}: results in {report.path}"), title_justify="left")
    for column in ("step", "status", "seconds", "result", "in"):
        table.add_column(column, justify="right" if column == "seconds" else "left", overflow="fold")
    for step in report.steps:
        table.add_row(step.step, step.status, f"{step.seconds:.1f}", _numbers(step), escape(_where(step)))
    screen = console.rich()
    screen.print(table)
    _notes(console, report)
    sentence = report.result("evaluate").get("sentence")
    if sentence:
        screen.print(f"[bold]{escape(sentence)}[/bold]")
    _as_served(console, report.result("evaluate"))
    stopped = report.exit_code != 0
    if stopped:
        console.say("The gate (evaluate.gate) stopped the run here; nothing was indexed.")
    else:  # not by rich, which would break the lines
        console.say(f'Search: semtune search {report.path} "your question"')
        console.say(f"Serve:  semtune serve {report.path} --port 8080")
    console.say(f"{seconds:.0f} s in total.")


def _as_served(console: Console, evaluated: Mapping[str, Any]) -> None:
    """How the models are searched that the verdict compares, and how they compare by vectors alone."""
    if evaluated.get("served_sentence"):
        console.say(evaluated["served_sentence"])
    if evaluated.get("by_vectors"):
        console.say(f"By vectors alone: {evaluated['by_vectors']['sentence'].partition(': ')[2]}.")


def _notes(console: Console, report: RunReport) -> None:
    """What prepare and index left out, and what they warn of, the gravest first."""
    for step, reasons in (("prepare", "dropped"), ("index", "left_out")):
        result = report.result(step)
        found = result.get(reasons, {})
        if found:
            console.say(
                f"{step} left out {sum(found.values()):,} things for {len(found):,} reasons, listed in {step}'s report:"
            )
            for reason, count in sorted(found.items(), key=lambda item: -item[1]):
                console.say(f"  {count:>8,}  {reason}")
        for warning in result.get("warnings", []):
            console.say(f"  warning ({step}): {warning}")


def _numbers(step: StepReport) -> str:
    result = step.result
    if step.step == "prepare":
        rows = " / ".join(f"{n:,}" for n in result["rows"].values())
        return f"{result['passages']:,} passages; rows train / dev / test {rows}"
    if step.step == "select":
        return f"{result['recommended']}, of {len(result['candidates'])} candidates"
    if step.step == "train" and result["best"] is not None:
        return f"dev {result['plan']['metric']} {result['start']:.4f} → {result['best']:.4f}"
    if step.step == "evaluate" and "systems" in result:
        return f"{result['metric']}: " + ", ".join(f"{name} {value:.4f}" for name, value in result["systems"].items())
    if step.step == "export":
        return f"{', '.join(result['formats']) or 'static'}; cosine to torch at least {result['min_cosine']:.5f}"
    if step.step == "index":
        return f"{result['count']:,} documents, {result['type']}, recall@10 {result['recall@10']:.3f}"
    if step.step == "search":
        return f"{len(result['answers'])} questions answered"
    return ""


def _where(step: StepReport) -> str:
    best = {"select": "report.html", "train": "model", "evaluate": "report.html", "search": "answers.json"}
    inner = best.get(step.step, "")
    return f"{step.step}/{inner}" if inner and (Path(step.path) / inner).exists() else step.step
