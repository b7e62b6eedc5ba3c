"""Terms with definitions and questions with answers, found in lists, as sections of their own.

Readers mark them with a `Term` at the end of the path; "Q:" and "A:" lines are found here, in any text. An entry that
says too little to be a pair is put back into the section that contains it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from semtune.prepare.drop_log import Tally
from semtune.prepare.questions.headings import from_term, is_empty, is_option
from semtune.prepare.questions.uninformative import says_words
from semtune.prepare.readers.documents.outline_types import Linked, Term, links_of
from semtune.prepare.records import Section
from semtune.prepare.settings import SupervisionSettings
from semtune.text import word_count

MIN_DEFINITION, MIN_ANSWER = 8, 4  # words
MAX_TERM = 30  # words
_BOLD = r"(?:\*\*|__)?"
_Q = re.compile(
    rf"^ {{0,3}}{_BOLD}(?:Q|Question|Frage|问|問)\s*\d*\s*[:：.)]\s*{_BOLD}\s*(\S.*?)\s*{_BOLD}$", re.MULTILINE
)
_A = re.compile(rf"^ {{0,3}}{_BOLD}(?:A|Answer|Antwort|答)\s*\d*\s*[:：.)]\s*{_BOLD}\s*", re.MULTILINE)

_USAGE = re.compile(r"\?[\w-]")  # "exec ?-count n? ?name?" is a usage line


def is_question(text: str) -> bool:
    """Whether a text ends like a question."""
    return text.rstrip(" ¶#\"'”’)*_").endswith(("?", "？", "؟")) and not _USAGE.search(text)


def separate(sections: Sequence[Section], weights: SupervisionSettings, tally: Tally) -> list[Section]:
    """Sections, with each informative entry as a section of its own and all others within their section."""
    result: list[Section] = []
    places: dict[tuple[str, ...], int] = {}  # path → its section in the result, for the document being read
    before: tuple[str, ...] = ()
    group = None
    for section in (part for whole in sections for part in _questions(whole)):
        if section.group != group or section.name:
            places, before, group = {}, (), section.group
        path = section.path
        if path and isinstance(path[-1], Term) and not _stands_alone(section, weights, tally):
            home = next(
                (n for n in range(len(path) - 1, 0, -1) if not isinstance(path[n - 1], Term) or path[:n] in places), 0
            )
            names = path[max(home, _shared(path, before)) :]
            section = replace(section, path=path[:home], text=_joined(*names, section.text))
        continues = len(section.path) < len(before) and isinstance(before[len(section.path)], Term)
        continues = continues and before[: len(section.path)] == section.path
        folded = section.path != path
        if (continues or folded) and section.path in places:
            place = places[section.path]
            result[place] = replace(result[place], text=_joined(result[place].text, section.text))
        else:
            places[section.path] = len(result)
            result.append(section)
        before = path
    return result


def _stands_alone(section: Section, weights: SupervisionSettings, tally: Tally) -> bool:
    term, source = section.path[-1], "faq" if is_question(section.path[-1]) else "definition"
    least = MIN_ANSWER if source == "faq" else MIN_DEFINITION
    if weights.share(source) == 0:
        reason = f"the source {source!r} is off"
    elif not _says_something(section.path):
        reason = "the term is uninformative"
    elif word_count(term) > MAX_TERM:
        reason = f"the term has more than {MAX_TERM} words"
    elif word_count(section.text) < least:
        reason = f"fewer than {least} words"
    else:
        return True
    tally.drop(f"{source} left in its section: {reason}", " > ".join(section.path[-2:]))
    return False


def _says_something(path: tuple[str, ...]) -> bool:
    """Whether a term is a question; an option or a variable is one with its program's name."""
    asked = from_term(path)
    return (
        bool(asked)
        and (is_option(path[-1]) or not is_empty(path[-1]))
        and says_words(asked if is_option(path[-1]) else path[-1])
    )


def _questions(section: Section) -> list[Section]:
    """A section cut at its "Q:" lines; unchanged if it has none with an answer."""
    found = (
        []
        if section.name or section.summary
        else [(m, _A.search(section.text, m.end())) for m in _Q.finditer(section.text)]
    )
    if not found or not all(answer for _, answer in found):
        return [section]
    ends = [*(question.start() for question, _ in found[1:]), len(section.text)]
    parts = [replace(section, text=section.text[: found[0][0].start()].strip())]
    for number, ((question, answer), end) in enumerate(zip(found, ends, strict=True), start=1):
        if answer is None or answer.start() >= end:
            return [section]
        asked = " ".join([question.group(1), *section.text[question.end() : answer.start()].split()])
        path = (*section.path, Term(asked.strip("*_ ")))
        parts.append(
            replace(section, id=f"{section.id}.{number}", path=path, text=section.text[answer.end() : end].strip())
        )
    return [part for part in parts if part.text.strip()]


def _shared(one: tuple[str, ...], two: tuple[str, ...]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))


def _joined(*texts: str) -> str:
    links = [link for text in texts for link in links_of(text)]
    text = "\n\n".join(filter(None, texts))
    return Linked(text, links) if links else text
