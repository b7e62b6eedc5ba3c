"""One self-contained page: no scripts, no other files, nothing fetched; light, dark and small screens."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from semtune.io import atomic_file

SNIPPET = 260  # characters of a text that are shown


def write_page(path: Path, title: str, body: str) -> None:
    """Write a page in the common look; `title` is plain text, `body` is HTML with everything escaped.

    Raises:
        StorageError: the place cannot be written.
    """
    shell = Template(files("semtune.report").joinpath("shell.html").read_text(encoding="utf-8"))
    with atomic_file(path) as out:
        out.write(shell.substitute(title=escape(title), body=body))


def figure(svg: str, caption: str) -> str:
    """A plot with what it says in words; both are HTML."""
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>"


def snippet(text: str, length: int = SNIPPET) -> str:
    """The beginning of a text on one line, escaped."""
    flat = " ".join(text.split())
    return escape(flat if len(flat) <= length else flat[: length - 1].rstrip() + "…")


def number_table(rows: Mapping[str, object]) -> str:
    """Names and numbers."""
    cells = "".join(f"<tr><th>{escape(str(name))}</th><td>{_number(value)}</td></tr>" for name, value in rows.items())
    return f'<table class="counts"><tbody>{cells}</tbody></table>'


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
