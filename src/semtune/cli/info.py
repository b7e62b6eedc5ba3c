"""`semtune info`: what is this folder or file?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from semtune.cli.console import JSON, Console


def info(
    path: Annotated[str, typer.Argument(help="A model, data set, run, index, or source of text.")],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Say what a model, data set, run or index is, and whether it is whole."""
    console = Console(as_json)
    found = describe(path)
    _show(console, found)
    console.document(found)


def describe(path: str) -> dict[str, Any]:
    """What is at `path`, as values; `kind` says which."""
    from semtune.encoders.resolve import is_model_folder, resolve
    from semtune.index import manifest as manifests
    from semtune.prepare import sniff
    from semtune.run import is_run

    place = Path(path)
    if place.is_dir():
        if is_run(place):
            return _run(place)
        if (place / manifests.FILE).is_file():
            return _index(place)
        if is_model_folder(place):
            return _model(place)
    if place.exists() or path == "python-docs":
        found = sniff(path)
        if found.kind == "dataset":
            return _dataset(place)
        return {"path": path, **asdict(found), "kind": f"source ({found.kind})"}
    return _model(resolve(path))


def _run(place: Path) -> dict[str, Any]:
    from semtune.pipeline import STEPS
    from semtune.run import RunDirectory

    run = RunDirectory(place)
    steps = {}
    for step in STEPS:
        record = run.record(step.name)
        state = run.damage(step.name) or "whole"
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

    return {"kind": "index", "path": str(place), **asdict(manifests.read(place))}


def _model(place: Path) -> dict[str, Any]:
    from semtune import contract as contracts

    return {"kind": "model", "path": str(place), **asdict(contracts.load(place))}


def _dataset(place: Path) -> dict[str, Any]:
    from semtune import dataset as datasets

    found = datasets.load(place)
    counts = {
        "corpus": len(found.corpus),
        "queries": len(found.queries),
        "rows": {split: len(rows) for split, rows in {**found.pairs, **found.scored}.items()},
        "judged queries": {split: len(qrels) for split, qrels in found.qrels.items()},
    }
    kind = "similarity" if found.scored else "retrieval"
    return {"kind": "data set", "path": str(place), "task": kind, "counts": counts, "report": found.report}


def _show(console: Console, values: dict[str, Any], depth: int = 0) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            console.say(f"{'  ' * depth}{key}:")
            _show(console, value, depth + 1)
        elif value not in (None, {}, [], ""):
            text = str(value)
            console.say(f"{'  ' * depth}{key}: {text if len(text) <= 200 else text[:199] + '…'}")
