"""Which questions stay, so that no kind of heading and no document fills a test: few of a kind, fair shares, titles."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.from_sections import Passage, remove_questions
from semtune.prepare.questions.headings import alike
from semtune.text import key, stable_hash
from semtune.types import Split

MADE_OF_HEADINGS = ("heading", "definition", "faq")
MAX_ALIKE = 3  # questions that differ in a number only: "Version 4.1.3", "Version 4.1.4"
SHARE = 0.1  # of a held-out split's questions that one document may ask
TWICE = 2.0  # its equal share, where there are so few documents that this is more
FEWEST = 5  # questions that a document may always ask
LONG = 10  # passages; the title of a longer document asks for none of them


def few_of_a_kind(passages: Sequence[Passage], seed: int, tally: Tally) -> list[Passage]:
    """Keep a few of a document's questions that differ in a number only, such as the versions of a change list."""
    kinds: dict[tuple[str, str], set[str]] = {}
    for passage in passages:
        if _counts_as_kind(passage):
            kinds.setdefault((passage.group, alike(passage.anchor)), set()).add(key(passage.anchor))
    kept = {
        (group, anchor)
        for (group, _), anchors in kinds.items()
        for anchor in sorted(anchors, key=lambda text: stable_hash(text, seed))[:MAX_ALIKE]
    }
    result = list(passages)
    beyond = [
        place
        for place, passage in enumerate(passages)
        if _counts_as_kind(passage) and (passage.group, key(passage.anchor)) not in kept
    ]
    remove_questions(result, beyond, f"question: more than {MAX_ALIKE} of its document differ in a number only", tally)
    return result


def fair_shares(passages: Sequence[Passage], splits: Mapping[str, Split], seed: int, tally: Tally) -> list[Passage]:
    """Remove questions of dev and test that a document asks beyond its fair share, and titles of long documents.

    A document may ask a tenth of a split's questions, or twice its equal share where the split has few documents.
    Those that stay are taken from all of its chapters in turn. Training questions stay: a document that asks many of
    them does no harm there.

    Args:
        passages: of all documents.
        splits: document → split.
        seed: of the hash that chooses.
        tally: receives the counts.
    """
    result = list(passages)
    _without_titles(result, splits, tally)
    for split in ("dev", "test"):
        asked: dict[str, dict[str, str]] = {}  # document → question → chapter
        for passage in result:
            if passage.anchor and splits[passage.group] == split:
                asked.setdefault(passage.group, {}).setdefault(key(passage.anchor), _chapter(passage))
        most = largest_share([len(questions) for questions in asked.values()])
        kept = {group: set(_in_turn(questions, seed)[:most]) for group, questions in asked.items()}
        beyond = [
            place
            for place, passage in enumerate(result)
            if passage.group in kept and key(passage.anchor) not in kept[passage.group]
        ]
        remove_questions(result, beyond, "question of dev or test: beyond its document's fair share", tally)
    return result


def largest_share(counts: Sequence[int]) -> int:
    """The largest number of questions that a document of a split may ask.

    The largest m for which m is at most its share of what is left when no document asks more than m.

    Args:
        counts: questions of each document.
    """
    if not counts:
        return 0
    share = max(SHARE, TWICE / len(counts))
    # What is left grows ever more slowly with m, so from the first m that is too large on, all are.
    sizes = range(1, max(counts) + 1)
    return max(FEWEST, bisect_left(sizes, True, key=lambda m: m > share * sum(min(m, n) for n in counts)))


def _without_titles(passages: list[Passage], splits: Mapping[str, Split], tally: Tally) -> None:
    """Drop titles of long documents from dev and test, unless the document has no other question."""
    sizes = Counter(passage.group for passage in passages)
    others = {passage.group for passage in passages if passage.anchor and not asks_by_title(passage)}
    long = [
        place
        for place, passage in enumerate(passages)
        if splits[passage.group] != "train"
        and passage.group in others
        and sizes[passage.group] > LONG
        and asks_by_title(passage)
    ]
    reason = "question of dev or test: the title of a long document asks for none of its passages"
    remove_questions(passages, long, reason, tally)


def asks_by_title(passage: Passage) -> bool:
    """Whether a passage is asked for by the title of its document alone."""
    return passage.asked_by == "heading" and len(passage.judged.metadata.get("headings", ())) == 1


def _counts_as_kind(passage: Passage) -> bool:
    return passage.asked_by in MADE_OF_HEADINGS and bool(passage.anchor) and not asks_by_title(passage)


def _chapter(passage: Passage) -> str:
    headings = passage.judged.metadata.get("headings", ())
    return str(headings[1]) if len(headings) > 1 else ""


def _in_turn(questions: Mapping[str, str], seed: int) -> list[str]:
    """Questions, one of each chapter in turn; chapters and the questions within them in the order of a hash."""
    chapters: dict[str, list[str]] = {}
    for question in sorted(questions, key=lambda text: stable_hash(text, seed)):
        chapters.setdefault(questions[question], []).append(question)
    rows = zip_longest(*(chapters[name] for name in sorted(chapters, key=lambda name: stable_hash(name, seed))))
    return [question for row in rows for question in row if question is not None]
