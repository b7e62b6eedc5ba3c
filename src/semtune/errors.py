"""The exceptions Semtune raises on purpose.

Each message says what was wrong, what is allowed, and what to do next. The command line prints the
message alone (no traceback) and leaves with `exit_code`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class SemtuneError(Exception):
    """Base of every error that is the caller's to mend; anything else is a bug in Semtune."""

    exit_code = 2


class InputError(SemtuneError):
    """The data given is missing, unreadable or of a shape that cannot be used."""


class BusyError(InputError):
    """Another process, or another request, is writing; the same call works when it is done."""


class TooLongError(InputError):
    """Texts are longer than the model reads, and cutting them was forbidden.

    Attributes:
        places: (n,) positions of the texts.
        beyond: (n,) tokens of each that would not be read.
        limit: tokens that the model reads.
        of: number of texts in all.
    """

    def __init__(self, places: Sequence[int], beyond: Sequence[int], limit: int, of: int, name: str = "") -> None:
        self.places, self.beyond, self.limit, self.of = places, beyond, limit, of
        lost, first = sum(beyond), name or f"text {places[0] + 1}"
        subject = "texts are" if len(places) != 1 else "text is"
        super().__init__(
            f"{len(places):,} of {of:,} {subject} longer than the {limit:,} tokens that the model reads (the first: "
            f"{first}); {lost:,} tokens would not be read, and truncate: error forbids that. Shorten what is too long, "
            "or choose truncate: window (nothing is lost) or truncate: cut."
        )

    def named(self, names: Sequence[str]) -> TooLongError:
        """The same error with the first text's name out of (`of`,) names."""
        return TooLongError(self.places, self.beyond, self.limit, self.of, names[self.places[0]])


class ConfigError(SemtuneError):
    """A setting is unknown or its value is not allowed."""


class ModelError(SemtuneError):
    """A model folder or name cannot be used."""


class ContractError(SemtuneError):
    """Two artefacts do not belong together: a model and an index with another fingerprint, say."""


class MissingExtraError(SemtuneError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class RunLockedError(SemtuneError):
    """Another process is working in the same run directory."""


class StorageError(SemtuneError):
    """The disk is full or a place cannot be written."""


class TrainingError(SemtuneError):
    """Training cannot continue: the loss is not a finite number, or memory is exhausted."""


class GateError(SemtuneError):
    """A gate refused: a leak, a failed parity check, or a model that is not better than its base."""

    exit_code = 1


LONGEST_TYPO = 100  # characters


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` for the closest allowed word, or an empty string."""
    if len(word) > LONGEST_TYPO:  # what takes seconds to compare is no slip of the pen
        return ""
    close = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""
