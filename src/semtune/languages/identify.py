"""The languages of texts, identified by py3langid (a naive Bayes model of 4 MB); "unknown" where it is not sure.

A text too short to be identified alone takes the language of the text that it comes from, or one that is common in its
data set, where that is plausible.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from semtune.registry import installed

MAX_TEXTS = 2_000  # to identify for the mix, evenly spread
HEAD = 300  # characters of each text
MIN_BYTES = 12  # of the distinct words of a text (UTF-8): about two English words, or four Chinese characters
MIN_CONFIDENCE = 0.5  # likelier than all other languages together
MIN_PLAUSIBLE = 0.05  # of the likeliest language's probability: what a language that is common in the set needs
COMMON = 0.2  # share of the identified texts that makes a language common
UNKNOWN = "unknown"
NO_LANGUAGE = "zxx"  # the model's label for numbers, tables and the like
_SAME = {"no": "nb", "nn": "nb"}  # one code for written Norwegian
_WORD = re.compile(r"[^\W\d_]+")


def language(text: str, among: Collection[str] = ()) -> str:
    """The language of a text as an ISO 639-1 code, or "unknown".

    Args:
        text: only its beginning is used.
        among: languages to choose from; a text then needs less evidence.
    """
    head = text[:HEAD]
    words = set(_WORD.findall(head.casefold()))
    identifier = _identifier()
    if identifier is None or not words:
        return UNKNOWN
    best, confidence = identifier.classify(head)
    if best == NO_LANGUAGE:
        return UNKNOWN
    if among:
        return _among(head, among) if len(words) > 1 or not head.isascii() else UNKNOWN  # one word may be a name
    if sum(len(word.encode()) for word in words) < MIN_BYTES:
        return UNKNOWN
    if confidence < MIN_CONFIDENCE and best in _SAME:
        best, confidence = max(_probabilities(head).items(), key=lambda item: item[1])
    return _SAME.get(best, best) if confidence >= MIN_CONFIDENCE else UNKNOWN


def probabilities(text: str) -> dict[str, float]:
    """Language → its probability; empty for a text too short to say, or without words, or where nothing is installed.

    Where related languages share a text between them (Russian and Bulgarian), none may be likely while their sum is.
    """
    head = text[:HEAD]
    words = set(_WORD.findall(head.casefold()))
    if sum(len(word.encode()) for word in words) < MIN_BYTES or _identifier() is None:
        return {}
    found = _probabilities(head)
    return {} if max(found, key=lambda code: found[code]) == NO_LANGUAGE else found


def warm() -> None:
    """Read the model now: it takes half a second, and 30 MB, which the first text would wait for."""
    _identifier()


def _among(head: str, codes: Collection[str]) -> str:
    found = _probabilities(head)
    best = max(sorted(codes), key=lambda code: found.get(code, 0.0))
    return best if found.get(best, 0.0) >= MIN_PLAUSIBLE * max(found.values()) else UNKNOWN


def mix(texts: Sequence[str], homes: Sequence[str] = ()) -> dict[str, int]:
    """Language → number of texts, the most frequent first. Of many texts an evenly spread part is identified.

    Args:
        texts: to identify.
        homes: for each text the longer text that it was taken from, or an empty one; used where a text is too short.
    """
    step = -(-len(texts) // MAX_TEXTS) or 1
    return dict(sorted(Counter(tell(texts[::step], homes[::step])).items(), key=lambda item: (-item[1], item[0])))


def tell(texts: Sequence[str], homes: Sequence[str] = ()) -> list[str]:
    """The language of each text; see `mix` for the arguments.

    Where a text alone is not enough, its home decides, then the languages that are common in the set.
    """
    told = [language(text) for text in texts]
    for place, home in enumerate(homes):
        if told[place] == UNKNOWN:
            told[place] = language(home)
    known = Counter(code for code in told if code != UNKNOWN)
    common = [code for code, count in known.items() if count >= COMMON * known.total()]
    for place, code in enumerate(told):
        if code == UNKNOWN and common:
            told[place] = language(texts[place], common)
    return told


def _probabilities(head: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for label, probability in _identifier().rank(head):
        code = _SAME.get(str(label), str(label))
        found[code] = found.get(code, 0.0) + float(probability)
    return found


@cache
def _identifier() -> Any:
    """The model, limited to languages with a two-letter code (a dialect takes its share from them).

    None where py3langid is not installed.
    """
    if not installed("py3langid"):
        return None
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([code for code in identifier.labels if len(code) == 2 or code == NO_LANGUAGE])
    return identifier
