"""Inverse cloze task: a sentence removed from its passage becomes the question for the rest (Lee et al. 2019)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.from_sections import Passage
from semtune.sentences import units
from semtune.text import key, stable_hash, tidy, word_count

MIN_SENTENCES = 3
MIN_WORDS, MAX_WORDS = 5, 40


def cloze(passages: list[Passage], seed: int, tally: Tally) -> list[Passage]:
    """Give passages without a question one of their own sentences as question; it is removed from the passage."""
    sentences = [[unit.text for unit in units(passage.judged.text) if unit.prose] for passage in passages]
    often = Counter(key(text) for found in sentences for text in found)
    found = [
        passage if passage.anchor else _one(passage, texts, often, seed)
        for passage, texts in zip(passages, sentences, strict=True)
    ]
    made = sum(new.anchor != old.anchor for new, old in zip(found, passages, strict=True))
    if made:
        tally.count("questions that are sentences of the passage (inverse cloze)", made)
        tally.warn(
            f"{made:,} questions are sentences of their own passages, because there are too few headings, titles or "
            "summaries. People ask differently: trust the gain over the base model more than the score itself."
        )
    return found


def _one(passage: Passage, sentences: list[str], often: Counter[str], seed: int) -> Passage:
    # A sentence that occurs elsewhere too would be found there, which would count as a miss.
    usable = [text for text in sentences if MIN_WORDS <= word_count(text) <= MAX_WORDS and often[key(text)] == 1]
    if len(sentences) < MIN_SENTENCES or not usable:
        return passage
    chosen = usable[stable_hash(passage.judged.id, seed) % len(usable)]
    before, _, after = passage.judged.text.partition(chosen)
    rest = before.rstrip(" ") + (" " if before and after and not before.endswith("\n") else "") + after.lstrip(" ")
    # One question a passage: each becomes a section of its own, so that no other part counts as an answer.
    return replace(
        passage,
        judged=replace(passage.judged, text=tidy(rest).strip()),
        anchor=chosen,
        asked_by="cloze",
        part=1,
        section=passage.judged.id,
    )
