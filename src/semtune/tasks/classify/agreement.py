"""How a file's texts were classified, where the file also has their right classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from semtune.errors import InputError
from semtune.metrics import macro_f1
from semtune.metrics.proportions import proportion_interval
from semtune.tasks.classify.examples import SEPARATOR
from semtune.tasks.classify.prediction import Prediction


def agreement(said: Sequence[Prediction], gold: Sequence[Any]) -> dict[str, Any]:
    """Compare predictions with the right classes.

    Args:
        said: of each text.
        gold: the class of each text, or several as `a|b`; empty where it is not known.

    Returns:
        "accuracy" of the most likely class with its 95 % "interval", "macro_f1" (texts of one class each), "answered",
        the share of texts that got a class, "precision" of those, and numbers of texts.

    Raises:
        InputError: no text has a right class.
    """
    classes = [tuple(part.strip() for part in str(value or "").split(SEPARATOR) if part.strip()) for value in gold]
    known = [(prediction, right) for prediction, right in zip(said, classes, strict=True) if right]
    if not known:
        raise InputError("The column of right classes is empty in every row. Name another one: --gold COLUMN.")
    best = np.array([prediction.best in right for prediction, right in known], dtype=np.float64)
    answered = np.array([bool(prediction.labels) for prediction, _ in known])
    found: dict[str, Any] = {
        "texts": len(known),
        "without_gold": len(classes) - len(known),
        "accuracy": float(best.mean()),
        "interval": list(proportion_interval(int(best.sum()), len(best))),
        "answered": float(answered.mean()),
        "precision": float(best[answered].mean()) if answered.any() else None,
    }
    if all(len(right) == 1 for _, right in known):
        every = [right[0] for _, right in known] + [prediction.best for prediction, _ in known]
        numbered = np.unique(every, return_inverse=True)[1]
        found["macro_f1"] = macro_f1(numbered[: len(known)], numbered[len(known) :])
    return found
