"""Pages from Jinja2 templates: self-contained HTML with one stylesheet; nothing is fetched, all data is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from semtune import __version__
from semtune.io import atomic_file
from semtune.report.elements import many

if TYPE_CHECKING:
    from jinja2 import Environment

SNIPPET = 260  # characters shown of a text


def render(template: str, values: Mapping[str, object]) -> str:
    """Fill a template with plain values; every value that is not `Markup` is escaped.

    Args:
        template: its file name in `semtune/report/templates`, such as "evaluation.html".
        values: name → value; a name that the template uses and that is missing raises `jinja2.UndefinedError`.
    """
    return environment().get_template(template).render(values)


def write_page(path: Path, template: str, values: Mapping[str, object]) -> None:
    """Render a template into a file.

    Raises:
        StorageError: the file cannot be written.
    """
    with atomic_file(path) as out:
        out.write(render(template, values))


@cache
def environment() -> Environment:
    """The templates and their filters. Jinja2 is imported here, so that the command line starts without it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("semtune.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"snippet": snippet, "number": number, "many": many}
    made.globals["version"] = __version__
    return made


def snippet(text: object, length: int = SNIPPET) -> str:
    """The beginning of a text on one line."""
    flat = " ".join(str(text).split())
    return flat if len(flat) <= length else flat[: length - 1].rstrip() + "…"


def number(value: object) -> str:
    """An integer with thousands separated; anything else as it is."""
    return f"{value:,}" if isinstance(value, int) else str(value)
