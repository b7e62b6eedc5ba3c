"""Pairs of items to train on, from baskets: item → item that was used with it, without the bias to what is popular.

Popular items are in most baskets, so that plain pairs would teach that everything is like them. Each pair is drawn with
a chance that falls with the popularity of its answer, and no item is the answer of more than a few pairs (the sampling
correction of Yi et al. 2019, done in the data instead of in the loss).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from semtune.errors import InputError
from semtune.io import atomic_folder, write_jsonl
from semtune.prepare.dedupe.near_duplicates import fingerprint, near_duplicates
from semtune.prepare.drop_log import Tally, by_reason
from semtune.prepare.split.assign import Groups
from semtune.tasks.recommend.held_out import Basket
from semtune.tasks.recommend.settings import LearnSettings
from semtune.text import stable_hash
from semtune.types import SPLITS, Split

ALIKE, TOO_MANY, OTHER_SPLIT, OF_BASKET = (
    "items with nearly the same text", "answer of enough pairs already", "an item is of another split",
    "pairs of a basket beyond the limit",
)  # fmt: skip
KEPT_WHOLE = 300  # items of a basket, the last ones, that pairs are made of: 90,000 pairs


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of rows by split, and reason → number of pairs left out."""

    by_split: dict[Split, list[tuple[int, int]]]
    left_out: dict[str, int]


def make_pairs(baskets: Sequence[Basket], texts: Sequence[str], settings: LearnSettings) -> Pairs:
    """Pairs for training, dev and test.

    With times a basket belongs to the split in which its last event lies, so that no event of train is later than the
    first moment of test; without times, to one by a hash of its name. A basket is never cut. Items belong to one split,
    too, with their near duplicates, by a hash of their text; a pair needs two items of its basket's split.

    Args:
        baskets: of all users.
        texts: of the items by row.
        settings: shares, limits and seed.

    Raises:
        InputError: there is no pair to train on.
    """
    tally = Tally()
    group = _groups(texts)
    home = [_by_hash(texts[first], settings) for first in group]
    split = _splits(baskets, settings)
    counts = Counter(row for basket in baskets for row in basket.rows)
    kept: dict[Split, list[tuple[int, int]]] = {}
    for name in SPLITS:
        mine = [basket for basket, part in zip(baskets, split, strict=True) if part == name]
        allowed = {row for row, part in enumerate(home) if part == name}
        kept[name] = _drawn(mine, group, allowed, counts, settings, tally)
    if not kept["train"]:
        raise InputError("The interactions give no pair to train on: no basket of train has two items of train.")
    return Pairs(
        {name: kept[name] for name in SPLITS}, {why: n for why, n in by_reason(tally.dropped).items() if n}
    )  # fmt: skip


def _groups(texts: Sequence[str]) -> list[int]:
    """The first row of the near duplicates that each item belongs to."""
    groups = Groups()
    for row in range(len(texts)):
        groups.find(str(row))
    for near in near_duplicates([fingerprint(text) for text in texts]):
        groups.join([str(near.first), str(near.second)])
    return [int(groups.find(str(row))) for row in range(len(texts))]


def _splits(baskets: Sequence[Basket], settings: LearnSettings) -> list[Split]:
    if all(basket.times for basket in baskets):
        last = np.array([(basket.times or (0.0,))[-1] for basket in baskets])
        test, edge = settings.test_share, settings.test_share + settings.dev_share
        first, second = np.quantile(last, [1 - edge, 1 - test], method="higher")
        return ["train" if at < first else "dev" if at < second else "test" for at in last]
    return [_by_hash(basket.user, settings) for basket in baskets]


def _by_hash(name: str, settings: LearnSettings) -> Split:
    """The split of a basket or an item; of baskets the same as in `hold_out`."""
    at = stable_hash(name, settings.seed) / 2**64
    if at < settings.test_share:
        return "test"
    return "dev" if at < settings.test_share + settings.dev_share else "train"


def _drawn(
    baskets: Sequence[Basket],
    group: Sequence[int],
    allowed: Set[int],
    counts: Mapping[int, int],
    settings: LearnSettings,
    tally: Tally,
) -> list[tuple[int, int]]:
    """Pairs of a split, rare answers first drawn; sorted."""
    rng = np.random.default_rng(settings.seed)
    answers: Counter[int] = Counter()
    found: dict[tuple[int, int], None] = {}
    for basket in baskets:
        last = basket.rows[-KEPT_WHOLE:]
        rows = [row for row in last if row in allowed]
        tally.drop(OF_BASKET, basket.user, _ordered_pairs(basket.rows) - _ordered_pairs(last))
        tally.drop(OTHER_SPLIT, basket.user, _ordered_pairs(last) - _ordered_pairs(rows))
        both = [pair for one, two in combinations(rows, 2) for pair in ((one, two), (two, one))]
        pairs = [pair for pair in both if group[pair[0]] != group[pair[1]]]
        tally.drop(ALIKE, basket.user, len(both) - len(pairs))
        # Efraimidis & Spirakis 2006: the largest of u ^ (1 / weight) are a weighted sample without replacement.
        keys = rng.random(len(pairs)) ** np.array([counts[answer] for _, answer in pairs], np.float64)
        order = np.argsort(-keys, kind="stable").tolist()
        tally.drop(OF_BASKET, basket.user, max(0, len(order) - settings.pairs_per_basket))
        for at in order[: settings.pairs_per_basket]:
            pair = pairs[at]
            if pair in found:
                continue
            if answers[pair[1]] >= settings.pairs_per_item:
                tally.drop(TOO_MANY, basket.user)
                continue
            answers[pair[1]] += 1
            found[pair] = None
    return sorted(found)


def _ordered_pairs(rows: Sequence[int]) -> int:
    return len(rows) * (len(rows) - 1)


def write_pairs(pairs: Pairs, texts: Sequence[str], folder: Path) -> dict[str, int]:
    """Write train.jsonl, dev.jsonl and test.jsonl with anchor and positive, which `semtune prepare` reads.

    Returns:
        Split → number of pairs.

    Raises:
        InputError: the folder holds something else.
    """
    names = {f"{name}.jsonl" for name in SPLITS}
    if folder.exists() and (not folder.is_dir() or {path.name for path in folder.iterdir()} - names):
        raise InputError(f"{folder} already exists and holds other things than pairs; nothing was overwritten.")
    with atomic_folder(folder) as place:
        return {
            name: write_jsonl(
                place / f"{name}.jsonl", ({"anchor": texts[one], "positive": texts[two]} for one, two in rows)
            )
            for name, rows in pairs.by_split.items()
            if rows
        }
