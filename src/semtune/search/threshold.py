"""Turns a minimum score as users type it ("best-f1", "p0.9", 0.42) into a number."""

from __future__ import annotations

import math

from semtune.contract import Contract
from semtune.errors import InputError, nearest


def minimum_score(wanted: str | float, contract: Contract) -> float:
    """A score, or the calibrated threshold with that name.

    Raises:
        InputError: it is neither; the message lists the model's thresholds.
    """
    try:
        value = float(wanted)
    except ValueError:
        return _threshold(str(wanted), contract)
    if not math.isfinite(value):
        raise InputError(f"The minimum score is {wanted!r}, which is not a finite number. Give one such as 0.42.")
    return value


def _threshold(name: str, contract: Contract) -> float:
    if name in contract.thresholds:
        return contract.thresholds[name]
    if not contract.thresholds:
        raise InputError(
            f"{contract.name!r} has no calibrated thresholds, so {name!r} has no meaning. Give a score such as 0.42, "
            "or measure thresholds with `semtune evaluate MODEL DATASET --calibrate`."
        )
    allowed = [f"{each} ({score:.3f})" for each, score in contract.thresholds.items()]
    raise InputError(
        f"{contract.name!r} has no threshold {name!r}.{nearest(name, contract.thresholds)} "
        f"Allowed: {', '.join(allowed)}, or a score."
    )
