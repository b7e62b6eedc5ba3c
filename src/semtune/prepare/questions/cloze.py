"""Inverse cloze task: a sentence removed from its passage becomes the question for the rest (Lee et al. 2019)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.from_sections import Passage
from semtune.sentences import units
from semtune.text import key, stable_hash, tidy, word_count

MIN_SENTENCES = 3
MIN_WORDS, MAX_WORDS = 5, 40


def cloze(passages: list[Passage], seed: int, tally: Tally) -> list[Passage]:
    """Give passages without a question one of their own sentences as question; it is removed from the passage."""
    found = [
        passage if passage.anchor or not usable else _one(passage, usable, seed)
        for passage, usable in zip(passages, usable_sentences(passages), strict=True)
    ]
    made = sum(new.anchor != old.anchor for new, old in zip(found, passages, strict=True))
    if made:
        tally.count("questions that are sentences of the passage (inverse cloze)", made)
        tally.warn(
            f"{made:,} questions are sentences of their own passages, because there are too few headings, titles or "
            "summaries. People ask differently: trust the gain over the base model more than the score itself."
        )
    return found


def usable_sentences(passages: Sequence[Passage]) -> list[list[str]]:
    """The sentences of each passage that can ask for the rest of it; none if the rest would be too short.

    A sentence that occurs elsewhere too would be found there, which would count as a miss.
    """
    sentences = [[unit.text for unit in units(passage.judged.text) if unit.prose] for passage in passages]
    often = Counter(key(text) for found in sentences for text in found)
    return [
        [text for text in found if MIN_WORDS <= word_count(text) <= MAX_WORDS and often[key(text)] == 1]
        if len(found) >= MIN_SENTENCES
        else []
        for found in sentences
    ]


def without_sentence(text: str, sentence: str) -> str:
    """A text without one of its sentences."""
    before, _, after = text.partition(sentence)
    rest = before.rstrip(" ") + (" " if before and after and not before.endswith("\n") else "") + after.lstrip(" ")
    return tidy(rest).strip()


def _one(passage: Passage, usable: list[str], seed: int) -> Passage:
    chosen = usable[stable_hash(passage.judged.id, seed) % len(usable)]
    # One question a passage: each becomes a section of its own, so that no other part counts as an answer.
    return replace(
        passage,
        judged=replace(passage.judged, text=without_sentence(passage.judged.text, chosen)),
        anchor=chosen,
        asked_by="cloze",
        part=1,
        section=passage.judged.id,
    )
