"""Further training pairs where documents have few questions: sentences, neighbours, crops, lists and code comments.

They come in by themselves where a source has fewer than one question for two documents, and are mixed: no kind gives
more than half of the training pairs. They are trained on only. Sentences and their rest: the inverse cloze task of
Lee et al. 2019; two spans of one text: the crops of Izacard et al. 2021 (Contriever).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from semtune.dataset import Dataset
from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.from_sections import Passage
from semtune.prepare.questions.cloze import usable_sentences, without_sentence
from semtune.prepare.questions.supervision import add_pair, source_of
from semtune.prepare.questions.uninformative import is_menu, says_words
from semtune.prepare.settings import SupervisionSettings
from semtune.sentences import units
from semtune.text import key, one_line, short_id, stable_hash, word_count
from semtune.types import Split

LOW_YIELD = 0.5  # questions a document; below it further sources come in
MIN_CROP = 8  # words of each half
MIN_WORDS = 4  # of a line before a list, or of a comment
MIN_ITEMS = 2
_LIST = re.compile(r"^(?P<lead>[^\n]{10,200}):\n+(?P<items>(?:\s*(?:[-*•]|\d+[.)])\s+\S.*(?:\n|$))+)", re.MULTILINE)
_COMMENT = re.compile(
    r"^[ \t]*(?:#+|//+|--|;+)[ \t]+(?P<said>\w.{8,160})\n(?P<code>(?:[ \t]*[^#/\s].*(?:\n|$)){1,12})", re.MULTILINE
)
_CODE = re.compile(r"[=(){}\[\];$|<>]|^\s{2,}\S", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Pair:
    anchor: str
    positive: str
    passage: Passage


Made: TypeAlias = Iterator[_Pair]


def further_kinds(weights: SupervisionSettings, yielded: float) -> tuple[str, ...]:
    """The further sources to use: those that are on, or all that are left to "auto" if the yield is low.

    Args:
        weights: the settings.
        yielded: questions a document.
    """
    return tuple(
        kind for kind in _MAKERS if (value := getattr(weights, kind)) != 0 and (value != "auto" or yielded < LOW_YIELD)
    )


def add_further(
    dataset: Dataset,
    passages: Sequence[Passage],
    splits: Mapping[str, Split],
    kinds: Sequence[str],
    weights: SupervisionSettings,
    seed: int,
    tally: Tally,
) -> None:
    """Add training pairs of the further sources `kinds`, made from the passages of train.

    Where they come in by themselves ("auto"), no kind gives more than half of the training pairs.
    """
    trained = [passage for passage in passages if splits[passage.group] == "train"]
    for kind in kinds:
        for made in _MAKERS[kind](trained, seed):
            if weights.keeps(kind, made.anchor, made.positive, seed):
                id_, group = made.passage.judged.id, made.passage.group
                add_pair(dataset, made.anchor, id_, made.positive, group, kind, tally)
    if any(getattr(weights, kind) == "auto" for kind in kinds):
        _mix(dataset, seed, tally)


def _mix(dataset: Dataset, seed: int, tally: Tally) -> None:
    """Take away pairs of the most frequent further source until it has no more than all other kinds together."""
    pairs, sources = dataset.pairs.get("train", []), source_of(dataset)
    kinds = [sources.get(key(pair.anchor), "") for pair in pairs]
    if not kinds:
        return
    (largest, count), total = Counter(kinds).most_common(1)[0], len(kinds)
    others = total - count
    if largest not in _MAKERS or count <= others or not others:
        return
    places = sorted(
        (n for n, kind in enumerate(kinds) if kind == largest), key=lambda n: (stable_hash(pairs[n].anchor, seed), n)
    )
    gone = set(places[others:])
    tally.drop(f"training pair of {largest}: no kind gives more than half", pairs[places[others]].anchor, len(gone))
    for n in gone:
        query = short_id("q", pairs[n].anchor)
        dataset.qrels["train"].pop(query, None)
        dataset.queries.pop(query, None)
    dataset.pairs["train"] = [pair for n, pair in enumerate(pairs) if n not in gone]


def _sentences(passages: Sequence[Passage], seed: int) -> Made:
    """A sentence of a passage without a question, for the rest of it."""
    free = [passage for passage in passages if not passage.anchor]
    for passage, usable in zip(free, usable_sentences(free), strict=True):
        if usable:
            chosen = usable[stable_hash(passage.judged.id, seed) % len(usable)]
            yield _Pair(chosen, without_sentence(passage.judged.text, chosen), passage)


def _neighbours(passages: Sequence[Passage], _: int) -> Made:
    """A passage, for the next one of its section."""
    for one, two in itertools.pairwise(passages):
        if one.section == two.section and two.part == one.part + 1:
            yield _Pair(one_line(one.judged.text), two.judged.content, two)


def _crops(passages: Sequence[Passage], seed: int) -> Made:
    """One half of a passage, for the other."""
    for passage in passages:
        parts = [unit.text for unit in units(passage.judged.text)]
        first, second = " ".join(parts[: len(parts) // 2]), " ".join(parts[len(parts) // 2 :])
        if min(word_count(first), word_count(second)) >= MIN_CROP and not is_menu(first):
            halves = (first, second) if stable_hash(passage.judged.id, seed) % 2 else (second, first)
            yield _Pair(one_line(halves[0]), halves[1].strip(), passage)


def _lists(passages: Sequence[Passage], _: int) -> Made:
    """The line before a list, for its items."""
    for passage in passages:
        for found in _LIST.finditer(passage.judged.text):
            lead, items = one_line(found["lead"]), found["items"].strip()
            if word_count(lead) >= MIN_WORDS and says_words(lead) and len(items.split("\n")) >= MIN_ITEMS:
                yield _Pair(lead, items, passage)


def _comments(passages: Sequence[Passage], _: int) -> Made:
    """A comment in code, for the code below it."""
    for passage in passages:
        for found in _COMMENT.finditer(passage.judged.text):
            said, code = one_line(found["said"]), found["code"].strip("\n")
            if word_count(said) >= MIN_WORDS and says_words(said) and _CODE.search(code):
                yield _Pair(said, code, passage)


_MAKERS = {
    "cloze": _sentences, "neighbour": _neighbours, "crop": _crops, "list_item": _lists, "comment": _comments,
}  # fmt: skip
