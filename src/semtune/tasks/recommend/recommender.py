"""A learned recommender: what is used together, what is popular, and how much that counts beside the vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from semtune.errors import ContractError, InputError
from semtune.formats import RECOMMENDER
from semtune.index.manifest import IndexManifest
from semtune.io import atomic_folder, read_json, write_json
from semtune.tasks.recommend.cooccurrence import Cooccurrence

FILE, ARRAYS = "recommender.json", "recommender.npz"


@dataclass(frozen=True)
class Recommender:
    """What was learned from interactions, for one index.

    Attributes:
        ids: (n,) of the items, in the order of the rows.
        learned: what is used together, and how often each item was used.
        blend: weight of the co-occurrence beside the similarity; 0 where it did not prove better.
        model, fingerprint: of the model that made the index's vectors.
        facts: what was measured on held-out events.
    """

    ids: list[str]
    learned: Cooccurrence
    blend: float
    model: str
    fingerprint: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def row(self) -> dict[str, int]:
        """Id → row."""
        return {id_: at for at, id_ in enumerate(self.ids)}

    def together(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Id → how strongly it is used together with items of these weights."""
        known = [(self.row[id_], weight) for id_, weight in weights.items() if id_ in self.row]
        if not known:
            return {}
        total = sum(weights.values())
        rows, scores = self.learned.together([row for row, _ in known], [weight / total for _, weight in known])
        return {self.ids[row]: score for row, score in zip(rows.tolist(), scores.tolist(), strict=True)}

    def pair(self, one: str, other: str) -> float:
        """How strongly two items are used together; 0 if they are not, or are unknown."""
        if one not in self.row or other not in self.row:
            return 0.0
        found = np.flatnonzero(self.learned.rows[self.row[one]] == self.row[other])
        return float(self.learned.scores[self.row[one], found[0]]) if len(found) else 0.0

    def popular(self) -> list[tuple[str, int]]:
        """Ids with their number of baskets, the most used first; equal ones in the order of the index."""
        counts = self.learned.counts
        order = np.argsort(-counts, kind="stable")
        return [(self.ids[row], int(counts[row])) for row in order.tolist() if counts[row]]

    def require(self, manifest: IndexManifest) -> None:
        """Refuse the index of another model.

        Raises:
            ContractError: its vectors are not those that the blend was chosen for.
        """
        if manifest.fingerprint != self.fingerprint:
            raise ContractError(
                f"The recommender was made for an index of the model {self.model!r} ({self.fingerprint[:12]}); this "
                f"one is of {manifest.model_name!r} ({manifest.fingerprint[:12]}). Make it again: `semtune recommend "
                "INDEX --interactions FILE --save RECOMMENDER`."
            )

    @staticmethod
    def refuse_foreign(folder: Path) -> None:
        """Refuse a folder that holds something else than a recommender.

        Raises:
            InputError: it does.
        """
        if folder.exists() and not (folder / FILE).is_file():
            raise InputError(f"{folder} already exists and is not a recommender; nothing was overwritten.")

    def save(self, folder: Path) -> None:
        """Write the recommender into a new folder, or in place of an older one.

        Raises:
            InputError: the folder holds something else.
        """
        self.refuse_foreign(folder)
        with atomic_folder(folder) as place:
            learned = self.learned
            np.savez(place / ARRAYS, rows=learned.rows, scores=learned.scores, counts=learned.counts)
            write_json(
                place / FILE,
                RECOMMENDER.stamp({
                    "model": self.model, "fingerprint": self.fingerprint, "blend": self.blend,
                    "baskets": learned.baskets, "facts": dict(self.facts), "ids": list(self.ids),
                }),
            )  # fmt: skip

    @classmethod
    def open(cls, folder: Path) -> Recommender:
        """Read what `save` wrote.

        Raises:
            InputError: it is no recommender, damaged, or of a later format.
        """
        if not (folder / FILE).is_file():
            raise InputError(f"{folder} is not a recommender. Make one: `semtune recommend INDEX --interactions FILE "
                             f"--save {folder}`.")  # fmt: skip
        values = RECOMMENDER.read(read_json(folder / FILE), folder / FILE).values
        try:
            with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
                rows, scores, counts = arrays["rows"], arrays["scores"], arrays["counts"]
            if not len(values["ids"]) == len(rows) == len(scores) == len(counts):
                raise ValueError("its parts differ in length")
            learned = Cooccurrence(rows, scores, counts, values["baskets"])
            return cls(values["ids"], learned, values["blend"], values["model"], values["fingerprint"], values["facts"])
        except (KeyError, TypeError, OSError, ValueError) as error:
            raise InputError(
                f"The recommender {folder} is damaged ({error}). Make it again from its interactions."
            ) from None
