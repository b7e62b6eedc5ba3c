"""The `semtune` command: its verbs, and how errors leave it."""

from __future__ import annotations

import json
import os
import sys
import warnings

import typer

from semtune import __version__
from semtune.cli.add import add
from semtune.cli.classify import classify
from semtune.cli.compact import compact
from semtune.cli.compare import compare
from semtune.cli.delete import delete
from semtune.cli.distil import distil
from semtune.cli.doctor import doctor
from semtune.cli.drift import drift
from semtune.cli.dump import dump
from semtune.cli.duplicates import duplicates
from semtune.cli.encode import encode
from semtune.cli.evaluate import evaluate
from semtune.cli.export import export
from semtune.cli.get import get
from semtune.cli.index import index
from semtune.cli.index_options import GROUP
from semtune.cli.info import info
from semtune.cli.init import init
from semtune.cli.label import label
from semtune.cli.mcp import mcp
from semtune.cli.migrate import migrate
from semtune.cli.prepare import prepare
from semtune.cli.recommend import recommend
from semtune.cli.rollback import rollback
from semtune.cli.run import run
from semtune.cli.search import search
from semtune.cli.select import select
from semtune.cli.serve import serve
from semtune.cli.sync import sync
from semtune.cli.topics import topics
from semtune.cli.train import train
from semtune.cli.upgrade import upgrade
from semtune.cli.verify import verify

USAGE, INTERRUPTED, BUG = 2, 130, 2

app = typer.Typer(
    name="semtune",
    help="From a folder of text to a tuned, proven, served semantic search, on an ordinary CPU.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    run,
    init,
    prepare,
    select,
    train,
    distil,
    evaluate,
    compare,
    export,
    encode,
    index,
    label,
    search,
    serve,
    mcp,
    classify,
    topics,
    duplicates,
    recommend,
    info,
    doctor,
):
    app.command()(command)
for command in (add, sync, delete, get, verify, compact, dump, migrate, upgrade, rollback, drift):
    app.command(rich_help_panel=GROUP)(command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"semtune {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """From a folder of text to a tuned, proven, served semantic search, on an ordinary CPU."""


def main() -> None:
    """Run the command line; exit codes: 0 done, 1 a gate says no, 2 no answer possible."""
    # Before any library reads them: no telemetry, and no progress bars but ours.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    if "OMP_WAIT_POLICY" not in os.environ:
        # Torch's threads spin for long while they wait, at the cost of other programs and then of their own work:
        # beside one busy core training kept 40 % of its speed, and with this 52 %, at no cost on an idle machine.
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    warnings.formatwarning = _as_a_line
    real_stdout = sys.stdout
    try:
        code = app(standalone_mode=False)
    except Exception as error:
        sys.exit(_failed(error, real_stdout))
    if code == INTERRUPTED:  # typer's answer to Ctrl-C
        _say_error("stopped. Finished work is kept; the same command continues from there.", INTERRUPTED, real_stdout)
    sys.exit(code if isinstance(code, int) else 0)


def _as_a_line(message: Warning | str, *_: object) -> str:
    """A warning as people read it, without the place in the code."""
    return f"warning: {message}\n"


def _failed(error: Exception, stdout: object) -> int:
    """Print an error and return the exit code."""
    from semtune.errors import SemtuneError

    usage = hasattr(error, "format_message")  # click's own: wrong option, missing argument
    if not usage and not isinstance(error, SemtuneError):
        import traceback

        traceback.print_exc()
        typer.echo("This is a bug in Semtune. Please report it with the lines above.", err=True)
    message = error.format_message() if usage else str(error)  # type: ignore[attr-defined]
    code = error.exit_code if isinstance(error, SemtuneError) else USAGE if usage else BUG
    if message or not usage:  # no arguments at all: the help is shown, and is all there is to say
        _say_error(message, code, stdout)
    return code


def _say_error(message: str, code: int, stdout: object) -> None:
    typer.echo(f"error: {message}", err=True)
    if "--json" in sys.argv:
        sys.stdout = stdout  # type: ignore[assignment]
        typer.echo(json.dumps({"error": message, "exit_code": code}, ensure_ascii=False))
