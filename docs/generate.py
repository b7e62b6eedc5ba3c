"""Write the reference pages `api.md`, `cli.md` and `config.md` from the code.

`make docs` runs it; a test checks that they are current.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MADE = "<!-- Made by `make docs`; do not edit. -->\n\n"
WIDTH = 120
SECTIONS = ("Args", "Attributes", "Returns", "Raises", "Example")
SECTION = re.compile(rf"^({'|'.join(SECTIONS)}):$", re.MULTILINE)
ENTRY = re.compile(r"^(\w+(?:, \w+)*): ?(.*)", re.DOTALL)
ORDER = (
    "prepare", "select", "train", "distil", "export", "evaluate", "compare", "label", "index", "add", "sync",
    "delete", "get", "verify", "compact", "dump", "migrate", "upgrade", "rollback", "drift", "run", "encode",
    "encode_file", "classify", "topics", "duplicates", "recommend", "learn_recommender", "context", "load_encoder",
    "load_dataset",
)  # fmt: skip


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
        parts.append(f"\n## semtune {name}\n\n{_wrapped(command.help)}\n\n    semtune {name} {' '.join(words)}\n\n")
        parts += [_item(f"`{w}`", getattr(a, "help", "")) for a, w in zip(arguments, words, strict=True)]
        parts += [_item(f"`{', '.join(o.opts)}`{_default(o)}", o.help or "") for o in options]
    return "".join(parts)


def config_page() -> str:
    """Every section and key of the config file, the common ones before the advanced ones."""
    from pydantic import BaseModel

    from semtune.cli.init import COMMON
    from semtune.config import RunConfig

    intro = (
        "`semtune init` writes the common settings with these explanations. The advanced ones have defaults that suit "
        "most runs. On the command line a setting is written `section.key=value`."
    )
    sections: dict[str, list[tuple[str, Any]]] = {"": []}
    titles = {"": "The run"}
    for name, field in RunConfig.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            sections[name], titles[name] = list(kind.model_fields.items()), str(kind.__doc__).rstrip(".")
        else:
            sections[""].append((name, field))
    common = {"": ("name", "model"), **COMMON, "prepare": ("source", *COMMON["prepare"])}
    parts = [f"{MADE}# The config file\n\n{_wrapped(intro)}\n"]
    for name, fields in sections.items():
        parts.append(f"\n## {titles[name]}\n")
        for title, chosen in (("Common", True), ("Advanced", False)):
            rows = [_keys(key, field) for key, field in fields if (key in common.get(name, ())) is chosen]
            parts.append(f"\n{title}:\n\n{''.join(rows)}" if rows else "")
    return "".join(parts)


def api_page() -> str:
    """Every name of `semtune.__all__`, from its signature and docstring."""
    import semtune
    from semtune import errors
    from semtune.settings import Settings

    named = {name: getattr(importlib.import_module(semtune._HOME[name]), name) for name in semtune.__all__}
    classes = {name: value for name, value in named.items() if isinstance(value, type)}
    functions = sorted(set(named) - set(classes), key=lambda name: ORDER.index(name))
    settings = [name for name, value in classes.items() if issubclass(value, Settings)]
    failures = [name for name, value in classes.items() if issubclass(value, errors.SemtuneError)]
    others = [name for name in classes if name not in {*settings, *failures}]
    returned = _returned([named[name] for name in functions], named)
    parts = [f"{MADE}# The Python API\n\n{API_INTRO}\n\n## Functions\n"]
    parts += [_function(f"semtune.{name}", named[name], "###") for name in functions]
    parts += ["\n## What they return\n", *(_class(name, value) for name, value in returned.items())]
    parts += ["\n## Classes\n", *(_class(name, named[name], methods=True) for name in others)]
    parts += ["\n## Settings\n\n", _wrapped(SETTINGS_INTRO), "\n\n"]
    parts += [_item(f"`{name}`", _summary(named[name])) for name in settings]
    parts += ["\n## Errors\n\n", _wrapped(ERRORS_INTRO), "\n\n"]
    parts += [_item(f"`{name}` (exit code {named[name].exit_code})", _summary(named[name])) for name in failures]
    return "".join(parts)


API_INTRO = """`import semtune` is quick: each name is imported when it is first used. The functions do what the
commands of the same name do, with the same settings, checks and files. [README](../README.md) has an example of the
whole way."""
SETTINGS_INTRO = (
    "Frozen classes, one for each step, whose fields are the keys of the section of the same name in "
    "[config](config.md): `TrainSettings(num_train_epochs=2)`. `settings.replace(seed=1)` gives changed ones. An "
    "unknown name or a value that is not allowed raises `ConfigError`."
)
ERRORS_INTRO = (
    "Every error that Semtune raises on purpose is a `SemtuneError`; its message says what was wrong, what is allowed "
    "and what to do. The command line prints the message and exits with the code. See "
    "[troubleshooting](troubleshooting.md)."
)


def _returned(functions: list[Any], named: dict[str, Any]) -> dict[str, Any]:
    """Name → class of what the functions return, without those that stand elsewhere on the page."""
    found = {}
    for function in functions:
        kind = inspect.signature(function).return_annotation
        tree = ast.parse(inspect.getsource(sys.modules[function.__module__]))
        lazy = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
        homes = {alias.name: str(node.module) for node in lazy for alias in node.names}
        if kind not in named:
            found[kind] = getattr(importlib.import_module(homes[kind]), kind)
    return dict(sorted(found.items()))


def _class(name: str, value: type, *, methods: bool = False) -> str:
    """A class with its fields and properties, and its methods where they are asked for."""
    text = inspect.getdoc(value) or ""
    parts = [f"\n### {name}\n\n{_docstring(value)}"]
    members = [(key, what) for key, what in value.__dict__.items() if not key.startswith("_")]
    fields = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
    items = [] if "Attributes:" in text else [_item(f"`{one.name}`", f"`{one.type}`") for one in fields]
    items += [_item(f"`{key}`", _summary(what)) for key, what in members if isinstance(what, property)]
    if items:
        parts.append(f"\n{'Properties' if 'Attributes:' in text or not fields else 'Attributes'}:\n\n{''.join(items)}")
    slots = {one.name for one in fields}
    for key, what in members if methods else ():
        method = getattr(value, key)
        if callable(method) and key not in slots and not isinstance(what, property):
            parts.append(_function(f"{name}.{key}", method, "####"))
    return "".join(parts)


def _function(name: str, value: Any, heading: str) -> str:
    signature = inspect.signature(value)
    words = list(_parameters(signature))
    arrow = f" -> {signature.return_annotation}"
    line = f"{name}({', '.join(words)}){arrow}"
    if len(line) > WIDTH:
        line = "\n".join([f"{name}(", *(f"    {word}," for word in words), f"){arrow}"])
    return f"\n{heading} {name}\n\n```\n{line}\n```\n\n{_docstring(value)}"


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    star = False
    for parameter in signature.parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            star = True
            yield "*"
        empty = parameter.default is parameter.empty
        yield f"{parameter.name}: {parameter.annotation}" + ("" if empty else f" = {_value(parameter.default)}")


def _value(default: Any) -> str:
    """A default as one would write it: settings by what differs from their defaults, functions as an ellipsis."""
    from semtune.progress import QUIET
    from semtune.settings import Settings

    if isinstance(default, Settings):
        plain = type(default)()
        changed = [f"{key}={value!r}" for key, value in default if value != getattr(plain, key)]
        return f"{type(default).__name__}({', '.join(changed)})"
    if dataclasses.is_dataclass(default) and not isinstance(default, type):
        plain = type(default)()
        changed = [f"{each.name}={value!r}" for each in dataclasses.fields(default)
                   if (value := getattr(default, each.name)) != getattr(plain, each.name)]  # fmt: skip
        return f"{type(default).__name__}({', '.join(changed)})"
    if default is QUIET:
        return "QUIET"
    return "..." if callable(default) else repr(default)


def _summary(value: Any) -> str:
    return " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())


def _docstring(value: Any) -> str:
    """A Google docstring as Markdown: paragraphs, a list for each section, examples as code."""
    head, *rest = SECTION.split(inspect.getdoc(value) or "")
    parts = [f"{_wrapped(paragraph)}\n" for paragraph in head.strip().split("\n\n") if paragraph]
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        text = textwrap.dedent(body.strip("\n")).rstrip()
        if title == "Example":
            code = re.sub(r"  # doctest: \+SKIP", "", text)
            parts.append(f"```python\n{code}\n```\n")
        else:
            parts.append(f"{title.replace('Args', 'Arguments')}:\n\n{''.join(_entries(text))}")
    return "\n".join(parts)


def _entries(text: str) -> Iterator[str]:
    """A list item for each `name: what`, whose further lines are indented."""
    for entry in re.split(r"\n(?! )", text):
        flat = " ".join(entry.split())
        match = ENTRY.match(flat)
        yield _item(f"`{match[1]}`", match[2]) if match else f"{_wrapped(flat)}\n"


def _word(argument: Any) -> str:
    word = argument.metavar or argument.name.upper()
    if argument.nargs == -1 and "..." not in word:
        word += "..."
    return word if argument.required or word.startswith("[") else f"[{word}]"


def _keys(name: str, field: Any) -> str:
    """The item of a key, and those of the keys within it."""
    inner = getattr(field.annotation, "model_fields", {})
    if field.is_required() or name == "source":
        shown = " (required)"
    else:
        shown = "" if inner else f" = `{json.dumps(field.get_default(call_default_factory=True))}`"
    return _item(f"`{name}`{shown}", field.description or "") + "".join(
        _keys(f"{name}.{key}", deeper) for key, deeper in inner.items()
    )


def _default(option: Any) -> str:
    if option.required:
        return " (required)"
    plain = option.is_flag or option.default in (None, "") or callable(option.default)
    return "" if plain else f" = `{option.default}`"


def _item(name: str, text: str) -> str:
    return f"{_wrapped(f'- {name}: {text}' if text else f'- {name}', '  ')}\n"


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        " ".join(text.split()), WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


PAGES = {"api.md": api_page, "cli.md": cli_page, "config.md": config_page}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (HERE / page).write_text(make(), encoding="utf-8")
        sys.stdout.write(f"docs/{page}\n")
