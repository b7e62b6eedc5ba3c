"""What commands share: output for people on stderr, one JSON document on stdout, progress bars."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import typer

from semtune.io import finite

JSON = typer.Option("--json", help="Print one JSON document on stdout; everything else goes to stderr.")
TRAIN = typer.Option("--set", help="key=value of the config's train section, e.g. num_train_epochs=2")
RUNTIME = typer.Option(
    "--runtime",
    help="auto: the exported graph, with the fastest library on this machine, else torch; or static, onnx, openvino, "
    "onnx-int8, torch.",
)
TRUNCATE_HELP = "Texts longer than the model reads: cut (the end is lost), error (refused), window (read in parts)."
SEED = typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of everything random.")


class Console:
    """Where a command speaks. With `--json`, stdout carries the document alone."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._stdout: TextIO = sys.stdout
        if as_json:
            sys.stdout = sys.stderr  # keeps prints of libraries out of the document

    def document(self, value: Any) -> None:
        """Print the JSON document, if asked for."""
        if self.as_json:
            json.dump(finite(value), self._stdout, ensure_ascii=False, indent=2)
            self._stdout.write("\n")
            self._stdout.flush()
            sys.stdout = self._stdout

    def say(self, message: str = "") -> None:
        """Tell the person something: on stdout, or on stderr beside a JSON document."""
        typer.echo(message, err=self.as_json)

    def rich(self) -> Any:
        """A rich console for tables, on the same stream as `say`."""
        from rich.console import Console as Rich

        return Rich(file=sys.stderr if self.as_json else self._stdout, highlight=False, soft_wrap=False)

    @contextmanager
    def progress(self) -> Iterator[Bars]:
        """Bars on stderr while the block runs; none when it is not a terminal."""
        from rich.console import Console as Rich
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        screen = Rich(stderr=True, highlight=False)
        columns = (
            TextColumn("  {task.description}"), BarColumn(bar_width=32), MofNCompleteColumn(),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bars:
            yield Bars(bars)


class Bars:
    """`semtune.progress.Progress` on rich's bars."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._open: list[tuple[Any, str]] = []  # number and name of the tasks shown, the newest last

    @contextmanager
    def track(self, task: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Show a bar with the time left while the block runs."""
        number = self._bars.add_task(task, total=total)
        self._open.append((number, task))
        try:
            yield lambda n: self._bars.advance(number, n)
        finally:
            self._open.remove((number, task))
            self._bars.remove_task(number)

    def status(self, message: str) -> None:
        """Show `message` beside the newest bar."""
        if self._open:
            number, task = self._open[-1]
            self._bars.update(number, description=f"{task}  {message}")

    def say(self, message: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(f"  {message}", markup=False)
