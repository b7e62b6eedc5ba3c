"""What people changed by hand: topics that are merged, split or renamed. It is kept from run to run.

The file `edits.json` in the folder of the topics names topics by their ids, which stay the same from run to run: a
topic of a new run has the id of the old topic whose texts it shares the most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from semtune.errors import InputError
from semtune.io import read_json, write_json
from semtune.tasks.topics.draws import Keys
from semtune.tasks.topics.micro import means, micro_clusters
from semtune.tasks.topics.model import TopicModel, with_floors
from semtune.tasks.topics.ward import top_of, ward
from semtune.types import Embeddings
from semtune.unit_vectors import unit

FILE = "edits.json"
KNOWN = ("merge", "split", "title")
SAME = 0.3  # Jaccard index of the texts, at least, of an old and a new topic that are the same
MOST_PARTS = 50
HELP = (
    'Merge: [["3", "7"], ...], the first id stays. Split: {"5": 2}, into so many parts 5.1, 5.2. '
    'Title: {"1": "Billing"}. Then run the same command again.'
)


@dataclass(frozen=True, slots=True)
class Edits:
    """Groups of ids that are one topic, ids with the number of parts, and titles by id."""

    merge: list[list[str]] = field(default_factory=list)
    split: dict[str, int] = field(default_factory=dict)
    title: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write the file that people edit."""
        write_json(folder / FILE, {"help": HELP, "merge": self.merge, "split": self.split, "title": self.title})


def read_edits(folder: Path) -> Edits:
    """The edits in a folder of topics; none if it has no such file.

    Raises:
        InputError: the file is not as `HELP` says.
    """
    path = folder / FILE
    if not path.is_file():
        return Edits()
    values = read_json(path)
    if not isinstance(values, dict) or set(values) - {*KNOWN, "help"}:
        raise InputError(f"{path} may hold {', '.join(KNOWN)} and nothing else. {HELP}")
    merge, split, title = values.get("merge", []), values.get("split", {}), values.get("title", {})
    if not (_is_merge(merge) and _is_split(split) and _is_title(title)):
        raise InputError(f"{path} is not written as it should be. {HELP}")
    named = [str(id_) for group in merge for id_ in group]
    twice = sorted({id_ for id_ in named if named.count(id_) > 1} | (set(named) & {str(id_) for id_ in split}))
    if twice:
        raise InputError(f"{path} names the topic {twice[0]} twice. Merge or split a topic once.")
    return Edits([[str(id_) for id_ in group] for group in merge], {str(k): v for k, v in split.items()},
                 {str(k): v for k, v in title.items()})  # fmt: skip


def _is_merge(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(group, list) and len(group) > 1 for group in value)


def _is_split(value: Any) -> bool:
    return isinstance(value, dict) and all(type(n) is int and 2 <= n <= MOST_PARTS for n in value.values())


def _is_title(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(title, str) and title.strip() for title in value.values())


def carried_ids(old: TopicModel, new: TopicModel, vectors: Embeddings, projected: Embeddings) -> tuple[str, ...]:
    """The ids of new topics: of the old topic that shares the most texts, else numbers that no topic had.

    Args:
        old: of the last run.
        new: of this one.
        vectors: (n, dim) of this run's texts.
        projected: (n, components) the same as the new model projects them.
    """
    before, now = old.assign(vectors).near, new.assign_projected(projected).near
    table = np.zeros((len(old.ids), len(new.ids)))
    np.add.at(table, (before, now), 1)
    either = table.sum(axis=1)[:, None] + table.sum(axis=0)[None, :] - table
    alike = table / np.maximum(either, 1)
    ids: dict[int, str] = {}
    for place in np.argsort(-alike, axis=None, kind="stable").tolist():
        one, two = divmod(place, len(new.ids))
        if alike[one, two] < SAME:
            break
        if two not in ids and old.ids[one] not in ids.values():
            ids[two] = old.ids[one]
    following = max((int(id_) for id_ in old.ids if id_.isdigit()), default=0) + 1
    for number in range(len(new.ids)):
        if number not in ids:
            ids[number] = str(following)
            following += 1
    return tuple(ids[number] for number in range(len(new.ids)))


@dataclass(frozen=True, slots=True)
class Edited:
    """A model after the edits, and what could not be done."""

    model: TopicModel
    notes: list[str]


def apply_edits(model: TopicModel, edits: Edits, projected: Embeddings, keys: Keys, noise: float) -> Edited:
    """Merge and split topics; (n, components) projected vectors and their (n,) keys are needed to split."""
    if not edits.merge and not edits.split:
        return Edited(model, [])
    notes: list[str] = []
    name_of, parts = _joined(model.ids, edits, notes), _wanted_parts(model.ids, edits, notes)
    near = model.assign_projected(projected).near
    centres: list[Embeddings] = []
    names: list[str] = []
    for number, id_ in enumerate(model.ids):
        own = model.centres[model.owner == number]
        if id_ in parts:
            rows = np.flatnonzero(near == number)
            own = _parts(projected[rows], keys[rows], parts[id_])
            names += [f"{id_}.{part + 1}" for part in range(len(own))]
        else:
            names += [name_of[id_]] * len(own)
        centres.append(own)
    ids = list(dict.fromkeys(names))
    owner = np.array([ids.index(name) for name in names], dtype=np.int64)
    return Edited(with_floors(model.projection, projected, np.concatenate(centres), owner, ids, noise), notes)


def _joined(ids: Sequence[str], edits: Edits, notes: list[str]) -> dict[str, str]:
    name_of = {id_: id_ for id_ in ids}
    for group in edits.merge:
        there = [id_ for id_ in group if id_ in name_of]
        missing = [id_ for id_ in group if id_ not in name_of]
        if missing:
            notes.append(f"{FILE} merges {', '.join(missing)}, and there is no such topic any more; it is kept.")
        for id_ in there:
            name_of[id_] = there[0]
    return name_of


def _wanted_parts(ids: Sequence[str], edits: Edits, notes: list[str]) -> dict[str, int]:
    for id_ in edits.split:
        if id_ not in ids:
            notes.append(f"{FILE} splits {id_}, and there is no such topic any more; it is kept.")
    return {id_: count for id_, count in edits.split.items() if id_ in ids}


def _parts(projected: Embeddings, keys: Keys, count: int) -> Embeddings:
    """(count, components) centres of the parts of a topic, the largest first; fewer if it has fewer texts."""
    micro = micro_clusters(projected, keys)
    top = top_of(ward(micro.centres, micro.weights), count)
    part_of = top.leaf_of[micro.of]
    order = np.argsort(-np.bincount(part_of, minlength=top.leaves), kind="stable")
    return unit(means(projected, part_of, top.leaves)[order]).astype(np.float32)
