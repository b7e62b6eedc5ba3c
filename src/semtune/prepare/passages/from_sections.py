"""Sections become passages with two texts each: one to evaluate on (without its question), one to serve."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from semtune.prepare.dedupe.near_duplicates import fingerprint, near_duplicates
from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.chunk import TokenCounter, chunk
from semtune.prepare.passages.list_entries import is_question
from semtune.prepare.passages.spans import spans
from semtune.prepare.questions.headings import clean_heading, completed, from_headings, from_term, is_empty
from semtune.prepare.readers.documents.outline_types import Term, is_link_list
from semtune.prepare.records import Section
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.assign import Groups
from semtune.progress import QUIET, Progress
from semtune.text import contains, key, one_line, stable_hash, word_count
from semtune.types import Document

MIN_ANCHOR_WORDS = 3  # of a summary; headings have their own rules
MAX_REPEATS = 3  # documents; a question or passage found in more of them says nothing about any of them
MIN_REST_WORDS = 4  # with fewer after a repeated title, it is all the text there is
SEPARATOR = " > "
_WORDS = re.compile(r"\w+")


def _most_repeats(asked_by: str) -> int:
    """Maximum number of documents with the same question or text; 1 for definitions, which would join most of them."""
    return 1 if asked_by == "definition" else MAX_REPEATS


@dataclass(frozen=True, slots=True)
class AskedSection:
    """A section with the question it answers (may be empty) and the question's source."""

    section: Section
    anchor: str
    asked_by: str = ""

    @property
    def header(self) -> str:
        """The text served before each passage: title and summary."""
        return f"{self.title} {self.section.summary}".strip()

    @property
    def title(self) -> str:
        """The headings from the document's title down."""
        return SEPARATOR.join(self.section.path)


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage of a section.

    Attributes:
        judged: the passage without its question: what the model must find in an evaluation.
        served: the passage with title, headings and summary: what users find.
        anchor: the question it answers; empty for a passage that is only a distractor.
        part: number within the section, from 1.
        section: the section's id.
        group: the document; its passages must stay in one split.
        asked_by: the source of the question: "heading", "summary", "faq", "definition", "cloze".
    """

    judged: Document
    served: Document
    anchor: str
    part: int
    section: str
    group: str
    asked_by: str = ""


def ask(sections: Sequence[Section], settings: PrepareSettings, tally: Tally) -> list[AskedSection]:
    """Find the question of each section; sections that are too short are left out and counted."""
    tally.count("sections", len(sections))
    found: list[AskedSection] = []
    for section in sections:
        section = _whole(section, settings)
        if word_count(section.text) < settings.min_words:
            tally.drop(
                f"section of fewer than {settings.min_words} words", f"{section.source}: {one_line(section.text)}"
            )
            continue
        anchor, asked_by = _question(section)
        if not anchor and section.path and not section.name:
            reason = "uninformative heading" if is_empty(section.path[-1]) else "heading of one word"
            tally.drop(f"question: {reason}", SEPARATOR.join(section.path))
        elif anchor and settings.supervision.share(asked_by) == 0:
            tally.drop(f"question: the source {asked_by!r} is off", anchor)
            section, anchor = _whole_text(section), ""
        elif anchor and is_link_list(section.text):
            tally.drop("question: leads to a list of links", anchor)
            section, anchor = _whole_text(section), ""
        found.append(AskedSection(section, anchor, asked_by))
    return _drop_repeated(found, tally)


def cut(
    asked: Sequence[AskedSection], tokenizer: TokenCounter, limit: int, progress: Progress = QUIET, overlap: int = 0
) -> list[Passage]:
    """Cut sections into passages that fit into `limit` tokens with their header; see `chunk` for the overlap."""
    texts = [without_repeated_title(item.section.text, item.anchor, item.section.path) for item in asked]
    pieces = chunk(texts, [item.header for item in asked], tokenizer, limit, progress, overlap)
    return [
        passage_of(item, part.text, number, len(parts), span)
        for item, text, parts in zip(asked, texts, pieces, strict=True)
        for number, (part, span) in enumerate(zip(parts, spans(item.section, text, parts), strict=True), start=1)
    ]


def cap(passages: list[Passage], limit: int | None, tally: Tally, seed: int) -> list[Passage]:
    """Keep at most `limit` passages: whole sections, those with a question first, in the order of a hash."""
    if limit is None or len(passages) <= limit:
        return passages
    sizes: dict[str, tuple[bool, int]] = {}
    for passage in passages:
        sizes[passage.section] = (not passage.anchor, sizes.get(passage.section, (False, 0))[1] + 1)
    kept: set[str] = set()
    room = limit
    # Not the hash of the bare id: groups are split by it, so with one section a document only test would be kept.
    for section in sorted(sizes, key=lambda id_: (sizes[id_][0], stable_hash(f"kept\n{id_}", seed), id_)):
        if sizes[section][1] <= room:
            kept.add(section)
            room -= sizes[section][1]
    left_out = [passage for passage in passages if passage.section not in kept]
    tally.drop(f"passage beyond max_passages={limit}", left_out[0].served.id, len(left_out))
    return [passage for passage in passages if passage.section in kept]


def unique(passages: list[Passage], tally: Tally) -> list[Passage]:
    """Keep each text once; a text that occurs in many documents loses its question."""
    groups: dict[str, set[str]] = {}
    for passage in passages:
        groups.setdefault(key(passage.judged.content), set()).add(passage.group)
    kept: list[Passage] = []
    seen: set[str] = set()
    for passage in passages:
        text = key(passage.judged.content)
        if text in seen:
            tally.drop("duplicate passage", passage.judged.id)
            continue
        seen.add(text)
        if passage.anchor and len(groups[text]) > (most := _most_repeats(passage.asked_by)):
            tally.drop(f"question: its text occurs in more than {most} document{'s' * (most > 1)}", passage.anchor)
            passage = replace(passage, anchor="")
        kept.append(passage)
    return kept


def without_boilerplate(passages: list[Passage], tally: Tally) -> list[Passage]:
    """Remove the question of passages with near duplicates, of text or question, in more than MAX_REPEATS documents.

    They say little about any of these documents, and would force all of them into one split.
    """
    for what in ("text", "question"):
        asked = [i for i, passage in enumerate(passages) if passage.anchor]
        texts = [passages[i].judged.content if what == "text" else passages[i].anchor for i in asked]
        for crowd in _crowds(texts, groups := [passages[i].group for i in asked]):
            most = MAX_REPEATS
            if len({groups[place] for place in crowd}) <= MAX_REPEATS:
                most = 1  # too few for boilerplate, but definitions must not join documents
                crowd = [p for p in crowd if what == "text" and passages[asked[p]].asked_by == "definition"]
            for place in crowd:
                reason = f"question: near duplicates of its {what} occur in more than {most} document{'s' * (most > 1)}"
                tally.drop(reason, texts[place])
                passages[asked[place]] = replace(passages[asked[place]], anchor="")
    return passages


def remove_questions(passages: list[Passage], places: Collection[int], reason: str, tally: Tally) -> None:
    """Take the questions of the passages at these places away; each is counted."""
    for n in sorted(places):
        if passages[n].anchor:
            tally.drop(reason, passages[n].anchor)
            passages[n] = replace(passages[n], anchor="")


def _crowds(texts: Sequence[str], groups: Sequence[str]) -> list[list[int]]:
    """Positions of near duplicates, joined, if they belong to several groups."""
    joined = Groups()
    for near in near_duplicates([fingerprint(text) for text in texts]):
        joined.join([f"{near.first:09}", f"{near.second:09}"])
    members: dict[str, list[int]] = {}
    for place in range(len(texts)):
        members.setdefault(joined.find(f"{place:09}"), []).append(place)
    return [crowd for crowd in members.values() if len({groups[i] for i in crowd}) > 1]


def _question(section: Section) -> tuple[str, str]:
    """The question that a section answers, and its source."""
    if section.summary:
        return section.summary, "summary"
    if section.name or not section.path:
        return "", ""
    term = isinstance(section.path[-1], Term)
    anchor = from_term(section.path) if term else from_headings(section.path)
    return anchor, "faq" if is_question(anchor) else "definition" if term else "heading"


def _whole(section: Section, settings: PrepareSettings) -> Section:
    """A summary with no text below it becomes the text itself and is no question."""
    if section.summary and (
        word_count(section.text) < settings.min_words or word_count(section.summary) < MIN_ANCHOR_WORDS
    ):
        text = "\n\n".join(filter(None, [section.summary, section.text]))
        return replace(section, text=text, summary="")
    return section


def _drop_repeated(asked: list[AskedSection], tally: Tally) -> list[AskedSection]:
    """Complete questions that are asked of many documents by the headings above them; drop those that cannot be."""
    result = list(asked)
    for place, item in _repeated(result):
        *_, longest = completed(clean_heading(item.section.path[-1]), item.section.path) if item.section.path else [""]
        if item.asked_by in ("heading", "definition") and len(longest) > len(item.anchor):
            result[place] = replace(item, anchor=longest)
            tally.count("questions that were completed by the headings above them")
    for place, item in _repeated(result):
        most = _most_repeats(item.asked_by)
        tally.drop(f"question: asked of more than {most} text{'s' * (most > 1)}", item.anchor)
        result[place] = AskedSection(_whole_text(item.section), "")
    return result


def _repeated(asked: Sequence[AskedSection]) -> list[tuple[int, AskedSection]]:
    """The sections whose question is asked of more documents than one question may be, with their positions."""
    groups: dict[str, set[str]] = {}
    for item in asked:
        if item.anchor:
            groups.setdefault(key(item.anchor), set()).add(
                item.section.group if not item.section.name else item.section.id
            )
    return [
        (place, item)
        for place, item in enumerate(asked)
        if item.anchor and len(groups[key(item.anchor)]) > _most_repeats(item.asked_by)
    ]


def _whole_text(section: Section) -> Section:
    if not section.summary:
        return section
    return replace(section, text=f"{section.summary}\n\n{section.text}", summary="")


def without_repeated_title(text: str, anchor: str, path: Sequence[str] = ()) -> str:
    """The text without the question or the heading that it repeats at its start; whole if hardly anything follows.

    A question that is the start of its text would be given away by it. The title stays before the served passage.
    """
    if not anchor:
        return text
    first, _, rest = text.partition("\n")
    if rest.strip() and key(clean_heading(first)) == key(clean_heading(anchor)):
        return rest.lstrip("\n")
    for title in dict.fromkeys((anchor, *path[-1:])):
        words = _WORDS.findall(title)
        copy = (
            re.match(r"\W*" + r"\W+".join(map(re.escape, words)) + r"(?!\w)\W*", text, re.IGNORECASE) if words else None
        )
        if copy and word_count(text[copy.end() :]) >= MIN_REST_WORDS:
            return text[copy.end() :]
    return text


def passage_of(item: AskedSection, text: str, number: int, count: int, span: tuple[int, int] | None) -> Passage:
    """The passage number `number` of `count` of a section, with its position in the document's text."""
    section = item.section
    id_ = section.id if number == 1 else f"{section.id}({number})" if "#" in section.id else f"{section.id}#{number}"
    metadata = {
        **section.metadata,
        "source": section.source,
        "headings": list(section.path),
        "part": number,
        "parts": count,
        "group": section.group,
        **({"span": list(span)} if span else {}),
    }
    name = "" if item.anchor and contains(section.name, item.anchor) else section.name
    whole = "\n\n".join(filter(None, (section.summary, text)))
    return Passage(
        judged=Document(id_, text, name, metadata),
        served=Document(id_, whole, item.title, metadata),
        anchor=item.anchor,
        part=number,
        section=section.id,
        group=section.group,
        asked_by=item.asked_by,
    )
