"""`semtune select`: which backbone is to be tuned on this data?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, SEED, Console

if TYPE_CHECKING:
    from semtune.select.select_backbone import Selection

Data = Annotated[Path, typer.Argument(help="A data set, a run, or a source that can be prepared.")]
Candidates = Annotated[
    str,
    typer.Option(
        "--candidates",
        help="Names, hub ids or folders, separated by commas; by default the well-known ones on this machine that fit "
        "the language.",
    ),
]
MaxLatency = Annotated[float | None, typer.Option("--max-latency-ms", help="Maximum p95 latency of one query, in ms.")]
MaxDim = Annotated[int | None, typer.Option("--max-dim", help="Maximum dimensions of the vectors.")]
MaxMemory = Annotated[
    float | None, typer.Option("--max-memory", help="Maximum MB that the model adds to a process at its peak.")
]
MaxIndex = Annotated[
    float | None, typer.Option("--max-index", help="Maximum MB of a million vectors in an exact index.")
]
Steps = Annotated[
    int, typer.Option("--steps", help="Steps of the first round of trials, doubled each round; 0: no trials.")
]
Rounds = Annotated[int, typer.Option("--rounds", help="Maximum rounds of trials.")]
MaxQueries = Annotated[int, typer.Option("--max-queries", help="Maximum dev queries or pairs that are judged.")]
MaxPassages = Annotated[
    int,
    typer.Option("--max-passages", help="Maximum passages they are searched among: the judged ones, then others."),
]
Dims = Annotated[str, typer.Option("--dims", help="Dimensions that the recommended one is cut to.")]
Runtime = Annotated[
    str,
    typer.Option(
        "--runtime",
        help="What speed and memory are measured on: onnx, onnx-int8, torch; auto: onnx, and torch where no graph "
        "can be made.",
    ),
]
Out = Annotated[
    Path | None, typer.Option("-o", "--out", help="A folder for select.json, report.html and what was measured.")
]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="key=value of the config's train section, for the trials.")
]


def select(
    dataset: Data,
    candidates: Candidates = "",
    max_latency_ms: MaxLatency = None,
    max_dim: MaxDim = None,
    max_memory: MaxMemory = None,
    max_index: MaxIndex = None,
    steps: Steps = 32,
    rounds: Rounds = 3,
    max_queries: MaxQueries = 1_000,
    max_passages: MaxPassages = 1_000,
    dims: Dims = "384,256,128,64",
    runtime: Runtime = "auto",
    out: Out = None,
    settings: Set = None,
    seed: Annotated[int, SEED] = 13,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Measure backbones on your data, tune each briefly, and recommend one. After a kill, the command continues."""
    from semtune import api
    from semtune.config import parse_section
    from semtune.encoders.load import parse_runtime
    from semtune.select.settings import SelectSettings

    console = Console(as_json)
    chosen = SelectSettings(
        max_latency_ms=max_latency_ms, max_dim=max_dim, max_memory=max_memory, max_index=max_index, steps=steps,
        rounds=rounds, max_queries=max_queries, max_passages=max_passages, dims=_numbers(dims),
        runtime=parse_runtime(runtime),
    )  # type: ignore[arg-type]  # fmt: skip
    training = parse_section("train", settings or [])
    words = [word for word in candidates.split(",") if word.strip()]
    with console.progress() as progress:
        found = api.select(dataset, words, out=out, settings=chosen, training=training, seed=seed, progress=progress)
    _show(console, found)
    console.document({"dataset": str(dataset), **found.as_dict()})
    return 0 if found.recommended else 1


def _numbers(words: str) -> tuple[int, ...]:
    from semtune.errors import ConfigError

    try:
        return tuple(int(word) for word in words.split(",") if word.strip())
    except ValueError:
        raise ConfigError(
            f"--dims is {words!r}; allowed are whole numbers with commas between, e.g. 384,256,128."
        ) from None


def _show(console: Console, found: Selection) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"{found.n:,} dev {found.unit}, {found.label}", title_justify="left")
    table.add_column("", overflow="fold")
    for name in ("before", "best", "tok/word", "cut", "ms", "texts/s", "MB", "dim"):
        table.add_column(name, justify="right")
    for row in found.rows:
        fit, cost = row.fit, row.cost
        table.add_row(
            escape(row.candidate.name),
            f"{row.untouched.value:.4f}",
            f"{row.best.value:.4f}",
            f"{fit.tokens_per_word:.2f}" if fit else "–",
            f"{fit.truncated:.0%}" if fit else "–",
            f"{cost.p50_ms:,.1f}",
            f"{cost.texts_per_second:,.0f}",
            f"{row.candidate.weights_bytes / 1e6:,.0f}",
            str(row.candidate.contract.dimension),
        )
    console.rich().print(table)
    console.say(f"recommended: {found.recommendation.name or 'none'}")
    for reason in found.reasons:
        console.say(f"  {reason}")
