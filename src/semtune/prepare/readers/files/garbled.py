"""Notices text that was extracted badly: words glued together, or characters that stand for nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

from semtune.prepare.drop_log import Tally
from semtune.text import one_line

GARBLED = "files with glued or garbled text"
LONG_WORD = 22  # letters; even in German, Finnish and Turkish hardly one word in a hundred is longer
MAX_GLUED = 0.1  # share of a text's letters in such words
MIN_GLUED = 3  # different words
MAX_STRANGE = 0.05  # share of a text's characters that no font or encoding could name
MIN_STRANGE = 5  # characters
MIN_LATIN = 200  # letters of a text that are judged by their vowels
MIN_VOWELS = 0.15  # share of vowels; languages have 0.3 to 0.5, base64 0.2
MOST = 0.5  # share of Latin letters of a text that is judged by them
SHOWN = 40  # characters of an example
_SPACED = "A-Za-z\u00c0-\u024f\u0370-\u052f\u0590-\u06ff\u1e00-\u1fff"  # scripts that put spaces between words
_LETTERS = re.compile(f"[{_SPACED}]")
_GLUED = re.compile(rf"(?<![\w/.:@%&=#+-])[{_SPACED}]{{{LONG_WORD + 1},}}(?![\w/@%&=#+])")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_VOWEL = re.compile("[aeiouyAEIOUY\u00c0-\u024f]")
_STRANGE = re.compile(r"[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f]|\(cid:\d+\)|/g\d+\b|[\U000f0000-\U0010fffd]")


def notice_garbled(texts: Iterable[str], name: str, tally: Tally) -> None:
    """Count a file whose text is glued or garbled, and warn of it by name."""
    whole = "\n".join(texts)
    problem = _glued(whole) or _strange(whole) or _wrong_letters(whole)
    if problem:
        tally.count(GARBLED)
        tally.warn(f"{name}: {problem}. Look at the text; a better file, or OCR, may be needed.")


def _glued(text: str) -> str:
    found = _GLUED.findall(text)
    if len(set(found)) < MIN_GLUED or sum(map(len, found)) <= MAX_GLUED * len(_LETTERS.findall(text)):
        return ""
    return f"{len(found)} words are glued together ({found[0][:SHOWN]}…)"


def _wrong_letters(text: str) -> str:
    """Latin letters that no language would use: a font that maps its signs to other letters."""
    letters = len(_LATIN.findall(text))
    if letters < MIN_LATIN or len(_VOWEL.findall(text)) >= MIN_VOWELS * letters:
        return ""
    if letters < MOST * sum(map(str.isalpha, text)):  # abbreviations in Chinese, say
        return ""
    return f"its letters form no words ({one_line(text[:SHOWN])})"


def _strange(text: str) -> str:
    found = [match.start() for match in _STRANGE.finditer(text)]
    if len(found) < MIN_STRANGE or len(found) <= MAX_STRANGE * len(text):
        return ""
    return f"{len(found)} characters cannot be read ({one_line(text[found[0] : found[0] + SHOWN])})"
