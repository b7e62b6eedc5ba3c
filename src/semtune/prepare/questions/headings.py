"""Headings as questions: which ones are informative enough, and how short ones are completed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from semtune.text import CJK, contains, key, one_line, word_count

# Headings that say nothing about the text below them, in common languages.
_EMPTY_HEADINGS = (
    "introduction|intro|overview|summary|abstract|preface|foreword|background|see also|related|related topics|"
    "related articles|note|notes|footnotes|remarks|example|examples|usage|usage example|usage examples|synopsis|"
    "description|details|options|arguments|parameters|return value|return values|returns|references|"
    "further reading|external links|links|resources|bibliography|bugs|author|authors|contributors|credits|"
    "acknowledgements|acknowledgments|copyright|license|licence|legal notice|contents|table of contents|index|"
    "indices and tables|navigation|menu|search|home|about|about us|contact|changelog|change log|changes|history|"
    "about this document|about this manual|about this book|about this guide|about this page|mailing list|"
    "news|release notes|what's new|what’s new|faq|questions|conclusion|conclusions|discussion|results|methods|"
    "tl;dr|tldr|next steps|more|more information|for more information|miscellaneous|misc|other|others|general|"
    "basics|advanced|appendix|todo|warning|warnings|tip|tips|caution|important|prerequisites|requirements|"
    "definition|definitions|glossary|terms|frequently asked questions|return type|raises|yields|default|"
    "default value|values|see|untitled|readme|document|page|welcome|einleitung|einführung|überblick|übersicht|"
    "siehe auch|beispiel|beispiele|hinweis|hinweise|anmerkungen|inhalt|inhaltsverzeichnis|literatur|impressum|"
    "introducción|ejemplos|véase también|notas|referencias|exemples|voir aussi|remarques|références|sommaire|简介|"
    "介绍|概述|示例|例子|参见|注意|备注|参考文献|目录|はじめに|概要|例|関連項目|注意事項|目次"
)
EMPTY = frozenset(_EMPTY_HEADINGS.split("|"))
_NUMBER = re.compile(
    r"^(?:(?:chapter|section|part|appendix|kapitel)\s+)?(?:[\dA-Z]{1,3}(?:\.\d+)*[.):]|\d+(?:\.\d+)+|\(\d+\))\s+",
    re.IGNORECASE,
)
_MARKS = re.compile(r"[¶§#\s]+$")
_INFORMATIVE = re.compile(
    rf"\w[._:/()-]+\w|_|\d|[a-z][A-Z]|[{CJK}]{{4,}}"
)  # os.path, read_csv, HTTP2, DataFrame, 字符串方法
_LETTER = re.compile(r"\s+[–—-]\s+\S{1,2}$")  # "Index – F"
_VALUE = re.compile(r"\d+(?:[.\-/:]\d+)*")
_OPTION = re.compile(r"^(?:--?|\+|/|\$|\\)[^\s\d]")  # "-e", "--verbose", "/help", "$?"
_DECORATION = re.compile(r"[\"“”`*]+")


def clean_heading(heading: str) -> str:
    """A heading without its number, quotes and permalink sign."""
    text = _MARKS.sub("", one_line(_DECORATION.sub("", heading)))
    return _NUMBER.sub("", text).strip(" :–—-") or text


def is_empty(heading: str) -> bool:
    """Whether a heading says nothing by itself ("Introduction", "See also")."""
    text = _LETTER.sub("", clean_heading(heading)).casefold().strip(" .!?…")
    return text in EMPTY or not re.search(r"[^\W\d_]", text)


def is_enough(heading: str) -> bool:
    """Whether a heading can be a question by itself: it has two words, or one that is the name of something."""
    return word_count(heading) >= 2 or bool(_INFORMATIVE.search(heading))


def alike(heading: str) -> str:
    """What headings that differ in a number only have in common: "version #" for "Version 4.1.3"."""
    return _VALUE.sub("#", key(heading))


def is_option(term: str) -> bool:
    """Whether a term is an option or a variable of a program, which says something with the program's name only."""
    return bool(_OPTION.match(term))


def from_headings(path: tuple[str, ...]) -> str:
    """The question that a section answers, from its headings (title first); empty if they say too little.

    A short heading is completed by the nearest informative heading above it: "Install" under "Guide to Milvus" becomes
    "Guide to Milvus: Install". A heading such as "See also" gives no question.
    """
    if not path or is_empty(path[-1]):
        return ""
    anchor = clean_heading(path[-1])
    return next((longer for longer in completed(anchor, path) if is_enough(longer)), "")


def from_term(path: tuple[str, ...]) -> str:
    """The question for a definition or an answer: the last entry of the path, a term.

    A question is used unchanged. A term of one word, or an option ("-v, --verbose"), means little without the heading
    above it: "git-log Manual Page: -v, --verbose".
    """
    term = _MARKS.sub("", one_line(_DECORATION.sub("", path[-1]))).rstrip(":").strip()
    if term.endswith(("?", "？", "؟")):
        return _NUMBER.sub("", term) or term
    return next((longer for longer in completed(term, path) if is_enough(longer) and not is_option(longer)), "")


def completed(anchor: str, path: tuple[str, ...]) -> Iterator[str]:
    """A question, and the same question after one, two and more of the informative headings above it."""
    yield anchor
    for parent in reversed(path[:-1]):
        if not is_empty(parent) and not contains(anchor, name := clean_heading(parent)):
            anchor = f"{name}: {anchor}"
            yield anchor
