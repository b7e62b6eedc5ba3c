"""Boilerplate of web pages: navigation, consent bars, boxes to subscribe and to share.

The names are in `html_boilerplate.yaml`. If a name could also name content ("cookie-notice" may be a section of a
manual), its element is left out only if it is small and holds no heading of the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

MAX_SMALL = 1_500  # characters of a consent bar or a box
MAX_ICON = 20  # characters of what is hidden from screen readers; more may be content that a script shows
MAX_LINE = 50  # characters of a line that is only a link of the page's frame
_MAY_HAVE_BOX = re.compile("cookie|consent|gdpr|privacy-banner|newsletter|subscribe-|email-signup", re.IGNORECASE)
# Not left out: style="display:none". SQLite's pages hide headings and diagrams so, which a script or a click shows.
_HIDDEN = "[aria-hidden=true]"


@dataclass(frozen=True, slots=True)
class Boilerplate:
    """The selectors and lines in `html_boilerplate.yaml`.

    Attributes:
        always: selects what is left out.
        dialogs: selects what is left out if it is small.
        boxes: as `dialogs`, for many names; slow.
        content: tags of elements whose names say what they are about.
        lines: that are left out if they stand alone.
    """

    always: str
    dialogs: str
    boxes: str
    content: frozenset[str]
    lines: frozenset[str]


@cache
def boilerplate() -> Boilerplate:
    """The content of `html_boilerplate.yaml`."""
    source = files("semtune.prepare.readers.documents").joinpath("html_boilerplate.yaml")
    listed = yaml.safe_load(source.read_text(encoding="utf-8"))
    cookies = [
        f"cookie{s}{join}{what}" for s in ("", "s") for join in ("-", "_", "") for what in listed["cookie_boxes"]
    ]
    names = [f"[id='{name}' i], [class~='{name}' i]" for name in (*cookies, *listed["boxes"])]
    return Boilerplate(
        always=", ".join([*listed["frame"], *listed["consent"].values(), *listed["widgets"]]),
        dialogs=", ".join(listed["dialogs"]),
        boxes=", ".join(names),
        content=frozenset(listed["content"].split()),
        lines=frozenset(listed["lines"]),
    )


def find_boilerplate(tree: Any, source: str) -> set[int]:
    """The `mem_id` of each node of a selectolax tree that is left out with its subtree; `source` is the page."""
    listed = boilerplate()
    found = {node.mem_id for node in tree.css(listed.always)}
    # Many names cost a quarter of the whole time, so they are only looked for where the page has one of their words.
    small = f"{listed.dialogs}, {listed.boxes}" if _MAY_HAVE_BOX.search(source) else listed.dialogs
    found.update(node.mem_id for node in tree.css(small) if _is_box(node))
    found.update(node.mem_id for node in tree.css(_HIDDEN) if len(node.text()) <= MAX_ICON)
    return found


def is_frame_line(line: str) -> bool:
    """Whether a line is only a link of the page's frame, such as "Back to top"."""
    return len(line) < MAX_LINE and line.casefold().strip(" ↑⬆^✎»›←→[]") in boilerplate().lines


def _is_box(node: Any) -> bool:
    if node.tag in boilerplate().content or "section" in (node.attributes.get("class") or "").split():
        return False
    return len(node.text()) <= MAX_SMALL and node.css_first("main, article, h1, [role=tabpanel]") is None
