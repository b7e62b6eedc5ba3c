"""What people decided about groups: texts that are not duplicates, and texts that are kept rather than others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semtune.errors import InputError
from semtune.io import read_json

FORM = 'Export it on the review page: {"different": [["ID", "ID"], ...], "preferred": ["ID", ...]}.'


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions by the ids of texts, so that they hold for another order of the file, and for a longer one.

    Attributes:
        different: pairs of texts that are not duplicates; a text with itself: its equal rows are all kept.
        preferred: texts that are kept rather than others of their group.
    """

    different: tuple[tuple[str, str], ...] = ()
    preferred: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Decisions:
        """Read what the review page exported.

        Raises:
            InputError: it is no such file.
        """
        values: Any = read_json(path)
        if not isinstance(values, dict):
            raise InputError(f"--decisions {path} holds no decisions. {FORM}")
        pairs, names = values.get("different", []), values.get("preferred", [])
        whole = isinstance(pairs, list) and isinstance(names, list) and all(isinstance(name, str) for name in names)
        if not whole or not all(
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(name, str) for name in pair) for pair in pairs
        ):
            raise InputError(f"--decisions {path} holds no decisions. {FORM}")
        both = {(min(one, two), max(one, two)) for one, two in pairs}
        return cls(tuple(sorted(both)), tuple(sorted(set(names))))

    def as_dict(self) -> dict[str, Any]:
        """The form of the file."""
        return {"different": [list(pair) for pair in self.different], "preferred": list(self.preferred)}

    def unknown(self, ids: Sequence[str]) -> int:
        """How many decisions are about texts that are not there (any more)."""
        known = set(ids)
        return sum(not known.issuperset(pair) for pair in self.different) + sum(
            name not in known for name in self.preferred
        )

    @property
    def all_equal_kept(self) -> frozenset[str]:
        """The texts whose equal rows are all kept."""
        return frozenset(one for one, two in self.different if one == two)

    def keys(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """The pairs that are not duplicates, as `first x count + second` with the smaller place first."""
        places = {name: place for place, name in enumerate(ids)}
        known = [(places[one], places[two]) for one, two in self.different if one in places and two in places]
        return np.array(
            sorted(min(pair) * len(ids) + max(pair) for pair in known if pair[0] != pair[1]), dtype=np.int64
        )
