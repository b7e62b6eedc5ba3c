"""Where questions come from, and how much of each source is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from semtune.dataset import Dataset
from semtune.errors import ConfigError, nearest
from semtune.prepare.tally import Tally
from semtune.prepare.text import key, short_id, stable_hash
from semtune.types import SPLITS, Pair, Query, Split

SYNTHETIC = "synthetic"
WHOLE = 2**64  # of a stable hash


@dataclass(frozen=True, slots=True)
class Supervision:
    """For each source of questions, the share of its training pairs that is kept, chosen by hash; 0: it is off.

    Attributes:
        heading: a title or heading, for the text below it.
        summary: a docstring's first sentence, for the rest.
        faq: a heading, bold line or "Q:" line that is a question, for its answer.
        definition: a term, for its definition.
        link: what a link to another document says, for the beginning of that document. Train only.
        neighbour: a passage, for the next one of its section. Train only.
        cloze: a sentence taken out of a passage, for the rest; "auto": all, where hardly anything else asks.
    """

    heading: float = 1.0
    summary: float = 1.0
    faq: float = 1.0
    definition: float = 1.0
    link: float = 0.5
    neighbour: float = 0.0
    cloze: float | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        for source in SOURCES:
            value = getattr(self, source)
            if source == "cloze" and value == "auto":
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                also = ", or 'auto'" if source == "cloze" else ""
                raise ConfigError(f"supervision: {source}={value!r} is no share. Allowed: 0 (off) to 1 (all){also}.")

    def share(self, source: str) -> float:
        """The share of a source's training pairs that is kept; 1 for a source that has no weight."""
        value = getattr(self, source) if source in SOURCES else 1.0
        return 1.0 if value == "auto" else float(value)

    def keeps(self, source: str, anchor: str, positive: str, seed: int) -> bool:
        """Whether this training pair is among those kept."""
        return stable_hash(f"{source}\n{anchor}\n{positive}", seed) < self.share(source) * WHOLE


SOURCES = tuple(entry.name for entry in fields(Supervision))


def supervision(values: Mapping[str, float | Literal["auto"]]) -> Supervision:
    """The weights given by name, the others at their default.

    Raises:
        ConfigError: a name is no source, or a weight no share.
    """
    for name in values:
        if name not in SOURCES:
            raise ConfigError(
                f"supervision: {name!r} is no source of questions.{nearest(name, SOURCES)} Allowed: {', '.join(SOURCES)}."
            )
    return Supervision(**values)  # type: ignore[arg-type]


def source_of(dataset: Dataset) -> dict[str, str]:
    """Question, as compared → where it came from; empty for questions that people gave."""
    return {key(q.text): str(q.metadata["source"]) for q in dataset.queries.values() if "source" in q.metadata}


def by_source(dataset: Dataset) -> dict[str, dict[Split, int]]:
    """How many questions of each source are asked in each split."""
    counts: dict[str, dict[Split, int]] = {}
    for split in SPLITS:
        for query in dataset.qrels.get(split, {}):
            asked = dataset.queries.get(query)
            if asked is not None and "source" in asked.metadata:
                row = counts.setdefault(str(asked.metadata["source"]), {})
                row[split] = row.get(split, 0) + 1
    return counts


def add_pair(dataset: Dataset, anchor: str, id_: str, positive: str, group: str, source: str, tally: Tally) -> bool:
    """Add a training pair with its question and label, unless the question is asked already."""
    query = short_id("q", anchor)
    if query in dataset.queries:
        tally.drop(f"{source}: its text is a question already", anchor)
        return False
    dataset.queries[query] = Query(query, anchor, {"split": "train", "group": group, "source": source})
    dataset.qrels.setdefault("train", {})[query] = {id_: 1}
    dataset.pairs.setdefault("train", []).append(Pair(anchor, positive))
    return True
