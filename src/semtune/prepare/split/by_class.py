"""A split of texts with classes in which every class has its share of train, dev and test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from semtune.prepare.dedupe.near_duplicates import fingerprint, near_duplicates
from semtune.prepare.drop_log import Tally
from semtune.prepare.split.assign import Groups
from semtune.text import stable_hash
from semtune.types import LabelledText, Split

ROUNDING = 1e-9  # of sums of shares


def split_by_class(
    rows: Sequence[LabelledText], shares: Mapping[Split, float], seed: int, tally: Tally
) -> dict[Split, list[LabelledText]]:
    """Stratified by class: a hash of the texts, with the seed, decides which of a class are held out.

    Near duplicates stay in one split, with the first of them. Of each class at least half stays in train, so a class of
    one text is trained on only. What the shares of small classes come to in fractions is made up by the next class: of
    5,000 classes with two texts, every fifth gives one to a test share of 0.1.

    Args:
        rows: distinct texts.
        shares: of the splits that are wanted.
        seed: of the hash.
        tally: receives near duplicates, and examples.
    """
    groups = _groups(rows, tally)
    members: dict[str, dict[str, list[int]]] = {}
    for at, first in enumerate(groups):
        members.setdefault(rows[first].label, {}).setdefault(rows[first].text, []).append(at)
    home: dict[int, Split] = {}
    owed = dict.fromkeys(shares, 0.0)
    for label in sorted(members, key=lambda name: (stable_hash(name, seed), name)):
        _hold_out(members[label], shares, owed, home, seed)
    made: dict[Split, list[LabelledText]] = {"train": [], **{split: [] for split in shares}}
    for at, row in enumerate(rows):
        made[home.get(at, "train")].append(row)
    return made


def _hold_out(
    groups: Mapping[str, list[int]],
    shares: Mapping[Split, float],
    owed: dict[Split, float],
    home: dict[int, Split],
    seed: int,
) -> None:
    """Give the first groups of one class, by their hash, to the splits that are owed texts."""
    total = sum(map(len, groups.values()))
    free = total // 2
    for split, share in shares.items():
        owed[split] += share * total
    for text in sorted(groups, key=lambda text: (stable_hash(text, seed), text)):
        size = len(groups[text])
        open_: list[Split] = [name for name, share in shares.items() if share and owed[name] > size - ROUNDING]
        if open_ and size <= free:
            split: Split = max(open_, key=lambda name: owed[name] / shares[name])
            free -= size
            owed[split] -= size
            home |= dict.fromkeys(groups[text], split)


def _groups(rows: Sequence[LabelledText], tally: Tally) -> list[int]:
    """For each row the first one of its near duplicates, or itself."""
    groups = Groups()
    width = len(str(len(rows)))
    for near in near_duplicates([fingerprint(row.text) for row in rows]):
        one, two = near.first, near.second
        groups.join([f"{one:0{width}}", f"{two:0{width}}"])
        tally.pair("near-duplicate texts, kept in one split", rows[one].text, rows[two].text, near.similarity)
    return [int(groups.find(f"{at:0{width}}")) for at in range(len(rows))]
