"""Document groups: documents that share questions or texts must be in one split.

A few shared texts can chain most documents into one group, which could then only be trained on and would leave hardly
anything to evaluate with. Documents are not joined by such a chance link: its questions are removed instead, so that
nothing leaks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

from semtune.prepare.dedupe.near_duplicates import fingerprint, near_duplicates
from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.from_sections import Passage, remove_questions
from semtune.prepare.split.assign import LARGE, Groups
from semtune.text import key

HALF = 0.5  # of all questions; a larger group is named in a warning
NAMED = 3
STRONG = 0.25  # of the smaller document's questions; two documents that share more belong together

Link: TypeAlias = tuple[int, ...]
"""Positions of passages in several documents that share a question or a text."""


@dataclass(frozen=True, slots=True)
class GroupedDocuments:
    """Passages, some of which lost their question, and the groups of their documents."""

    passages: list[Passage]
    groups: Groups


def group_documents(passages: Sequence[Passage], collections: Set[str], tally: Tally) -> GroupedDocuments:
    """Join documents that share a question, or a (nearly) equal passage that answers one.

    Args:
        passages: of all documents.
        collections: documents that are joined with none: shared questions are asked of the other documents only.
        tally: receives the counts, and a warning if one group has more than half of the questions.
    """
    kept = list(passages)
    links = _links(kept, tally)
    loose = {n for link in links for n in link if kept[n].group in collections}
    remove_questions(kept, loose, "question: of a collection, shared with another document", tally)
    groups, weights = Groups(), _weights(kept)
    for passage in kept:
        groups.find(passage.group)
    for pair in _strong(links, kept, weights):
        groups.join(pair)
    refused = _join_while_small(groups, links, kept, weights, tally)
    reason = f"question: shared by documents that together hold more than {LARGE:.0%} of all questions"
    remove_questions(kept, refused, reason, tally)
    _warn(groups, _weights(kept), tally)
    return GroupedDocuments(kept, groups)


def _join_while_small(
    groups: Groups, links: Sequence[Link], passages: Sequence[Passage], weights: Counter[str], tally: Tally
) -> set[int]:
    """Join linked documents unless their group would get too large; the passages of links that were not joined."""
    sizes: Counter[str] = Counter()
    for group, count in weights.items():
        sizes[groups.find(group)] += count
    refused, total = set[int](), sum(weights.values())
    for link in links:
        roots = sorted({groups.find(passages[n].group) for n in link if passages[n].anchor})
        merged = sum(sizes[root] for root in roots)
        if len(roots) < 2:
            continue
        if merged > LARGE * total:
            refused.update(link)
            continue
        groups.join(roots)
        sizes[groups.find(roots[0])] = merged
        tally.count("texts or questions that join documents")
    return refused


def _links(passages: Sequence[Passage], tally: Tally) -> list[Link]:
    homes: dict[str, list[int]] = {}
    asked = [n for n, passage in enumerate(passages) if passage.anchor]
    for n in asked:
        homes.setdefault("question " + key(passages[n].anchor), []).append(n)
        homes.setdefault("text " + key(passages[n].judged.text), []).append(n)
    found = [tuple(places) for places in homes.values()]
    # Near-duplicate questions are no link: chains of them would join most. `decontaminate` removes them from train.
    for near in near_duplicates([fingerprint(passages[n].judged.content) for n in asked]):
        one, two = passages[asked[near.first]], passages[asked[near.second]]
        if one.group != two.group:
            name = "near-duplicate passages across documents, kept in one split"
            tally.pair(name, one.judged.content, two.judged.content, near.similarity)
            found.append((asked[near.first], asked[near.second]))
    return [link for link in found if len({passages[n].group for n in link}) > 1]


def _weights(passages: Sequence[Passage]) -> Counter[str]:
    """Document → number of distinct questions asked of it."""
    return Counter(group for group, _ in {(p.group, key(p.anchor)) for p in passages if p.anchor})


def _strong(links: Sequence[Link], passages: Sequence[Passage], weights: Counter[str]) -> list[list[str]]:
    """Pairs of documents that share so much that removing the shared questions would cost too many."""
    shared: Counter[tuple[str, str]] = Counter()
    for link in links:
        shared.update(combinations(sorted({passages[n].group for n in link if passages[n].anchor}), 2))
    return [list(pair) for pair, count in shared.items() if count >= STRONG * min(weights[group] for group in pair)]


def _warn(groups: Groups, weights: Counter[str], tally: Tally) -> None:
    members: dict[str, list[str]] = {}
    for group in sorted(weights):
        members.setdefault(groups.find(group), []).append(group)
    total = sum(weights.values())
    for together in members.values():
        asked = sum(weights[group] for group in together)
        if asked > HALF * total and len(together) > 1:
            named = ", ".join(together[:NAMED]) + (" ..." if len(together) > NAMED else "")
            tally.warn(
                f"{len(together):,} of {len(weights):,} documents share so many texts or questions that they are one "
                f"group ({named}) with {asked:,} of {total:,} questions, which can only be trained on. If they are "
                "versions of one text, give only one of them; otherwise give more documents."
            )
