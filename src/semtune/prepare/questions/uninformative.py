"""Uninformative pairs: questions that say nothing, and texts that only lead to other texts."""

from __future__ import annotations

import re

from semtune.prepare.questions.headings import is_empty, is_enough
from semtune.text import CJK, key

MENU_WORDS, MENU_MARKS, MENU_LINES = 30, 3, 2
_STOP = (
    "a an and any are as at be by can do does for from has have how i if in into is it its my no not of on or our "
    "so some such that the their then there these they this those to up was we what when where which who why will "
    "with you your me he she us them am were been her his here about aber als am an auch auf aus bei das dem den "
    "der des die ein eine einer er es für hat ich im in ist mit nach nicht oder sich sie sind und von wie wir zu "
    "zum zur au aux avec ce ces dans de des du en est et il la le les leur ne nous ou par pas pour que qui se son "
    "sur un une vous al como con del el es este la las lo los más no para por se sin su un una y"
)
STOP = frozenset(_STOP.split())
_TOKEN = re.compile(r"\w+")
_MENU = re.compile(r"\s[|»›>·•←→]\s|[»›]")
MAX_STUB = 25  # words
_GONE = re.compile(
    r"^(?:this|the) (?:section|page|chapter|article|appendix|document|part) (?:has been|have been|has|was|is) "
    r"(?:now )?(?:deleted|removed|moved|withdrawn|obsolete|empty|intentionally)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(rf"[.!?:;][\s\"')]|[.!?:;]$|[。！？]|[{CJK}]{{12}}")


def uninformative_reason(anchor: str, positive: str) -> str:
    """Why there is nothing to learn from a question and its text; empty if there is."""
    if is_empty(anchor):
        return "is uninformative"
    if not is_enough(anchor):
        return "is too short"
    if not says_words(anchor):
        return "has only stop words and numbers"
    if starts_with(positive, anchor):
        return "is the start of its text"
    if is_menu(positive):
        return "leads to a menu"
    if len(_TOKEN.findall(positive)) <= MAX_STUB and _GONE.match(positive.lstrip()):
        return "leads to a text that was removed or moved"
    return ""


def says_words(text: str) -> bool:
    """Whether a text has a word other than stop words, numbers and single letters."""
    words = [word for word in _TOKEN.findall(text.casefold()) if not word.isdigit()]
    return any(word not in STOP and (len(word) > 1 or not word.isascii()) for word in words)


def starts_with(text: str, beginning: str) -> bool:
    """Whether a text begins with another, ignoring case, white space and closing punctuation."""
    whole, part = key(text[: 4 * len(beginning) + 100]), key(beginning).rstrip(" .?!:。？！：")
    return bool(part) and whole.startswith(part) and not whole[len(part) : len(part) + 1].isalnum()


def is_menu(text: str) -> bool:
    """Whether a short text is a menu: names separated by bars or arrows, without a sentence."""
    return (
        text.count("\n") < MENU_LINES
        and len(_TOKEN.findall(text)) <= MENU_WORDS
        and len(_MENU.findall(text)) >= MENU_MARKS
        and not _SENTENCE.search(text)
    )
