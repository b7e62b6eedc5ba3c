"""Write the reference pages `cli.md` and `config.md` from the code; `make docs` runs it, a test holds them current."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MADE = "<!-- Made by `make docs`; do not edit. -->\n\n"


def cli_page() -> str:
    """Every command with its arguments and options."""
    from typer.main import get_command

    from semtune.cli.main import app

    group: Any = get_command(app)
    parts = [
        f"{MADE}# The command line\n\n{group.help}\n\nExit codes: 0 done; 1 a gate says no; 2 no answer possible.\n"
    ]
    for name, command in group.commands.items():
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and "--help" not in p.opts]
        words = [_word(argument) for argument in arguments]
        parts.append(f"\n## semtune {name}\n\n{command.help}\n\n    semtune {name} {' '.join(words)}\n\n")
        rows = [(f"`{w}`", getattr(a, "help", ""), "") for a, w in zip(arguments, words, strict=True)]
        rows += [(f"`{', '.join(o.opts)}`", o.help or "", _default(o)) for o in options]
        parts.append(_table(("", "what", "default"), rows))
    return "".join(parts)


def config_page() -> str:
    """Every section and key of the config file."""
    from pydantic import BaseModel

    from semtune.config import RunConfig

    parts = [f"{MADE}# The config file\n\n`semtune init` writes one with these comments in it.\n\n"]
    plain, sections = [], []
    for name, field in RunConfig.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            rows = [row for key, inner in kind.model_fields.items() for row in _keys(key, inner)]
            sections.append(f"\n## {kind.__doc__}\n\n" + _table(("key", "what", "default"), rows))
        else:
            plain.append(_key(name, field))
    return "".join([*parts, _table(("key", "what", "default"), plain), *sections])


def _word(argument: Any) -> str:
    word = argument.metavar or argument.name.upper()
    if argument.nargs == -1 and "..." not in word:
        word += "..."
    return word if argument.required or word.startswith("[") else f"[{word}]"


def _keys(name: str, field: Any) -> list[tuple[str, str, str]]:
    """The row of a key, and those of the keys within it."""
    inner = getattr(field.annotation, "model_fields", {})
    return [_key(name, field), *(_key(f"{name}.{key}", deeper) for key, deeper in inner.items())]


def _key(name: str, field: Any) -> tuple[str, str, str]:
    default = "required" if field.is_required() else f"`{field.get_default(call_default_factory=True)!r}`"
    return f"`{name}`", field.description or "", default


def _default(option: Any) -> str:
    if option.required:
        return "required"
    return "" if option.is_flag or option.default in (None, "") or callable(option.default) else f"`{option.default}`"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in lines)


PAGES = {"cli.md": cli_page, "config.md": config_page}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (HERE / page).write_text(make(), encoding="utf-8")
        sys.stdout.write(f"docs/{page}\n")
