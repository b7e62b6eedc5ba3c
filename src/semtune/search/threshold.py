"""From what people type for a lowest score ("best-f1", "p0.9", 0.42) to the score."""

from __future__ import annotations

import math

from semtune.contract import Contract
from semtune.errors import InputError, nearest


def lowest_score(wanted: str | float, contract: Contract) -> float:
    """A score as it stands, or the calibrated cut of that name.

    Raises:
        InputError: it is neither; the cuts that the model has are named.
    """
    try:
        value = float(wanted)
    except ValueError:
        return _cut(str(wanted), contract)
    if math.isnan(value):
        raise InputError(f"The lowest score is {wanted!r}, which is no number. Give one, such as 0.42.")
    return value


def _cut(name: str, contract: Contract) -> float:
    if name in contract.thresholds:
        return contract.thresholds[name]
    if not contract.thresholds:
        raise InputError(
            f"{contract.name!r} has no calibrated thresholds, so {name!r} says nothing. Give a score, such as 0.42, or "
            "measure them with `semtune evaluate MODEL DATASET --calibrate`."
        )
    allowed = [f"{cut} ({score:.3f})" for cut, score in contract.thresholds.items()]
    raise InputError(
        f"{contract.name!r} has no threshold {name!r}.{nearest(name, contract.thresholds)} It has {', '.join(allowed)}; a score is allowed too."
    )
