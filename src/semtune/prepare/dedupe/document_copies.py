"""Copies of whole documents: a manual as web pages, as one text file and as a PDF, or one file in two folders.

Asked of as they stand, such copies answer each other's questions. So only the copy in the format that keeps the most
structure is trained on and judged with; what the others repeat is left out. An index holds them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from semtune.prepare.dedupe.near_duplicates import Hashes, in_both, shingles
from semtune.prepare.drop_log import Tally
from semtune.prepare.records import Section
from semtune.text import one_line

FORMATS = (
    (".md", ".markdown", ".mdx", ".rst", ".adoc", ".org", ".ipynb"),
    (".html", ".htm", ".xhtml", ".xml"),
    (".docx", ".odt", ".pptx", ".odp", ".epub", ".rtf"),
    (".txt", ".text", ".log"),
    (".pdf",),
)  # in the order in which they are preferred: headings and tables survive best in the first
WIDTH = 4  # words of a shingle: not changed by where lines end
FEWEST = 50  # shingles; shorter documents can be equal by chance
REPEATED = 0.5  # share of a document's shingles that documents in better formats have; then it is a copy
EQUAL = 0.95  # the same of one document in its own format
SOME = 0.02  # share of a document that one of the documents it repeats must have to be named
COVERED = 0.6  # the same of a section; then it is left out. PDFs lose a few words in tables and at line ends
MIN_SECTION = 8  # shingles; a shorter section of a copy is left out with it
NAMED = 3


def without_document_copies(sections: Sequence[Section], tally: Tally) -> tuple[list[Section], frozenset[str]]:
    """Leave out what documents repeat of documents in a better format; counted, and the copies are named.

    Returns:
        The sections that stay, and the documents that were recognised as copies (their group).
    """
    owners = _owners(sections)
    copies = {name: original for name in sorted(owners.names) if (original := _original(name, owners))}
    if not copies:
        return list(sections), frozenset()
    kept: list[Section] = []
    for section in sections:
        if section.group in copies and _repeats(section, owners):
            tally.drop("section of a copy of another document", f"{section.source}: {one_line(section.text)}")
        else:
            kept.append(section)
    named = [f"{copy} repeats {original}" for copy, original in list(copies.items())[:NAMED]]
    tally.count("copies of other documents", len(copies))
    tally.warn(
        f"{len(copies):,} document(s) are copies of others ({', '.join(named)}"
        f"{' and others' if len(copies) > NAMED else ''}). Questions are asked of one copy only; an index holds all."
    )
    return kept, frozenset(copies)


@dataclass(frozen=True, slots=True)
class _Owners:
    """Each shingle of a source and the first document that has it; better formats and shorter documents come first.

    Attributes:
        names: document → its number in that order.
        ranks: of the documents' formats, by number.
        prints: the documents' shingles, by number.
        shingles: all of them, sorted.
        owners: number of the first document with each.
    """

    names: dict[str, int]
    ranks: NDArray[np.int64]
    prints: list[Hashes]
    shingles: Hashes
    owners: NDArray[np.int64]

    def of(self, found: Hashes) -> NDArray[np.int64]:
        """The owner of each of these shingles, all of which are known."""
        return self.owners[np.searchsorted(self.shingles, found)]


def _owners(sections: Sequence[Section]) -> _Owners:
    parts: dict[str, list[Hashes]] = {}
    ranks = {section.group: _rank(section.source) for section in sections}
    for section in sections:
        if ranks[section.group] < len(FORMATS):
            parts.setdefault(section.group, []).append(shingles(section.text, WIDTH))
    prints = {group: np.unique(np.concatenate(found)) for group, found in parts.items()}
    order = sorted(
        (group for group in prints if prints[group].size >= FEWEST),
        key=lambda group: (ranks[group], prints[group].size, group),
    )
    together = np.concatenate([np.empty(0, np.uint32), *(prints[group] for group in order)])
    known, first = np.unique(together, return_index=True)
    homes = np.repeat(np.arange(len(order)), [prints[group].size for group in order])
    return _Owners(
        {group: number for number, group in enumerate(order)},
        np.array([ranks[group] for group in order], np.int64),
        [prints[group] for group in order],
        known,
        homes[first],
    )


def _original(name: str, owners: _Owners) -> str:
    """The document that this one repeats most of, if it is a copy; empty if it is none."""
    number, names = owners.names[name], list(owners.names)
    prints, rank = owners.prints[number], owners.ranks[number]
    homes = owners.of(prints)
    shares = np.bincount(homes, minlength=number + 1) / homes.size
    better = np.flatnonzero((shares >= SOME) & (owners.ranks[: shares.size] < rank))
    if (owners.ranks[homes] < rank).sum() >= REPEATED * homes.size and better.size:
        return names[max(better, key=lambda one: in_both(prints, owners.prints[one]))]
    for one in np.flatnonzero(shares[:number] >= SOME):
        least, most = sorted((owners.prints[one].size, prints.size))
        if least >= EQUAL * most and in_both(prints, owners.prints[one]) >= EQUAL * prints.size:
            return names[one]
    return ""


def _repeats(section: Section, owners: _Owners) -> bool:
    found = shingles(section.text, WIDTH)
    elsewhere = owners.of(found) != owners.names[section.group]
    return found.size < MIN_SECTION or bool(elsewhere.mean() >= COVERED)


def _rank(source: str) -> int:
    """Place of a file's format in `FORMATS`; behind all of them if it has none of these suffixes."""
    suffix = PurePath(source.removesuffix(".gz")).suffix.lower()
    return next((rank for rank, suffixes in enumerate(FORMATS) if suffix in suffixes), len(FORMATS))
