"""What a filter may compare with."""

from __future__ import annotations

import math
from typing import Any, TypeGuard, get_args

from semtune.errors import InputError
from semtune.index.filters import Operator, Scalar

OPERATORS: tuple[Operator, ...] = get_args(Operator)
LARGEST = 2**63  # databases hold whole numbers of 64 bits


def is_operator(word: object) -> TypeGuard[Operator]:
    """Whether a word is an operator."""
    return word in OPERATORS


def checked(value: Any) -> Scalar:
    """The value, if a field can be compared with it.

    Raises:
        InputError: it is not a text, a finite number, true, false or null.
    """
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise InputError("The text has half a character (a lone surrogate), which no document can have.")
        return value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and not -LARGEST <= value < LARGEST:
        raise InputError(f"{value} is too large. Whole numbers must be between -2^63 and 2^63 - 1.")
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{value} is not a finite number.")
    if not isinstance(value, int | float):
        raise InputError(f"{value!r} is no value. Values are texts, numbers, true, false and null.")
    return value


def require_order(operator: Operator, value: Scalar) -> None:
    """Refuse true, false and null after <, <=, > and >=.

    Raises:
        InputError: the value has no order.
    """
    if operator not in {"=", "!="} and (value is None or isinstance(value, bool)):
        raise InputError(f"{operator} compares numbers or texts; use = or != with true, false and null.")
