"""The page of the topics: a map, the tree, a search box, counts over time, passages."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from semtune.progress import Progress
from semtune.report.render import snippet
from semtune.tasks.topics.collection import Texts
from semtune.tasks.topics.draws import drawn
from semtune.tasks.topics.fit import Fitted
from semtune.tasks.topics.layout import laid_out
from semtune.tasks.topics.model import Assigned

if TYPE_CHECKING:
    from semtune.tasks.topics.job import Topics

POINTS = 20_000  # that are drawn, the same ones each time
SEED = 4
NO_TOPIC = 65_535
LENGTH = 300  # characters of a passage


def page_of(made: Topics, texts: Texts, fitted: Fitted, said: Assigned, progress: Progress) -> dict[str, object]:
    """The values of the template `topics.html`."""
    rows = drawn(texts.keys, POINTS, SEED)
    with progress.track("draw the map"):
        layout = laid_out(np.ascontiguousarray(fitted.projected[rows]))
    topic = np.where(said.topic[rows] < 0, NO_TOPIC, said.topic[rows]).astype("<u2")
    shown = [_shown(row, layout.places[said.topic[rows] == number]) for number, row in enumerate(made.topics)]
    return {
        "title": f"{len(made.topics):,} topics in {made.texts:,} texts" if len(made.topics) > 1 else "One topic",
        "subtitle": f"Vectors of {texts.model}. {made.noise:,} texts belong to no topic.",
        "made": made,
        "stable": len(made.topics) - made.unstable,
        "points": len(rows),
        "data": {
            "places": _base64(layout.places.astype("<u2")),
            "topic_of": _base64(topic),
            "starts": [snippet(texts.texts[row], 90) for row in texts.first[rows].tolist()],
            "topics": shown,
            "tree": made.tree,
            "periods": made.periods,
        },
    }


def _shown(row: dict[str, Any], places: NDArray[np.uint16]) -> dict[str, Any]:
    x, y = np.median(places, axis=0).tolist() if len(places) else (None, None)
    passages = [snippet(found["text"], LENGTH) for found in row["passages"]]
    return {**row, "passages": passages, "x": x, "y": y}


def _base64(numbers: NDArray[Any]) -> str:
    return base64.b64encode(numbers.tobytes()).decode("ascii")
