"""`semtune info`: what is this folder or file?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semtune.cli.console import JSON, Console

if TYPE_CHECKING:
    from semtune.prepare.settings import PrepareSettings

LINE = 100  # characters of values that share a line
MOST = 200  # characters of one value


def info(
    path: Annotated[
        list[str],
        typer.Argument(help="A model, data set, run, index, or source of text; or train=FILE dev=FILE test=FILE."),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="of a source: key=value of the config's prepare section, e.g. roles"),
    ] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Say what a model, data set, run or index is, and whether it is whole."""
    from semtune.sources import as_source, prepare_settings

    console = Console(as_json)
    found = describe(as_source(path), prepare_settings(settings or []))
    _show(console, {name: value for name, value in found.items() if name != "report"})
    console.document(found)


def describe(path: str | dict[str, str], settings: PrepareSettings) -> dict[str, Any]:
    """What is at `path`, as values; `kind` says which."""
    from semtune.hub import is_model_folder, resolve_model
    from semtune.index import manifest as manifests
    from semtune.run_directory import is_run

    if isinstance(path, dict):
        return _source(path, settings)
    place = Path(path)
    if place.is_dir():
        if is_run(place):
            return _run(place)
        if (place / manifests.FILE).is_file():
            return _index(place)
        if is_model_folder(place):
            return _model(place)
        if (place / "prepare.json").is_file():
            return _dataset(place)
    if place.exists() or path == "python-docs":
        return _source(path, settings)
    return _model(resolve_model(path))


def _source(path: str | dict[str, str], settings: PrepareSettings) -> dict[str, Any]:
    from semtune.prepare.readers.sniff import sniff

    found = sniff(path, settings)
    return {"path": path, **asdict(found), "kind": f"source ({found.kind})"}


def _run(place: Path) -> dict[str, Any]:
    from semtune.pipeline import STEPS
    from semtune.run_directory import RunDirectory

    run = RunDirectory(place)
    steps = {}
    for step in STEPS:
        record = run.record(step.name)
        if step.name == "select" and record is None:  # only runs with candidates have it
            continue
        changed = step.damage_of is not None and run.altered(step.name)
        state = run.damage(step.name, step.damage_of) or ("changed since the run made it" if changed else "whole")
        steps[step.name] = {"state": state} | (
            {"finished": record.finished, "seconds": record.seconds} if record else {}
        )
    evaluated = run.record("evaluate")
    return {
        "kind": "run",
        "path": str(place),
        "steps": steps,
        "sentence": evaluated.result.get("sentence") if evaluated else None,
    }


def _index(place: Path) -> dict[str, Any]:
    from semtune.index import manifest as manifests
    from semtune.index import versions
    from semtune.index.statistics import statistics_of

    found = versions.read(place)
    kept = {"version": found.current, "version before": found.before} if found.before else {}
    version = versions.current(place)
    made = asdict(manifests.read(version))
    return {"kind": "index", "path": str(place), **made, "statistics": statistics_of(version) | kept}


def _model(place: Path) -> dict[str, Any]:
    from semtune import contract as contracts

    return {"kind": "model", "path": str(place), **asdict(contracts.load(place))}


def _dataset(place: Path) -> dict[str, Any]:
    from semtune import dataset as datasets
    from semtune.cli.described import describe_dataset

    return {"kind": "data set", "path": str(place), **describe_dataset(datasets.load(place))}


def _show(console: Console, values: dict[str, Any], depth: int = 0) -> None:
    """Print values by name; what is nested is indented, and a few plain values share a line."""
    for key, value in values.items():
        space = "  " * depth
        if isinstance(value, dict) and value:
            inner = ", ".join(_named(name, item) for name, item in value.items())
            if len(inner) <= LINE and not any(isinstance(item, dict) for item in value.values()):
                console.say(f"{space}{key}: {inner}")
            else:
                console.say(f"{space}{key}:")
                _show(console, value, depth + 1)
        elif isinstance(value, list | tuple) and any(len(str(item)) > LINE // 2 for item in value):
            console.say(f"{space}{key}:")
            for item in value:
                console.say(f"{space}  {item}")
        elif value not in (None, {}, [], (), ""):
            console.say(f"{space}{key}: {_short(value)}")


def _named(name: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"{name} ({_short(value)})"
    return f"{name} = {value}" if isinstance(value, str) else f"{name} {_short(value)}"


def _short(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= MOST else text[: MOST - 1] + "…"
