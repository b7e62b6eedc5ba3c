"""`semtune init`: look at the data, write a commented config."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from semtune.cli.console import JSON, Console


def init(
    source: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="A folder of text, a table, a BEIR data set, python-docs; or train=FILE dev=FILE test=FILE.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="The config file to write.")] = Path("semtune.yaml"),
    model: Annotated[str, typer.Option("--model", help="The backbone.")] = "all-MiniLM-L6-v2",
    force: Annotated[bool, typer.Option("--force", help="Replace the config file if there is one.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Look at the data and write a config that runs, with the common settings explained."""
    from semtune.errors import InputError
    from semtune.io import atomic_file
    from semtune.prepare.readers.sniff import sniff
    from semtune.sources import as_source

    console = Console(as_json)
    if out.exists() and not force:
        raise InputError(f"{out} already exists; nothing was overwritten. Give another file with -o, or --force.")
    given = as_source(source or ["."])
    found = sniff(given)
    place = given["train"] if isinstance(given, dict) else given
    plain = place if place == "python-docs" else Path(place).resolve().name
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._") or "my-run"
    notes = [found.description, *(f"warning: {warning}" for warning in found.warnings)]
    with atomic_file(out) as handle:
        handle.write(commented_config(name, given, model, notes))
    for note in notes:
        console.say(note)
    console.say(f"{out} is written. Look at it, then: semtune run {out}")
    console.document(
        {
            "config": str(out),
            "name": name,
            "source": given,
            "kind": found.kind,
            "counts": found.counts,
            "columns": found.columns,
            "warnings": list(found.warnings),
        }
    )


COMMON = {
    "prepare": ("dev_share", "test_share", "max_pairs", "max_passages", "hard_negatives"),
    "select": ("candidates",),
    "train": ("num_train_epochs", "learning_rate", "per_device_train_batch_size"),
    "evaluate": ("min_metric", "gate"),
    "index": ("backend",),
    "search": ("questions",),
}
"""The settings that a user needs; docs/config.md has the rest."""


def commented_config(name: str, source: str | dict[str, str], model: str, notes: list[str]) -> str:
    """A config with the common settings, their defaults and descriptions; made from the settings classes."""
    from semtune.config import RunConfig, known_fields

    top = RunConfig.model_fields
    lines = [*(f"# {note}" for note in notes), "# Settings that are commented out stand at their defaults.", MORE, ""]
    lines += [_setting("name", name, top["name"]), _setting("model", model, top["model"])]
    for section, keys in COMMON.items():
        fields = known_fields(section)
        given = section == "prepare"
        lines += ["", f"{section}:" if given else f"# {section}:"]
        if given:
            lines.append("  " + _setting("source", source, fields["source"]))
        for key in keys:
            value = fields[key].get_default(call_default_factory=True)
            lines.append("#   " + _setting(key, list(value) if isinstance(value, tuple) else value, fields[key]))
    return "\n".join(lines) + "\n"


MORE = "# All settings, the advanced ones too: docs/config.md of Semtune."


def _setting(key: str, value: Any, field: Any) -> str:
    """A key, its value and what it means on a line of YAML."""
    import yaml

    shown = yaml.safe_dump({key: value}, default_flow_style=True, width=100_000, allow_unicode=True, sort_keys=False)
    return f"{shown.strip()[1:-1]}  # {field.description}"
