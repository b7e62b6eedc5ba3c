"""`semtune init`: look at the data, write a commented config."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from semtune.cli.console import JSON, Console


def init(
    folder: Annotated[str, typer.Argument(help="A folder of text, a table, a BEIR data set; or python-docs.")] = ".",
    out: Annotated[Path, typer.Option("-o", "--out", help="The config file to write.")] = Path("semtune.yaml"),
    model: Annotated[str, typer.Option("--model", help="The backbone.")] = "all-MiniLM-L6-v2",
    force: Annotated[bool, typer.Option("--force", help="Replace the config file if there is one.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Look at the data and write a config that runs, every setting explained."""
    from semtune.errors import InputError
    from semtune.io import atomic_file
    from semtune.prepare import sniff

    console = Console(as_json)
    if out.exists() and not force:
        raise InputError(f"{out} exists; it is left alone. Give another file with -o, or --force.")
    found = sniff(folder)
    name = (
        re.sub(r"[^A-Za-z0-9._-]+", "-", Path(folder).resolve().name if folder != "python-docs" else folder).strip(
            "-._"
        )
        or "my-run"
    )
    notes = [found.description, *(f"warning: {warning}" for warning in found.warnings)]
    with atomic_file(out) as handle:
        handle.write(commented_config(name, folder, model, notes))
    for note in notes:
        console.say(note)
    console.say(f"{out} is written. Look at it, then: semtune run {out}")
    console.document(
        {
            "config": str(out),
            "name": name,
            "source": folder,
            "kind": found.kind,
            "counts": found.counts,
            "columns": found.columns,
            "warnings": list(found.warnings),
        }
    )


def commented_config(name: str, source: str, model: str, notes: list[str]) -> str:
    """A config with every field, its default and its description; made from the config's own models."""
    import yaml

    from semtune.config import RunConfig

    given: dict[str, Any] = {"name": name, "model": model, "source": source}
    lines = [*(f"# {note}" for note in notes), "# Settings that are commented out stand at their default.", ""]
    for key, field in RunConfig.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and hasattr(section, "model_fields"):
            fields = section.model_fields
            chosen = [inner for inner in fields if inner in given]
            lines += ["", f"# {section.__doc__}", f"{key}:" if chosen else f"# {key}:"]
            for inner, description in fields.items():
                value = given.get(inner, description.get_default(call_default_factory=True))
                shown = yaml.safe_dump({inner: value}, default_flow_style=True, width=1000).strip()[1:-1]
                lines.append(f"{'  ' if inner in given else '#   '}{shown}  # {description.description}")
        else:
            value = given.get(key, field.default)
            shown = yaml.safe_dump({key: value}, default_flow_style=True, width=1000).strip()[1:-1]
            lines.append(f"{'' if key in given else '# '}{shown}  # {field.description}")
    return "\n".join(lines) + "\n"
