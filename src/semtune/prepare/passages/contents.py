"""Parts of a document that are not about its subject: tables of contents, indexes, lists of links, change lists.

They repeat words of all other parts and answer no question, so nothing is asked of them and no model is judged by
them. An index holds them like everything else.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from semtune.prepare.drop_log import Tally
from semtune.prepare.questions.headings import alike, clean_heading
from semtune.prepare.readers.documents.outline_types import Term, is_link_list, links_of
from semtune.prepare.records import Section
from semtune.text import key, letter_count, one_line

_CONTENTS = (
    "table of contents|contents|brief contents|index|general index|module index|subject index|concept index|"
    "function index|variable index|indices and tables|list of tables|list of figures|list of examples|list of listings|"
    "inhaltsverzeichnis|inhalt|stichwortverzeichnis|abbildungsverzeichnis|tabellenverzeichnis|sommaire|"
    "table des matières|índice|índice general|indice|inhoudsopgave|spis treści|目录|目次|索引"
)
CONTENTS = frozenset(_CONTENTS.split("|"))
_CHANGES = (
    "changelog|change log|changelogs|release notes|releasenotes|revision history|version history|release history|"
    "document history|änderungsprotokoll|versionsgeschichte|journal des modifications|historial de cambios|"
    "更新日志|変更履歴|リリースノート"
)
CHANGES = frozenset(_CHANGES.split("|"))
CHANGE_FILES = frozenset(("changelog", "changes", "history", "news", "releases", "release_notes", "release-notes"))
MIN_LINKS = 5  # a shorter list of links is a "See also"
MIN_LEADERS, MIN_ENTRIES = 2, 5
MOST = 0.6  # share of a text's letters, or of its lines
SENTENCE_END = (".", "!", "?", "。", "！", "？")
ALIKE = 5  # headings of one document that differ in a version only; then they are a change list
_LEADER = re.compile(r"(?:[.·…‥_]\s?){5,}\s*(?:\d+|[ivxlcdm]+\b)?")
_ENTRY = re.compile(r"^\S.{0,70}?[,\s]\s*\d{1,4}(?:\s?[,–-]\s?\d{1,4})*$")  # "alias, 12, 45–47"
_VERSION = re.compile(r"\d+\.\d+|\b(?:19|20)\d\d-\d\d-\d\d\b")
_PARTS = re.compile(
    r"\b(?:section|article|clause|part|chapter|paragraph|appendix|annex|figure|table|step|lesson|exercise|problem|rule|"
    r"abschnitt|kapitel|artikel|absatz|chapitre|capítulo|§)",
    re.IGNORECASE,
)
MAX_NAME = 3  # words of a heading beside its version: "Django 5.1 released"


def without_contents(sections: Sequence[Section], tally: Tally) -> list[Section]:
    """Leave out tables of contents, indexes, lists of links and change lists; counted.

    A source that is mostly change lists is about changes: they stay, with a warning.
    """
    changes = _change_lists(sections)
    words = sum(len(section.text) for section in sections)
    if sum(len(section.text) for section in sections if section.id in changes) > MOST * words:
        changes = frozenset()
        tally.warn("Most of this source is change lists. They are asked about like other texts.")
    kept: list[Section] = []
    for section in sections:
        if section.id in changes:
            tally.drop("section of a change list", f"{section.source}: {' > '.join(section.path)}")
        elif reason := _contents(section):
            tally.drop(f"section that is {reason}", f"{section.source}: {one_line(section.text)}")
        else:
            kept.append(section)
    return kept


def is_contents(text: str) -> bool:
    """Whether a text is a table of contents or an index: entries with page numbers, and hardly anything else.

    "Redirections . . . . 31", on lines of their own or run together; or ten lines in alphabetical order, each of which
    ends in page numbers.
    """
    leaders = list(_LEADER.finditer(text))
    if len(leaders) >= MIN_LEADERS:
        return letter_count(text[leaders[-1].end() :]) <= (1 - MOST) * letter_count(text)
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    entries = [key(line) for line in lines if _ENTRY.match(line)]
    if len(entries) < 2 * MIN_ENTRIES or len(entries) < MOST * len(lines):
        return False
    return sum(one <= two for one, two in itertools.pairwise(entries)) >= 0.8 * (len(entries) - 1)


def _contents(section: Section) -> str:
    """What kind of contents a section is; empty if it is none."""
    if section.name or section.summary:
        return ""
    if len(links_of(section.text)) >= MIN_LINKS and is_link_list(section.text):
        return "a list of links"
    first, _, rest = section.text.strip().partition("\n")
    heading = section.path[-1] if section.path and not isinstance(section.path[-1], Term) else ""
    titled = key(clean_heading(heading)) in CONTENTS and _only_entries(section.text)
    if titled or (key(clean_heading(first)) in CONTENTS and _only_entries(rest)) or is_contents(section.text):
        return "a table of contents or an index"
    return ""


def _only_entries(text: str) -> bool:
    """Whether most lines of a text are no sentences."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return sum(not line.endswith(SENTENCE_END) for line in lines) >= MOST * len(lines)


def _change_lists(sections: Sequence[Section]) -> frozenset[str]:
    """Sections below a heading of a change list, in a file of that name, or below one of many version headings."""
    paths = {section.id: [clean_heading(h) for h in section.path if not isinstance(h, Term)] for section in sections}
    headings = {(section.group, heading) for section in sections for heading in paths[section.id]}
    versions = Counter((group, alike(heading)) for group, heading in headings if _is_version(heading))
    return frozenset(
        section.id
        for section in sections
        if _in_change_file(section.source)
        or any(key(h) in CHANGES or versions[section.group, alike(h)] >= ALIKE for h in paths[section.id])
    )


def _in_change_file(source: str) -> bool:
    path = PurePath(source)
    return bool(path.suffix) and path.stem.casefold() in CHANGE_FILES


def _is_version(heading: str) -> bool:
    """Whether a heading, without its own number, is a version: "Version 4.1.3", "1.2.0 (2024-05-01)"."""
    if not _VERSION.search(heading) or _PARTS.search(heading):
        return False
    return len(re.findall(r"[^\W\d_]{2,}", heading)) <= MAX_NAME
