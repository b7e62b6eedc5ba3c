"""Texts to the terms of keyword search: words without case and endings, and pairs of characters where no spaces are.

Documents and queries go through the same `analyse`; the version `ANALYSER` is kept in the index, since terms of another
version would not be found.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from semtune.languages.common_words import COMMON_WORDS

ANALYSER = "1"
STEMMERS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french", "ga": "irish",
    "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian",
    "ne": "nepali", "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
"""ISO 639-1 code → Snowball algorithm."""
OWN_LETTERS = frozenset({"da", "et", "fi", "no", "sv", "tr"})  # å, ö, ı are letters there, not o with an accent

_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_KANA = "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff"
_HANGUL = "\uac00-\ud7a3"
_SOUTH_EAST = "\u0e01-\u0e4e\u0e80-\u0edf\u1000-\u109f\u1780-\u17d3"  # Thai, Lao, Burmese, Khmer
_MARKS = (  # vowels and accents that Python does not count as letters
    "\u0300-\u036f\u0483-\u0487\u05b0-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0903\u093a-\u094f"
    "\u0951-\u0957\u0962\u0963\u0980-\u0983\u09bc-\u09cd\u0a01-\u0a03\u0a3c-\u0a4d\u0a81-\u0a83\u0abc-\u0acd\u0b01-\u0b03"
    "\u0b3c-\u0b4d\u0b82\u0bbe-\u0bcd\u0c00-\u0c04\u0c3c-\u0c4d\u0c81-\u0c83\u0cbc-\u0ccd\u0d00-\u0d03\u0d3b-\u0d4d"
)
_TOGETHER = f"{_HAN}{_KANA}{_HANGUL}{_SOUTH_EAST}"  # written without spaces between words, or with endings grown on
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_PIECE = re.compile(f"([{_TOGETHER}]+)|((?:(?![{_TOGETHER}])[^\\W_])(?:(?![{_TOGETHER}])[^\\W_]|[{_MARKS}])*)")
_HAN_CHARACTER = re.compile(f"[{_HAN}]")
_ACCENTS = re.compile(r"(?<=[a-zα-ω])[\u0300-\u036f]+")
_UNCOMPOSED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "ё": "е"})
_TURKISH = str.maketrans({"I": "ı", "İ": "i"})
_SCRIPTS = (  # of languages that their script alone tells; kana before Han
    ("ja", re.compile(f"[{_KANA}]")), ("zh", _HAN_CHARACTER), ("ko", re.compile(f"[{_HANGUL}]")),
    ("th", re.compile("[\u0e01-\u0e4e]")),
)  # fmt: skip
SAMPLE, HEAD = 500, 1_000  # texts, and characters of each, that tell the language of a corpus
MIN_WORDS = 5  # common words of a language, to believe in it
MIN_SHARE = 0.6  # of the sample's common words that the language must have
MIN_TOGETHER = 0.3  # share of the letters that make a text Chinese, Japanese, Korean or Thai

_local = threading.local()  # a stemmer keeps a buffer, so each thread has its own


def analyse(text: str, language: str = "") -> list[str]:
    """The terms of a text, in its order.

    Words are runs of letters and digits, in folded case, stemmed, then without accents. Chinese, Japanese, Korean,
    Thai, Lao, Khmer and Burmese become pairs of neighbouring characters, with single Chinese characters beside them.

    Args:
        text: any text.
        language: of the corpus, an ISO 639-1 code; words stay unstemmed where it has no stemmer.
    """
    if language == "tr":
        text = text.translate(_TURKISH)
    if text.isascii():
        return _stemmed(_ASCII_WORD.findall(text.lower()), language)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    terms: list[str] = []
    words: list[str] = []
    for together, word in _PIECE.findall(folded):
        if word:
            words.append(word)
            continue
        terms += _plain(words, language)
        words = []
        terms += _pairs(together)
    return terms + _plain(words, language)


def query_terms(text: str, language: str = "") -> list[str]:
    """The distinct terms of a query, in its order, without the commonest words of the language unless it has no others.

    Such words are in nearly every document: they change no ranking, and to find them costs a scan of the whole index.
    """
    terms = list(dict.fromkeys(analyse(text, language)))
    common = _common_terms(language)
    return [term for term in terms if term not in common] or terms


def language_of(texts: Sequence[str]) -> str:
    """The language that most of a corpus is in, as an ISO 639-1 code; empty where that is not clear.

    Told by the script, else by the commonest words, from an evenly spread sample.
    """
    step = -(-len(texts) // SAMPLE) or 1
    sample = [unicodedata.normalize("NFKC", text[:HEAD]).casefold() for text in texts[::step]]
    return _by_script(sample) or _by_words(sample)


def _by_script(sample: Sequence[str]) -> str:
    letters = sum(sum(map(str.isalpha, text)) for text in sample)
    counts = {code: sum(len(script.findall(text)) for text in sample) for code, script in _SCRIPTS}
    if sum(counts.values()) < MIN_TOGETHER * letters or not letters:
        return ""
    if counts["ja"] >= 0.1 * (counts["ja"] + counts["zh"]) > 0:  # Japanese has both
        counts["ja"] += counts.pop("zh")
    return max(counts, key=lambda code: counts[code])


def _by_words(sample: Iterable[str]) -> str:
    seen = Counter(word for text in sample for _, word in _PIECE.findall(text) if word)
    votes = {code: sum(seen[word] for word in words) for code, words in COMMON_WORDS.items()}
    best = max(votes, key=lambda code: votes[code])
    known = sum(number for word, number in seen.items() if any(word in words for words in COMMON_WORDS.values()))
    return best if votes[best] >= MIN_WORDS and votes[best] >= MIN_SHARE * known else ""


def _pairs(run: str) -> list[str]:
    if len(run) == 1:
        return [run]
    found: list[str] = []
    for place, character in enumerate(run):
        if _HAN_CHARACTER.match(character):
            found.append(character)
        if place + 1 < len(run):
            found.append(run[place : place + 2])
    return found


def _plain(words: list[str], language: str) -> list[str]:
    """Stems without accents."""
    stems = _stemmed(words, language)
    if language in OWN_LETTERS:
        return stems
    return [stem if stem.isascii() else _without_accents(stem) for stem in stems]


@lru_cache(maxsize=100_000)
def _without_accents(word: str) -> str:
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", word.translate(_UNCOMPOSED)))
    return unicodedata.normalize("NFC", bare)


def _stemmed(words: list[str], language: str) -> list[str]:
    algorithm = STEMMERS.get(language)
    return _stemmer(algorithm).stemWords(words) if algorithm and words else words


def _stemmer(algorithm: str) -> Any:
    import Stemmer

    kept: dict[str, Any] = _local.__dict__
    if algorithm not in kept:
        kept[algorithm] = Stemmer.Stemmer(algorithm)
    return kept[algorithm]


@lru_cache(maxsize=64)
def _common_terms(language: str) -> frozenset[str]:
    return frozenset(term for word in COMMON_WORDS.get(language, ()) for term in analyse(word, language))
