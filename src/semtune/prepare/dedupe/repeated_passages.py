"""Repeated texts of a source: near-duplicate passages, and collections, i.e. documents that combine others.

A collection is, for example, "the whole manual on one page" beside its chapters. Left as it is, such a page shares
texts with every chapter and joins them all into one group, so that nothing can be held out. So what it repeats is
removed from it; the chapters still have it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set

from semtune.prepare.dedupe.near_duplicates import THRESHOLD, Rarity, fingerprint, near_duplicates, similarity
from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.from_sections import Passage
from semtune.prepare.records import Section
from semtune.text import key, one_line, word_count

MIN_LINE = 5  # words; shorter lines occur in many documents by chance
MAX_HOMES = 6  # documents; a line that occurs in more of them is boilerplate and ignored
MOST = 0.5  # share of a collection's words that shorter documents have, and share of each of these that it has
SHORTER = 0.5  # of its words at most; otherwise two versions of a text would be collections of each other
FEWEST = 3  # minimum number of documents in a collection
COVERED = 0.8  # of a section's words; then it is a copy, as in `semtune.prepare.dedupe.overlap`
NAMED = 3


def find_collections(sections: Sequence[Section]) -> frozenset[str]:
    """Groups most of whose words occur, line by line, in three or more shorter documents that they mostly contain."""
    homes, words = _index(sections)
    shared: dict[str, Counter[str]] = {group: Counter() for group in words}
    repeated: Counter[str] = Counter()
    for groups, count in homes.values():
        if not 1 < len(groups) <= MAX_HOMES:
            continue
        for one in groups:
            shorter = [other for other in groups if words[other] <= SHORTER * words[one]]
            repeated[one] += count if shorter else 0
            shared[one].update(dict.fromkeys(shorter, count))
    return frozenset(
        group
        for group, total in words.items()
        if repeated[group] >= MOST * total
        and sum(count >= MOST * words[other] for other, count in shared[group].items()) >= FEWEST
    )


def without_copies(sections: Sequence[Section], collections: Set[str], tally: Tally) -> list[Section]:
    """Leave out the sections of collections that repeat other documents; counted, and the collections are named."""
    if not collections:
        return list(sections)
    elsewhere = {line for section in sections if section.group not in collections for line, _ in _lines(section)}
    kept: list[Section] = []
    for section in sections:
        counts = [(line in elsewhere, count) for line, count in _lines(section)] if section.group in collections else []
        if counts and sum(count for known, count in counts if known) >= COVERED * sum(count for _, count in counts):
            shown = one_line(section.text)
            tally.drop("section of a collection that repeats another document", f"{section.source}: {shown}")
        else:
            kept.append(section)
    named = ", ".join(sorted(collections)[:NAMED]) + (" and others" if len(collections) > NAMED else "")
    tally.count("collections (documents that combine others)", len(collections))
    tally.warn(
        f"{len(collections):,} document(s) combine other documents ({named}). What they repeat was removed from them, "
        "so that the other documents can be in different splits."
    )
    return kept


def without_near_duplicates(passages: Sequence[Passage], tally: Tally) -> list[Passage]:
    """Leave out passages that are near duplicates of an earlier one that stays; counted, with examples."""
    prints = [fingerprint(passage.judged.content) for passage in passages]
    rarity = Rarity([found for found in prints if found.shingles.size])
    before: dict[int, list[int]] = {}
    for near in near_duplicates(prints):
        before.setdefault(near.second, []).append(near.first)
    stays: dict[int, int] = {}  # passage left out → the one that stays for it
    for place in sorted(before):
        for one in dict.fromkeys(stays.get(earlier, earlier) for earlier in before[place]):
            if (alike := similarity(prints[one], prints[place], rarity)) >= THRESHOLD:
                stays[place] = one
                first, later = passages[one].judged, passages[place].judged
                tally.drop("near duplicate of an earlier passage", f"{later.id} repeats {first.id}")
                tally.pair("near-duplicate passages, the second left out", first.content, later.content, alike)
                break
    return [passage for place, passage in enumerate(passages) if place not in stays]


def _index(sections: Sequence[Section]) -> tuple[dict[int, tuple[set[str], int]], Counter[str]]:
    """Line → the documents that contain it, and its words; document → words of all its lines, each counted once."""
    homes: dict[int, tuple[set[str], int]] = {}
    words: Counter[str] = Counter()
    for section in sections:
        for line, count in _lines(section):
            groups, _ = homes.setdefault(line, (set(), count))
            if section.group not in groups:
                groups.add(section.group)
                words[section.group] += count
    return homes, words


def _lines(section: Section) -> Iterator[tuple[int, int]]:
    """(key, number of words) of each line that is long enough."""
    for line in section.text.split("\n"):
        if line.count(" ") >= 1 or len(line) > MIN_LINE:  # cheap, before words are counted
            count = word_count(line)
            if count >= MIN_LINE:
                yield hash(key(line)), count  # differs from run to run, which is fine: it is only compared
