"""Sections to passages: two texts each, the one that is judged and the one that is served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from semtune.prepare.anchors import clean_heading, from_headings, is_empty
from semtune.prepare.chunk import TokenCounter, chunk
from semtune.prepare.material import Section
from semtune.prepare.near import fingerprint, near_duplicates
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split import Groups
from semtune.prepare.tally import Tally
from semtune.prepare.text import contains, key, one_line, stable_hash, word_count
from semtune.progress import QUIET, Progress
from semtune.types import Document

MIN_ANCHOR_WORDS = 3  # of a summary; headings have rules of their own
MAX_REPEATS = 3  # a question or passage found in more documents than this says nothing about any of them
SEPARATOR = " > "


@dataclass(frozen=True, slots=True)
class Asked:
    """A section with the question it answers; the question is empty where there is none."""

    section: Section
    anchor: str

    @property
    def header(self) -> str:
        """What is served before each passage: title, and the summary."""
        return f"{self.title} {self.section.summary}".strip()

    @property
    def title(self) -> str:
        """The headings from the document's title down."""
        return SEPARATOR.join(self.section.path)


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage of a section.

    Attributes:
        judged: the passage without its question: what the model must find.
        served: the passage with title, headings and summary: what a user finds.
        anchor: the question it answers; empty for a passage that only makes the search harder.
        part: its number within the section, from 1.
        section: the section's id.
        group: what must stay in one split.
    """

    judged: Document
    served: Document
    anchor: str
    part: int
    section: str
    group: str


def ask(sections: Sequence[Section], settings: PrepareSettings, tally: Tally) -> list[Asked]:
    """Find the question of each section; sections that are too short are left out and counted."""
    found: list[Asked] = []
    for section in sections:
        section = _whole(section, settings)
        if word_count(section.text) < settings.min_words:
            tally.drop(
                f"section of fewer than {settings.min_words} words", f"{section.source}: {one_line(section.text)}"
            )
            continue
        anchor = section.summary or ("" if section.name else from_headings(section.path))
        if not anchor and section.path and not section.name:
            reason = "heading that says nothing" if is_empty(section.path[-1]) else "heading of one word"
            tally.drop(f"question: {reason}", SEPARATOR.join(section.path))
        found.append(Asked(section, anchor))
    return _drop_repeated(found, tally)


def cut(asked: Sequence[Asked], tokenizer: TokenCounter, limit: int, progress: Progress = QUIET) -> list[Passage]:
    """Cut sections into passages that fit into `limit` tokens with their header."""
    texts = [_without_first_line(item.section.text, item.anchor) for item in asked]
    pieces = chunk(texts, [item.header for item in asked], tokenizer, limit, progress)
    return [
        _passage(item, part, number, len(parts))
        for item, parts in zip(asked, pieces, strict=True)
        for number, part in enumerate(parts, start=1)
    ]


def cap(passages: list[Passage], limit: int | None, tally: Tally, seed: int) -> list[Passage]:
    """Keep at most `limit` passages: whole sections, those with a question first, the rest by hash."""
    if limit is None or len(passages) <= limit:
        return passages
    sizes: dict[str, tuple[bool, int]] = {}
    for passage in passages:
        sizes[passage.section] = (not passage.anchor, sizes.get(passage.section, (False, 0))[1] + 1)
    kept: set[str] = set()
    room = limit
    for section in sorted(sizes, key=lambda id_: (sizes[id_][0], stable_hash(id_, seed), id_)):
        if sizes[section][1] <= room:
            kept.add(section)
            room -= sizes[section][1]
    left_out = [passage for passage in passages if passage.section not in kept]
    tally.drop(f"passage beyond max_passages={limit}", left_out[0].served.id, len(left_out))
    return [passage for passage in passages if passage.section in kept]


def unique(passages: list[Passage], tally: Tally) -> list[Passage]:
    """Keep each judged text once; one that stands in many documents answers no question."""
    groups: dict[str, set[str]] = {}
    for passage in passages:
        groups.setdefault(key(passage.judged.content), set()).add(passage.group)
    kept: list[Passage] = []
    seen: set[str] = set()
    for passage in passages:
        text = key(passage.judged.content)
        if text in seen:
            tally.drop("passage that stood before", passage.judged.id)
            continue
        seen.add(text)
        if passage.anchor and len(groups[text]) > MAX_REPEATS:
            tally.drop(f"question: its text stands in more than {MAX_REPEATS} documents", passage.anchor)
            passage = replace(passage, anchor="")
        kept.append(passage)
    return kept


def without_boilerplate(passages: list[Passage], tally: Tally) -> list[Passage]:
    """Take the question from passages that are nearly repeated, or nearly asked, in more than MAX_REPEATS documents.

    They say little about any of them; joining all these documents into one split would say still less.
    """
    for what in ("text", "question"):
        asked = [i for i, passage in enumerate(passages) if passage.anchor]
        texts = [passages[i].judged.content if what == "text" else passages[i].anchor for i in asked]
        for crowd in _crowds(texts, [passages[i].group for i in asked]):
            example = texts[crowd[0]]
            tally.drop(f"question: its {what} is nearly that of more than {MAX_REPEATS} documents", example, len(crowd))
            for place in crowd:
                passages[asked[place]] = replace(passages[asked[place]], anchor="")
    return passages


def _crowds(texts: Sequence[str], groups: Sequence[str]) -> list[list[int]]:
    """Positions of near duplicates, joined, where they span more than MAX_REPEATS groups."""
    joined = Groups()
    for near in near_duplicates([fingerprint(text) for text in texts]):
        joined.join([f"{near.first:09}", f"{near.second:09}"])
    members: dict[str, list[int]] = {}
    for place in range(len(texts)):
        members.setdefault(joined.find(f"{place:09}"), []).append(place)
    return [crowd for crowd in members.values() if len({groups[i] for i in crowd}) > MAX_REPEATS]


def _whole(section: Section, settings: PrepareSettings) -> Section:
    """A summary with nothing below it is the text itself, and no question."""
    if section.summary and (
        word_count(section.text) < settings.min_words or word_count(section.summary) < MIN_ANCHOR_WORDS
    ):
        text = "\n\n".join(filter(None, [section.summary, section.text]))
        return replace(section, text=text, summary="")
    return section


def _drop_repeated(asked: list[Asked], tally: Tally) -> list[Asked]:
    groups: dict[str, set[str]] = {}
    for item in asked:
        if item.anchor:
            groups.setdefault(key(item.anchor), set()).add(
                item.section.group if not item.section.name else item.section.id
            )
    result: list[Asked] = []
    for item in asked:
        if item.anchor and len(groups[key(item.anchor)]) > MAX_REPEATS:
            tally.drop(f"question: stands over more than {MAX_REPEATS} texts", item.anchor)
            item = Asked(_whole_text(item.section), "")
        result.append(item)
    return result


def _whole_text(section: Section) -> Section:
    if not section.summary:
        return section
    return replace(section, text=f"{section.summary}\n\n{section.text}", summary="")


def _without_first_line(text: str, anchor: str) -> str:
    """A text that repeats its heading in the first line loses that line."""
    first, _, rest = text.partition("\n")
    return (
        rest.lstrip("\n")
        if anchor and rest.strip() and key(clean_heading(first)) == key(clean_heading(anchor))
        else text
    )


def _passage(item: Asked, text: str, number: int, count: int) -> Passage:
    section = item.section
    id_ = section.id if number == 1 else f"{section.id}({number})" if "#" in section.id else f"{section.id}#{number}"
    metadata = {
        "source": section.source,
        "headings": list(section.path),
        "part": number,
        "parts": count,
        "group": section.group,
    }
    name = "" if item.anchor and contains(section.name, item.anchor) else section.name
    whole = f"{section.summary}\n\n{text}" if section.summary else text
    return Passage(
        judged=Document(id_, text, name, metadata),
        served=Document(id_, whole, item.title, metadata),
        anchor=item.anchor,
        part=number,
        section=section.id,
        group=section.group,
    )
