"""What is in a source twice: nearly equal passages, and documents that put others together.

These are "the whole manual on one page" beside its chapters.

Left as it is, such a page shares texts with every chapter, joins them all into one group, and nothing can be held
back. So what it repeats is left out of it: the chapters have it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set

from semtune.prepare.dedupe.near_duplicates import THRESHOLD, Rarity, fingerprint, near_duplicates, similarity
from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.from_sections import Passage
from semtune.prepare.records import Section
from semtune.text import key, one_line, word_count

MIN_LINE = 5  # words; shorter lines stand in many documents by chance
MAX_HOMES = 6  # documents; a line of more is boilerplate and counts for none
MOST = 0.5  # of a collection's words stand in shorter documents, and of each of these so much stands in it
SHORTER = 0.5  # of its words at most; else two versions of a text would be collections of each other
FEWEST = 3  # documents that a collection holds
COVERED = 0.8  # of a section's words: then it is a copy, as in `semtune.prepare.dedupe.overlap`
NAMED = 3


def find_collections(sections: Sequence[Section]) -> frozenset[str]:
    """Groups of which most words stand, line for line, in three or more shorter documents that they hold most of."""
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
    """Leave out what collections repeat of other documents; counted, and the collections named."""
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
        f"{len(collections):,} document(s) put others together ({named}): what they repeat was left out of them, so that "
        "the others can be in different splits."
    )
    return kept


def without_near_duplicates(passages: Sequence[Passage], tally: Tally) -> list[Passage]:
    """Leave out passages that are near duplicates of an earlier one that stays; counted, with what they repeat."""
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
    """Line → the documents it stands in, and its words; document → words of all its lines, each counted once."""
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
    """(key, words) of each line that is long enough."""
    for line in section.text.split("\n"):
        if line.count(" ") >= 1 or len(line) > MIN_LINE:  # cheap, before words are counted
            count = word_count(line)
            if count >= MIN_LINE:
                yield hash(key(line)), count  # differs from run to run, and is only compared
