"""What recommends a Debian package: the other dependencies of a package are known, which one is left out?

The packages' own data, which every Debian machine has (`apt-cache dumpavail`): the Depends and Recommends of all
packages of a source are a basket (the first of alternatives, without versions), an item's text is its Description,
Section and Tag. Items in a single basket, or in more than 2 % of them, are left out. There are no times, so one
item of each held-out basket is chosen by a seed.

In one run, on the same held-out baskets: popularity, implicit's ALS and item-to-item similarity, untuned embeddings,
and the blend; then the same with a tenth of the items in no basket that is learned from (new items); the sharpness of
the similarity to a history, also for people with two interests (two baskets together); and, with --tuned MODEL, a model
that was tuned on the pairs that --pairs FOLDER writes.

python benchmarks/uses_recommend.py [--json] [--quick] [--model NAME] [--tuned MODEL] [--pairs FOLDER] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from timing import publish

from semtune.encoders.load import load_encoder
from semtune.metrics import compare_means
from semtune.tasks.recommend.cooccurrence import fit
from semtune.tasks.recommend.evaluation import Judged, judge
from semtune.tasks.recommend.held_out import Basket, Case, HeldOut, Part, hold_out
from semtune.tasks.recommend.measures import gain, measure, top
from semtune.tasks.recommend.pairs import make_pairs, write_pairs
from semtune.tasks.recommend.settings import LearnSettings
from semtune.tasks.recommend.systems import ByVectors
from semtune.types import Embeddings

SEED = 13
LEAST, MOST = 2, 0.02  # baskets that an item is in: number, and share
NEW = 0.1  # of the items
QUICK, FULL = 200, 2_000  # cases
SHARPNESS = (0.0, 2.0, 5.0, 10.0, 20.0, float("inf"))
ASKED = 1_000  # cases of dev that the sharpness is measured on
NAME = re.compile(r"\s*([a-z0-9][a-z0-9+.-]+)")


@dataclass(frozen=True, slots=True)
class Packages:
    """Items with their texts, and baskets of them."""

    items: list[str]
    texts: list[str]
    baskets: list[Basket]


def fields(block: str) -> dict[str, str]:
    """The fields of a package; a line that begins with a space continues the one before."""
    found: dict[str, str] = {}
    name = ""
    for line in block.split("\n"):
        if line[:1] in {" ", "\t"} and name:
            found[name] += f" {line.strip()}"
        elif ":" in line:
            name, _, value = line.partition(":")
            found[name] = value.strip()
    return found


def depends(package: Mapping[str, str], known: Mapping[str, Any]) -> list[str]:
    """The packages that one needs or recommends, each once."""
    listed = ",".join(package.get(name, "") for name in ("Depends", "Recommends"))
    found = [match[1] for part in listed.split(",") if (match := NAME.match(part.split("|")[0]))]
    return [name for name in dict.fromkeys(found) if name in known and name != package["Package"]]


def debian() -> Packages:
    """All packages that this machine could install."""
    listed = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, check=True).stdout
    packages: dict[str, dict[str, str]] = {}
    for block in listed.split("\n\n"):
        if "Package" in (found := fields(block)):
            packages.setdefault(found["Package"], found)
    baskets: dict[str, dict[str, None]] = {}
    for _, package in sorted(packages.items()):
        source = package.get("Source", package["Package"]).split()[0]  # its packages share most of their needs
        baskets.setdefault(source, {}).update(dict.fromkeys(depends(package, packages)))
    counts = Counter(item for basket in baskets.values() for item in basket)
    items = sorted(name for name, count in counts.items() if LEAST <= count <= MOST * len(baskets))
    row = {name: at for at, name in enumerate(items)}
    rows = {name: tuple(row[item] for item in basket if item in row) for name, basket in sorted(baskets.items())}
    return Packages(
        items,
        [text_of(packages[name]) for name in items],
        [Basket(name, found) for name, found in rows.items() if len(found) > 1],
    )


def text_of(package: Mapping[str, str]) -> str:
    """Description, section and tags as a text; the name is left out, since related packages share parts of it."""
    tags = re.sub(r"[:,]+", " ", package.get("Tag", ""))
    return f"{package.get('Description', '')}. {package.get('Section', '')}. {tags}".strip()


def vectors_of(model: str, packages: Packages, keep: Path | None) -> Embeddings:
    """(items, dim) of a model, kept in a folder from run to run."""
    place = None if keep is None else keep / f"{Path(model).name}-{len(packages.items)}.npy"
    if place is not None and place.is_file():
        return np.load(place)
    made = load_encoder(model).encode(packages.texts, "document").vectors.astype(np.float32)
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        np.save(place, made)
    return made


def without(held: HeldOut, new: set[int]) -> HeldOut:
    """The same, where nothing is learned of some items, and only they are to be found in test."""

    def learned(part: Part) -> list[tuple[int, ...]]:
        return [rows for each in part.train if len(rows := tuple(row for row in each if row not in new)) > 1]

    dev = [case for case in held.dev.cases if case.target not in new][:FULL]
    test = [case for case in held.test.cases if case.target in new]
    return HeldOut(Part(learned(held.dev), dev), Part(learned(held.test), test), held.how)


def shown(judged: Judged) -> dict[str, Any]:
    """What is published of a judgement."""
    return {"verdict": judged.verdict, "method": judged.method, "blend": judged.blend, "facts": judged.facts,
            "systems": judged.systems, "gains_of_blend": judged.gains}  # fmt: skip


def sharpness(cases: Sequence[Case], vectors: Embeddings) -> dict[str, Any]:
    """Sharpness → nDCG@10 for one interest, and for two: baskets in pairs, both of whose left-out items are sought."""
    both = [
        (tuple(dict.fromkeys(one.history + two.history)), (one.target, two.target))
        for one, two in zip(cases[::2], cases[1::2], strict=False)
        if not {one.target, two.target} & {*one.history, *two.history} and one.target != two.target
    ]
    found: dict[str, Any] = {}
    base: tuple[np.ndarray, np.ndarray] | None = None
    for value in SHARPNESS:
        system = ByVectors(vectors, value)
        alone = np.array([gain(top(system(case.history), case.history), case.target) for case in cases])
        lists = [top(system(history), history) for history, _ in both]
        mixed = np.array([sum(gain(rows, target) for target in targets) / 2 for rows, (_, targets) in
                          zip(lists, both, strict=True)])  # fmt: skip
        base = base or (alone, mixed)
        change = [compare_means(now, before, SEED) for now, before in zip((alone, mixed), base, strict=True)]
        found[str(value)] = {
            "one_interest": round(float(alone.mean()), 4),
            "two_interests": round(float(mixed.mean()), 4),
            "over_the_mean": [[round(each.gain, 4), round(each.low, 4), round(each.high, 4)] for each in change],
        }
    return found


def main() -> None:
    """Measure, and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--tuned", default="")
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    began = perf_counter()
    packages = debian()
    settings = LearnSettings(seed=SEED, cases=QUICK if asked.quick else FULL)
    held = hold_out(packages.baskets, settings)
    facts: dict[str, Any] = {"what": "the dependency that was left out of a package", "items": len(packages.items),
                             "baskets": len(packages.baskets)}  # fmt: skip
    if asked.pairs:
        pairs = make_pairs(packages.baskets, packages.texts, settings)
        facts["pairs"] = {"written": write_pairs(pairs, packages.texts, asked.pairs), "left_out": pairs.left_out}
    vectors = vectors_of(asked.model, packages, asked.keep)
    facts["untuned"] = shown(judge(held, vectors, settings))
    new = set(np.random.default_rng(SEED).permutation(len(vectors))[: int(NEW * len(vectors))].tolist())
    cold = without(hold_out(packages.baskets, settings.replace(cases=100_000)), new)
    facts["new_items"] = shown(judge(cold, vectors, settings))
    facts["sharpness_on_dev"] = sharpness(held.dev.cases[:ASKED], vectors)
    if asked.tuned:
        tuned = vectors_of(asked.tuned, packages, asked.keep)
        facts |= {"tuned": shown(judge(held, tuned, settings, peers=False)),
                  "tuned_new_items": shown(judge(cold, tuned, settings, peers=False)),
                  "tuned_over_untuned": over(held, vectors, tuned)}  # fmt: skip
    publish("uses_recommend", {**facts, "seconds": round(perf_counter() - began, 1)})


def over(held: HeldOut, before: Embeddings, after: Embeddings) -> dict[str, float]:
    """The gain in nDCG@10 of one model's vectors over another's."""
    learned = fit(held.test.train, len(before))
    systems = {"before": ByVectors(before), "after": ByVectors(after)}
    found = measure(systems, held.test.cases, before, learned.novelty())
    made = compare_means(found["after"].ndcg, found["before"].ndcg, SEED)
    return {"gain": made.gain, "low": made.low, "high": made.high, "p_value": made.p_value}


if __name__ == "__main__":
    main()
