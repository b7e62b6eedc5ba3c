"""Training pairs from link texts with the documents they lead to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urlsplit

from semtune.dataset import Dataset
from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.from_sections import Passage
from semtune.prepare.questions.headings import clean_heading
from semtune.prepare.questions.supervision import add_pair
from semtune.prepare.questions.uninformative import uninformative_reason
from semtune.prepare.readers.documents.outline_types import is_link_list, links_of
from semtune.prepare.records import Section
from semtune.prepare.settings import SupervisionSettings
from semtune.text import key, stable_hash, word_count
from semtune.types import Split

MIN_WORDS, MAX_WORDS = 2, 20
MAX_PER_DOCUMENT = 3  # otherwise most pairs would be about the page that everybody links to
_SAYS_NOTHING = (
    "here|click here|this|this page|this link|this section|this document|this chapter|this article|link|read more|"
    "learn more|see here|see this|more info|more details|full list|the documentation|the docs|documentation|next page|"
    "previous page|next|previous|prev|up|back|go back|back to top|top|home|home page|main page|download|continue|"
    "source|view source|show source|edit|edit this page|table of contents|full text|not here|over here|"
    "as described here|"
    "zum anfang|nach oben|hier|diese seite|weiter|zurück|mehr lesen|ici|cette page|suivant|précédent|en savoir plus|"
    "aquí|esta página|siguiente|index|general index|module index|search page|modules|glossary|full index|all classes|"
    "anterior|leer más|这里|此处|下一页|上一页|更多|こちら|ここ|次へ|前へ"
)
SAYS_NOTHING = frozenset(_SAYS_NOTHING.split("|"))
_ADDRESS = re.compile(r"^(?:\w+://|www\.|mailto:)|\.(?:html?|php|org|com|net|io)\b[/\w]*$", re.IGNORECASE)
_NUMBERS = re.compile(r"\b\d+\b")  # "git-log(1)" is one word
_PART = (
    r"^(?:section|part|chapter|appendix|table|figure|kapitel|abschnitt|teil|anhang|chapitre|partie|annexe)\s+[\w.]{1,6}"
)
_PLACE = re.compile(rf"{_PART}$", re.IGNORECASE)
_NUMBERED = re.compile(rf"{_PART}[,:]\s+", re.IGNORECASE)  # "Section 9.3, Managing rights"
_STEP = re.compile(
    r"^(?:次のページ|前のページ|戻る|次へ|下一页|上一页)|"
    r"^(?:next|prev(?:ious)?|up|home|weiter|zurück|précédent|suivant|anterior|siguiente)"
    r"(?:\b|(?=\d)|(?-i:(?<=[a-zü])(?=[A-ZÄÖÜÉ])))[\s:»>]*",
    re.IGNORECASE,
)  # "Next: 4.2 Joins", and "Weiter4.2 Joins"
_FILLING = re.compile(r"^(?:see(?: also)?|read)\b[:\s]*|[\s»›→←]+$", re.IGNORECASE)


def link_pairs(
    sections: Sequence[Section], passages: Sequence[Passage], tally: Tally
) -> list[tuple[str, str, Passage]]:
    """(text of a link, the document that contains it, the first passage of the document it leads to)."""
    menus = {section.id for section in sections if is_link_list(section.text)}
    first: dict[str, Passage] = {}
    for passage in passages:
        if passage.section not in menus:
            first.setdefault(passage.group, passage)
    said: dict[str, dict[str, tuple[str, str]]] = {}  # text → target → (as written, where from)
    for where, text, href in _links(section for section in sections if section.id not in menus):
        if (target := resolve(href, where, first)) is None:
            continue
        anchor = _NUMBERED.sub("", _FILLING.sub("", clean_heading(text)))
        reason = _says_too_little(anchor) or uninformative_reason(anchor, first[target].judged.content)
        if reason:
            tally.drop(f"link: {reason}", f"{text} → {target}")
        else:
            said.setdefault(key(anchor), {}).setdefault(target, (anchor, where))
    found: dict[str, list[tuple[str, str]]] = {}
    for targets in said.values():
        if len(targets) > 1:
            tally.drop(
                "link: same text leads to several documents", f"{next(iter(targets.values()))[0]}: {', '.join(targets)}"
            )
        else:
            ((target, link),) = targets.items()
            found.setdefault(target, []).append(link)
    pairs: list[tuple[str, str, Passage]] = []
    for target, links in found.items():
        links.sort(key=lambda link: (stable_hash(key(link[0])), link[0]))
        if len(links) > MAX_PER_DOCUMENT:
            tally.drop(f"link: more than {MAX_PER_DOCUMENT} to a document", target, len(links) - MAX_PER_DOCUMENT)
        pairs += [(anchor, where, first[target]) for anchor, where in links[:MAX_PER_DOCUMENT]]
    return pairs


def resolve(href: str, where: str, documents: Mapping[str, object]) -> str | None:
    """The document that a link leads to; None for links within a document, to a part of one, or to other sites."""
    try:
        parts = urlsplit(href.strip())
    except ValueError:
        return None
    if parts.scheme or parts.netloc or parts.fragment or parts.query or not parts.path or parts.path.startswith("/"):
        return None
    path = normpath(join(dirname(where), unquote(parts.path)))
    tries = (path, f"{path}.html", f"{path}.md", f"{path}/index.html", f"{path}/index.md", f"{path}/README.md")
    return next((found for found in tries if found in documents and found != where), None)


def add_links(
    dataset: Dataset,
    sections: Sequence[Section],
    passages: Sequence[Passage],
    splits: Mapping[str, Split],
    weights: SupervisionSettings,
    seed: int,
    tally: Tally,
) -> None:
    """Add the pairs of links if both documents are in train."""
    for anchor, where, passage in link_pairs(sections, passages, tally) if weights.link else ():
        if splits.get(where) != "train" or splits[passage.group] != "train":
            tally.drop("link: from or to a document of dev or test", f"{anchor} → {passage.group}")
        elif weights.keeps("link", anchor, passage.judged.content, seed):
            add_pair(dataset, anchor, passage.judged.id, passage.judged.content, passage.group, "link", tally)


def _links(sections: Iterable[Section]) -> Iterator[tuple[str, str, str]]:
    for section in sections:
        for link in links_of(section.text):
            yield section.group, link.text, link.href


def _says_too_little(text: str) -> str:
    if key(text).strip(" .:!…") in SAYS_NOTHING or _PLACE.match(text):
        return "is uninformative"
    if _STEP.match(text):
        return "leads to the previous or next page"
    if _ADDRESS.search(text):
        return "is an address"
    if not MIN_WORDS <= word_count(_NUMBERS.sub(" ", text)) <= MAX_WORDS:
        return f"not {MIN_WORDS} to {MAX_WORDS} words"
    return ""
