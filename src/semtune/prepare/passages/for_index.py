"""Passages for an index: every section of every document, whether or not it can be trained on.

Training questions are filtered; documents are not. Short texts, repeated texts, titles without a text and copies of
other documents stay in the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.chunk import TokenCounter
from semtune.prepare.passages.from_sections import AskedSection, Passage, cut, passage_of
from semtune.prepare.passages.list_entries import separate
from semtune.prepare.records import Section
from semtune.prepare.settings import PrepareSettings
from semtune.progress import QUIET, Progress
from semtune.types import Document


def documents_of(
    sections: Sequence[Section],
    tokenizer: TokenCounter,
    limit: int,
    settings: PrepareSettings,
    progress: Progress = QUIET,
) -> list[Document]:
    """All sections, cut into passages that fit into `limit` tokens, with titles and headings before them.

    Entries of lists that say too little to stand alone stand in their section, as they do for training.
    """
    asked = [AskedSection(section, "") for section in separate(_with_text(sections), settings.supervision, Tally())]
    found: dict[str, list[Document]] = {}
    for passage in cut(asked, tokenizer, limit, progress, settings.chunk_overlap):
        found.setdefault(passage.section, []).append(passage.served)
    return [
        document
        for item in asked
        for document in found.get(item.section.id) or [passage_of(item, "", 1, 1, None).served]
    ]


def with_left_out(
    passages: Sequence[Passage], further: Sequence[Document], sections: Sequence[Section]
) -> list[Document]:
    """The served texts of `passages` and the documents that training leaves out, in the order of their sections."""
    order = {section.id: number for number, section in enumerate(sections)}
    served = [passage.served for passage in passages]
    known = {document.id for document in served}
    together = [*served, *(document for document in further if document.id not in known)]
    return sorted(together, key=lambda document: order.get(_section_of(document.id, order), len(order)))


def _section_of(id_: str, order: dict[str, int]) -> str:
    """The section of a passage, whose later parts are numbered `ID#2` or `ID(2)`."""
    if id_ in order:
        return id_
    return id_[: id_.rindex("(")] if id_.endswith(")") else id_.rpartition("#")[0]


def _with_text(sections: Sequence[Section]) -> list[Section]:
    """Headings that have neither a text nor sections below them stand as lines of one section under their parent."""
    kept: list[Section] = []
    places: dict[tuple[str, tuple[str, ...]], int] = {}  # (document, path of the parent) → its section of headings
    for section in sections:
        if section.text.strip() or section.summary or not section.path:
            kept.append(section)
            continue
        *above, heading = section.path
        place = places.get((section.group, tuple(above)))
        if place is not None and above:
            kept[place] = replace(kept[place], text=f"{kept[place].text}\n{heading}")
            continue
        places[section.group, tuple(above)] = len(kept)
        kept.append(replace(section, path=tuple(above) or section.path, text=heading if above else "", start=None))
    return kept
