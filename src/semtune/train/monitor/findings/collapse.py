"""The model collapses: it gives nearly the same embedding to all texts."""

from __future__ import annotations

import math

from semtune.train.monitor.finding import Finding
from semtune.train.monitor.history import TrainingHistory


def collapse(history: TrainingHistory) -> Finding | None:
    """The cosines of different texts draw near 1, or few directions are left, and the metric falls."""
    first, last = history.dev[0], history.last
    if not {"dev_alike", "dev_spread"} <= first.keys() & last.keys():
        return None
    closed = (last["dev_alike"] - first["dev_alike"]) / max(1e-9, 1 - first["dev_alike"])
    narrow = last["dev_spread"] < first["dev_spread"] / 4
    if math.isfinite(last["dev_alike"]) and not ((closed > 0.75 or narrow) and history.fallen()):
        return None
    return Finding(
        "collapse",
        "warning",
        f"the embeddings of different texts became too similar: their mean cosine went from {first['dev_alike']:.2f} "
        f"to {last['dev_alike']:.2f}, the directions in use from {first['dev_spread']:.0f} to "
        f"{last['dev_spread']:.0f}.",
        "Lower train.learning_rate (2e-5 is usual); for scored pairs, check that not all scores are high.",
        history.newest_step,
    )
