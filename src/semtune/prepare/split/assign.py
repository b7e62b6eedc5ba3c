"""Groups of what must stay in one split, and their assignment to train, dev and test.

A hash of a group's name decides its split, so data added later does not move what was there before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from semtune.prepare.dedupe.near_duplicates import fingerprint, near_duplicates
from semtune.prepare.drop_log import Tally
from semtune.prepare.settings import PrepareSettings
from semtune.text import stable_hash
from semtune.types import Split

FEW = 3  # fewer groups cannot be split
ENOUGH = 50  # questions; a split with fewer, and less than half of its share, takes further groups
LARGE = 0.25  # a group with a larger share of the questions is used for training only


class Groups:
    """Union-find over names; a group is named after its smallest member."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def find(self, name: str) -> str:
        """The group's name."""
        self._parent.setdefault(name, name)
        root = name
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[name] != root:
            self._parent[name], name = root, self._parent[name]
        return root

    def join(self, names: Iterable[str]) -> None:
        """Put all `names` into one group."""
        roots = sorted({self.find(name) for name in names})
        for root in roots[1:]:
            self._parent[root] = roots[0]


def join_near(groups: Groups, members: Sequence[tuple[str, str]], what: str, tally: Tally) -> None:
    """Join the groups of near duplicates, so that one is not trained on while the other is held out.

    Args:
        groups: joined in place.
        members: texts with their group.
        what: name of the texts, for the report.
        tally: receives the number of near duplicates across groups, and examples.
    """
    for near in near_duplicates([fingerprint(text) for text, _ in members]):
        (one, home), (two, other) = members[near.first], members[near.second]
        if groups.find(home) != groups.find(other):
            groups.join([home, other])
        if home != other:
            tally.pair(f"near-duplicate {what} across documents, kept in one split", one, two, near.similarity)


def assign(
    weights: Mapping[str, int], dev_share: float, test_share: float, seed: int, tally: Tally
) -> dict[str, Split]:
    """Give each group a split.

    With three groups or more, every wanted split gets at least one. With fewer, all are used for training. A split that
    got only small groups by chance takes further ones, in the order of their hash.

    Args:
        weights: group → number of questions in it; groups without questions need no split.
        dev_share: wanted share of the groups; 0: no such split.
        test_share: the same for test.
        seed: of the hash.
        tally: receives the warnings and the size of the largest group.
    """
    groups = sorted(weights)
    total = sum(weights.values())
    tally.count("groups", len(groups))
    if not groups:
        return {}
    largest = max(weights.values())
    tally.count("largest group's questions", largest)
    if len(groups) < FEW:
        if dev_share or test_share:
            tally.warn(
                f"All questions come from {len(groups)} group(s) (documents, or questions that share texts): too few "
                "to hold some out. All are used for training, so the result cannot be evaluated. Add more documents."
            )
        return dict.fromkeys(groups, "train")
    place = {group: stable_hash(group, seed) / 2**64 for group in groups}
    small = [group for group in groups if weights[group] <= max(LARGE, 2 / len(groups)) * total]
    if largest > LARGE * total and len(small) < len(groups):
        tally.warn(
            f"One group holds {largest:,} of {total:,} questions (a very long document, or texts that occur "
            "everywhere): it is used for training only."
        )
    splits: dict[str, Split] = dict.fromkeys(groups, "train")
    for group in small:
        if place[group] < test_share:
            splits[group] = "test"
        elif place[group] < test_share + dev_share:
            splits[group] = "dev"
    shares: dict[Split, float] = {"test": test_share, "dev": dev_share}
    _guarantee(splits, place, small, shares)
    _fill_up(splits, place, small, weights, shares)
    return splits


def missing_shares(held: Collection[Split], settings: PrepareSettings) -> dict[Split, float]:
    """The wanted shares of those splits that the source does not have."""
    shares: dict[Split, float] = {"dev": settings.dev_share, "test": settings.test_share}
    return {split: share for split, share in shares.items() if split not in held}


def _guarantee(
    splits: dict[str, Split], place: Mapping[str, float], small: list[str], shares: dict[Split, float]
) -> None:
    """Make sure that no wanted split is empty and that something is left to train on."""
    order = sorted(small, key=lambda group: (place[group], group))
    for wanted, share in shares.items():
        if not share or wanted in splits.values():
            continue
        held = list(splits.values())
        free = [g for g in order if splits[g] == "train" or held.count(splits[g]) > 1]
        if free:
            splits[min(free, key=lambda g: (splits[g] != "train", order.index(g)))] = wanted
    if "train" not in splits.values():
        held = list(splits.values())
        spare = [group for group in reversed(order) if held.count(splits[group]) > 1]
        if spare:
            splits[spare[0]] = "train"


def _fill_up(
    splits: dict[str, Split],
    place: Mapping[str, float],
    small: list[str],
    weights: Mapping[str, int],
    shares: Mapping[Split, float],
) -> None:
    """Move training groups to a split that has too few questions to evaluate with, up to about its share."""
    total = sum(weights.values())
    for wanted, share in shares.items():
        held = sum(weights[group] for group in splits if splits[group] == wanted)
        for group in sorted(small, key=lambda name: (place[name], name)):
            if held >= min(ENOUGH, share * total / 2):
                break
            if splits[group] == "train" and held + weights[group] <= 1.5 * share * total:
                splits[group] = wanted
                held += weights[group]
