"""Documents that share questions or texts, and must be in one split.

A few shared texts can chain most of all documents into one group, which is then trained on and leaves hardly anything
to judge with. Such a bond by chance is not tied: its questions are not asked instead, so that nothing leaks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from itertools import combinations

from semtune.prepare.dedupe.near_duplicates import fingerprint, near_duplicates
from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.from_sections import Passage
from semtune.prepare.split.assign import LARGE, Groups
from semtune.text import key

HALF = 0.5  # of all questions; a group of more is named in a warning
NAMED = 3
STRONG = 0.25  # of the smaller document's questions; two documents that share more belong together


@dataclass(frozen=True, slots=True)
class GroupedDocuments:
    """Passages, some of which lost their question, and the groups of their documents."""

    passages: list[Passage]
    groups: Groups


def group_documents(passages: Sequence[Passage], collections: Set[str], tally: Tally) -> GroupedDocuments:
    """Put documents into groups that share a question, or a (nearly) equal passage that is asked for.

    Args:
        passages: of all documents.
        collections: documents that are tied to none: where they share something, it is asked of the others alone.
        tally: gets the counts, and a warning where one group takes more than half of the questions.
    """
    kept = list(passages)
    bonds = _bonds(kept, tally)
    loose = {n for bond in bonds for n in bond if kept[n].group in collections}
    _silence(kept, loose, "question: of a collection, shared with another document", tally)
    groups, weights = Groups(), _weights(kept)
    for passage in kept:
        groups.find(passage.group)
    for pair in _strong(bonds, kept, weights):
        groups.join(pair)
    sizes: Counter[str] = Counter()
    for group, count in weights.items():
        sizes[groups.find(group)] += count
    refused, total = set[int](), sum(weights.values())
    for bond in bonds:
        roots = sorted({groups.find(kept[n].group) for n in bond if kept[n].anchor})
        merged = sum(sizes[root] for root in roots)
        if len(roots) < 2:
            continue
        if merged > LARGE * total:
            refused.update(bond)
            continue
        groups.join(roots)
        sizes[groups.find(roots[0])] = merged
        tally.count("texts or questions that join documents")
    _silence(
        kept, refused, f"question: shared by documents that together hold more than {LARGE:.0%} of all questions", tally
    )
    _warn(groups, _weights(kept), tally)
    return GroupedDocuments(kept, groups)


def _bonds(passages: Sequence[Passage], tally: Tally) -> list[tuple[int, ...]]:
    """Positions of passages in several documents that share a question or a text."""
    homes: dict[str, list[int]] = {}
    asked = [n for n, passage in enumerate(passages) if passage.anchor]
    for n in asked:
        homes.setdefault("question " + key(passages[n].anchor), []).append(n)
        homes.setdefault("text " + key(passages[n].judged.text), []).append(n)
    found = [tuple(places) for places in homes.values()]
    # Near-duplicate questions are no bond: chains of them would join most. `decontaminate` takes them out of train.
    for near in near_duplicates([fingerprint(passages[n].judged.content) for n in asked]):
        one, two = passages[asked[near.first]], passages[asked[near.second]]
        if one.group != two.group:
            name = "near-duplicate passages across documents, kept in one split"
            tally.pair(name, one.judged.content, two.judged.content, near.similarity)
            found.append((asked[near.first], asked[near.second]))
    return [bond for bond in found if len({passages[n].group for n in bond}) > 1]


def _weights(passages: Sequence[Passage]) -> Counter[str]:
    """Document → distinct questions asked of it."""
    return Counter(group for group, _ in {(p.group, key(p.anchor)) for p in passages if p.anchor})


def _strong(bonds: Sequence[tuple[int, ...]], passages: Sequence[Passage], weights: Counter[str]) -> list[list[str]]:
    """Pairs of documents that share so much that their questions could not be left out."""
    shared: Counter[tuple[str, str]] = Counter()
    for bond in bonds:
        shared.update(combinations(sorted({passages[n].group for n in bond if passages[n].anchor}), 2))
    return [list(pair) for pair, count in shared.items() if count >= STRONG * min(weights[group] for group in pair)]


def _silence(passages: list[Passage], places: Set[int], reason: str, tally: Tally) -> None:
    for n in sorted(places):
        if passages[n].anchor:
            tally.drop(reason, passages[n].anchor)
            passages[n] = replace(passages[n], anchor="")


def _warn(groups: Groups, weights: Counter[str], tally: Tally) -> None:
    members: dict[str, list[str]] = {}
    for group in sorted(weights):
        members.setdefault(groups.find(group), []).append(group)
    total = sum(weights.values())
    for together in members.values():
        asked = sum(weights[group] for group in together)
        if asked > HALF * total and len(together) > 1:
            tally.warn(
                f"{len(together):,} of {len(weights):,} documents share so many texts or questions that they are one group "
                f"({', '.join(together[:NAMED])}{' ...' if len(together) > NAMED else ''}): with {asked:,} of {total:,} questions "
                "it can only be trained on. If they are versions of one text, give one of them; else give more documents."
            )
