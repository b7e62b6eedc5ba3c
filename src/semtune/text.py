"""Helpers for texts: keys for comparing, word counts, stable hashes, tidy white space."""

from __future__ import annotations

import hashlib
import re

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # kana and Han: written without spaces
_CJK_CHAR = re.compile(f"[{CJK}]")
_WORD = re.compile(r"\w+(?:['’.\-_]\w+)*")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\u200b]")
_SOFT_HYPHEN = re.compile(r"\xad+(?:[ \t]*\n[ \t]*(?=\w))?")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # of a terminal
_BLANK_LINES = re.compile(r"\n{3,}")


def key(text: str) -> str:
    """The text in the form that is compared for equality: case and white space are ignored."""
    return " ".join(text.casefold().split())


def word_count(text: str) -> int:
    """Number of words; in Chinese and Japanese two characters count as one."""
    characters = len(_CJK_CHAR.findall(text))
    return len(_WORD.findall(_CJK_CHAR.sub(" ", text))) + (characters + 1) // 2


def letter_count(text: str) -> int:
    """Number of letters and digits."""
    return sum(map(str.isalnum, text))


def one_line(text: str) -> str:
    """The text with every run of white space replaced by a single space, and without soft hyphens."""
    return " ".join((_without_soft_hyphens(text) if "\xad" in text else text).split())


def tidy(text: str) -> str:
    """The text with Unix line ends and without control characters, soft hyphens, trailing spaces, double gaps."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\xad" in text:
        text = _without_soft_hyphens(text)
    text = _CONTROL.sub("", _COLOUR.sub("", text) if "\x1b" in text else text)
    lines = (line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")


def _without_soft_hyphens(text: str) -> str:
    """Words whole again, also those that the end of a line split at a soft hyphen."""
    return _SOFT_HYPHEN.sub("", text)


def stable_hash(text: str, seed: int = 0) -> int:
    """A 64-bit hash that is the same on every machine and in every run (blake2b)."""
    digest = hashlib.blake2b(f"{seed}:{text}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def short_id(prefix: str, text: str) -> str:
    """An id made from a text: equal texts get equal ids, in every data set."""
    return f"{prefix}-{stable_hash(key(text)):016x}"


def contains(whole: str, part: str) -> bool:
    """Whether `whole` contains `part` as whole words, ignoring case and white space."""
    return f" {key(part)} " in f" {key(whole)} " if part.strip() else False


def label_in_words(label: str) -> str:
    """The name of a class as people would write it: "card arrival" for "card_arrival"."""
    return " ".join(label.replace("_", " ").replace("-", " ").split())
