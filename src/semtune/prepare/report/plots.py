"""The plots of the data set page: each takes numbers of the report and returns one inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from semtune.report.svg import BAD, GOOD, MUTED, canvas, to_svg

if TYPE_CHECKING:
    from markupsafe import Markup

NEAR = 2  # a limit above this multiple of the longest text is not drawn: it would squeeze the bars together


def lengths(name: str, what: str, spread: Mapping[str, Any], limit: int) -> Markup:
    """Histogram of lengths in tokens with the model's limit; texts that are cut have a colour of their own.

    Args:
        name: keeps the ids of this plot apart from those of others on the page.
        what: the name of the texts.
        spread: from `semtune.prepare.report.lengths.spread`.
        limit: the model's, in tokens.
    """
    edges: Sequence[int] = spread["histogram"]["edges"]
    counts: Sequence[int] = spread["histogram"]["counts"]
    cut = next((place for place, edge in enumerate(edges) if edge > limit), len(counts))
    right = max(edges[-1], limit * 1.06 if limit < NEAR * edges[-1] else 0)
    with canvas() as (figure, axes):
        from matplotlib.ticker import MaxNLocator  # `canvas` has checked that matplotlib is installed

        axes.stairs(counts[:cut], edges[: cut + 1], fill=True, color=GOOD, alpha=0.75)
        if counts[cut:]:
            axes.stairs(counts[cut:], edges[cut:], fill=True, color=BAD, alpha=0.75)
        if limit < right:
            axes.axvline(limit + 1, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
            left = limit > 0.7 * right
            axes.annotate(
                f"limit {limit}", (limit + 1, 1), xycoords=("data", "axes fraction"), xytext=(-4 if left else 4, -9),
                textcoords="offset points", ha="right" if left else "left", color=MUTED, fontsize=8.5,
            )  # fmt: skip
        axes.set_xlim(0, right)
        axes.set_ylim(0, 1.12 * max(counts))
        axes.grid(axis="x", visible=False)
        axes.set_xlabel("tokens" + (" (the last bar includes all longer texts)" if spread["max"] >= edges[-1] else ""))
        axes.set_ylabel(what)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        return to_svg(figure, f"lengths-{name}", f"Histogram of the lengths of {what} in tokens; the limit is {limit}")
