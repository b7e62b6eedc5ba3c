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
    """Look at the data and write a config that runs, every setting explained."""
    from semtune.cli.sources import as_source
    from semtune.errors import InputError
    from semtune.io import atomic_file
    from semtune.prepare.readers.sniff import sniff

    console = Console(as_json)
    if out.exists() and not force:
        raise InputError(f"{out} exists; it is left alone. Give another file with -o, or --force.")
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


def commented_config(name: str, source: str | dict[str, str], model: str, notes: list[str]) -> str:
    """A config with every field, its default and its description; made from the config's own models."""
    from semtune.config import RunConfig

    given: dict[str, Any] = {"name": name, "model": model, "source": source}
    lines = [*(f"# {note}" for note in notes), "# Settings that are commented out stand at their default.", ""]
    for key, field in RunConfig.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and hasattr(section, "model_fields"):
            chosen = any(inner in given for inner in section.model_fields)
            lines += ["", f"# {section.__doc__}", f"{key}:" if chosen else f"# {key}:"]
            for inner, description in section.model_fields.items():
                lines += _field(inner, description, given, "  ")
        else:
            lines += _field(key, field, given)
    return "\n".join(lines) + "\n"


def _field(key: str, field: Any, given: dict[str, Any], indent: str = "") -> list[str]:
    """The line of a field, or the lines of a section of its own."""
    section = field.annotation
    if isinstance(section, type) and hasattr(section, "model_fields"):
        lines = [f"# {indent}{key}:  # {field.description}"]
        for inner, description in section.model_fields.items():
            lines += _field(inner, description, {}, f"{indent}  ")
        return lines
    value = given.get(key, field.get_default(call_default_factory=True))
    shown = _line({key: value})
    return [f"{indent if key in given else f'# {indent}'}{shown}  # {field.description}"]


def _line(values: dict[str, Any]) -> str:
    """One key and its value on a line of YAML."""
    import yaml

    return yaml.safe_dump(values, default_flow_style=True, width=100_000, allow_unicode=True, sort_keys=False).strip()[
        1:-1
    ]
