"""Matplotlib figures as inline SVG whose colours follow the page's scheme, light or dark."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from semtune.registry import need

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Figures are drawn in these placeholder colours; `to_svg` replaces them with CSS variables of the page.
INK, MUTED, GRID = "#010101", "#020202", "#030303"
SYSTEMS = {"tuned": "#040404", "base": "#050505", "bm25": "#060606"}
GOOD, BAD = "#070707", "#080808"
CARD = "#090909"  # the background of a figure
VARIABLES = {
    INK: "ink", MUTED: "muted", GRID: "grid", GOOD: "good", BAD: "bad", CARD: "card",
    **{colour: name for name, colour in SYSTEMS.items()},
}  # fmt: skip
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: sharp, selectable, small
    "font.family": "DejaVu Sans",  # included in matplotlib; on screen the page's CSS replaces it
    "font.size": 9,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}
SIZE = (4.4, 2.8)  # inches; small, so that text stays readable on a phone


@contextmanager
def canvas() -> Iterator[tuple[Figure, Axes]]:
    """A figure with one pair of axes in the report's style; it needs no display and no pyplot.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    need("matplotlib")
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        yield figure, figure.add_subplot()


def to_svg(figure: Figure, name: str, label: str) -> Markup:
    """Render a figure made by `canvas` as an `<svg>` element for a template.

    Args:
        figure: to be rendered while its `canvas` is open.
        name: keeps its ids apart from those of the page's other figures.
        label: what it shows, for screen readers.
    """
    import matplotlib as mpl
    from markupsafe import Markup

    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r"font: (\S+) [^;\"]+", r"font-size: \1", text)  # the family is the page's
    text = re.sub(r'(<svg\b[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg\b[^>]*?) height="[^"]*"', r"\1", text, count=1)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    labelled = text.replace("<svg", f'<svg role="img" aria-label="{html.escape(label, quote=True)}"', 1)
    return Markup(labelled)  # noqa: S704 - matplotlib escapes the texts it draws, and the label is escaped above
