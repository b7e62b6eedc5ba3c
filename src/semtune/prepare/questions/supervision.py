"""Sources of questions: how many questions each one gave, and adding a training pair from one."""

from __future__ import annotations

from semtune.dataset import Dataset
from semtune.prepare.drop_log import Tally
from semtune.text import key, short_id
from semtune.types import SPLITS, Pair, Query, Split

SYNTHETIC = "synthetic"


def source_of(dataset: Dataset) -> dict[str, str]:
    """Key of a question → its source; questions written by people are missing."""
    return {key(q.text): str(q.metadata["source"]) for q in dataset.queries.values() if "source" in q.metadata}


def by_source(dataset: Dataset) -> dict[str, dict[Split, int]]:
    """Number of questions of each source in each split."""
    counts: dict[str, dict[Split, int]] = {}
    for split in SPLITS:
        for query in dataset.qrels.get(split, {}):
            asked = dataset.queries.get(query)
            if asked is not None and "source" in asked.metadata:
                row = counts.setdefault(str(asked.metadata["source"]), {})
                row[split] = row.get(split, 0) + 1
    return counts


def add_pair(dataset: Dataset, anchor: str, id_: str, positive: str, group: str, source: str, tally: Tally) -> bool:
    """Add a training pair with its question and label, unless the question exists already."""
    query = short_id("q", anchor)
    if query in dataset.queries:
        tally.drop(f"{source}: its text is already a question", anchor)
        return False
    dataset.queries[query] = Query(query, anchor, {"split": "train", "group": group, "source": source})
    dataset.qrels.setdefault("train", {})[query] = {id_: 1}
    dataset.pairs.setdefault("train", []).append(Pair(anchor, positive))
    return True
