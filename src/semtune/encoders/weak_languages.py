"""Texts in a language that a model is weak in: it knows their letters, but not what they say.

What a model is good at was measured (`semtune evaluate MODEL PARALLEL --calibrate` keeps it in the contract), or is
known of the backbone from the catalogue. Nothing is said of a language where neither tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from semtune.backbone_catalogue import MULTILINGUAL, find_entry
from semtune.contract import Contract
from semtune.encoders.unreadable import multilingual
from semtune.languages.codes import language_name, short_code
from semtune.languages.common_words import COMMON_WORDS
from semtune.languages.identify import probabilities

WEAK = 0.5  # accuracy@1 below which a model is weak: the wrong text comes first more often than the right one
MOST_STRONG = 0.01  # probability that a text is in a language the model is not weak in, for an alarm
FEWEST, SHARE = 3, 0.01  # texts of a source, and share of them, that are worth a warning
SAMPLE = 1_000  # texts of a source that are looked at, evenly spread
NAMED = 3  # languages


@dataclass(frozen=True, slots=True)
class Languages:
    """What is known of a model's languages, for texts that are searched in one of them.

    Attributes:
        model: its name.
        measured: language → accuracy@1 of queries in it; of those that were measured.
        made_for: languages of the backbone; empty where it is multilingual or not known.
        searched: language of the texts that are searched; empty where it is not known.
    """

    model: str
    measured: Mapping[str, float] = field(default_factory=dict)
    made_for: frozenset[str] = frozenset()
    searched: str = ""

    def is_weak(self, language: str) -> bool:
        """Whether the model is known to be weak in a language."""
        if language in self.measured:
            return self.measured[language] < WEAK
        return bool(self.made_for) and language not in self.made_for

    @property
    def some_weak(self) -> bool:
        """Whether it is weak in any language."""
        return bool(self.made_for) or any(value < WEAK for value in self.measured.values())

    def reason(self, language: str) -> str:
        """Why the model is weak in a language, in words that go on after "weak in it: "."""
        if language in self.measured:
            to = f" to {language_name(self.searched)}" if self.searched and self.searched != language else ""
            return (
                f"from {language_name(language)}{to}, the right text came first in {self.measured[language]:.0%} of "
                "cases when it was measured"
            )
        return f"{self.model} was made for {_listed(self.made_for)}"


def languages_of(contract: Contract, searched: str = "") -> Languages:
    """What is known of a model's languages.

    A language that the model was measured in with another one, but not with `searched`, counts by its best pair.

    Args:
        contract: of the model.
        searched: the language of the texts that are searched. A tuned model is taken to know it, since it was tuned
            for texts like them, unless it was measured there.
    """
    entry = find_entry(contract.name) or find_entry(contract.base)
    made_for = frozenset(entry.languages) if entry and MULTILINGUAL not in entry.languages else frozenset()
    if made_for and contract.base and searched:
        made_for |= {searched}
    measured = {}
    for language, row in contract.languages.items():
        if searched in row:
            measured[language] = row[searched]
        elif row and language not in made_for | {searched}:
            measured[language] = max(row.values())
    return Languages(contract.name, measured, made_for, searched)


def weak_language(text: str, known: Languages) -> str | None:
    """The likeliest language of a text that is surely in one that the model is weak in; else None.

    Of related languages, such as Russian and Bulgarian, it may be the wrong one: sure is that the model is weak.
    """
    if not known.some_weak or _plainly(text, known.made_for):
        return None
    found = probabilities(text)
    strong = sum(value for code, value in found.items() if not known.is_weak(code))
    if not found or strong > MOST_STRONG:
        return None
    return max(found, key=lambda code: found[code])


def weak_query(query: str, contract: Contract, searched: str = "") -> str:
    """A warning about a query in a language that the model is weak in; empty where there is nothing to say.

    Args:
        query: the text.
        contract: of the model.
        searched: language of the texts that are searched; empty where it is not known.
    """
    known = languages_of(contract, searched)
    language = weak_language(query, known)
    if language is None:
        return ""
    return (
        f"The query seems to be in {language_name(language)}, and the model is weak in it: {known.reason(language)}. "
        f"Expect worse hits. A multilingual model may do better, for example {multilingual()}."
    )


def weak_languages(texts: Sequence[str], contract: Contract) -> Counter[str]:
    """Language → number of texts, of those in languages that the model is weak in."""
    known = languages_of(contract)
    found = (weak_language(text, known) for text in texts) if known.some_weak else ()
    return Counter(language for language in found if language is not None)


def weak_texts(texts: Sequence[str], contract: Contract, what: str = "texts") -> str:
    """A warning about texts to embed in languages that the model is weak in; empty where they are few.

    Args:
        texts: of them an evenly spread sample is looked at.
        contract: of the model.
        what: the texts are, in plural.
    """
    sample = texts[:: -(-len(texts) // SAMPLE) or 1]
    found = weak_languages(sample, contract)
    if found.total() < max(FEWEST, SHARE * len(sample)):
        return ""
    known = languages_of(contract)
    counts = [(language_name(code), number) for code, number in found.most_common(NAMED)]
    parts = ", ".join(f"{name} {number / len(sample):.0%}" for name, number in counts)
    reasons = dict.fromkeys(known.reason(code) for code, _ in found.most_common(1))
    return (
        f"About {found.total() / len(sample):.0%} of the {what} are in languages that the model is weak in ({parts}): "
        f"{'; '.join(reasons)}. They will be found badly; a multilingual model may do better, for example "
        f"{multilingual()}."
    )


def by_codes(matrix: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """A matrix of accuracies by language, with the codes that the contract has: "de" for "deu".

    Languages that share a code are left out but for the first, so that a dialect does not stand for the language.
    """
    made: dict[str, dict[str, float]] = {}
    for one, row in matrix.items():
        kept = made.setdefault(short_code(one), {})
        for two, value in row.items():
            kept.setdefault(short_code(two), round(value, 4))
    return made


def _plainly(text: str, languages: frozenset[str]) -> bool:
    """Whether a text in ASCII has a common word that only these languages have: then nothing has to be identified."""
    return text.isascii() and not _own_words(languages).isdisjoint(text.casefold().split())


@lru_cache(maxsize=16)
def _own_words(languages: frozenset[str]) -> frozenset[str]:
    """The common words of languages that are common in no other."""
    mine = (word for code in languages for word in COMMON_WORDS.get(code, ()))
    others = {word for code, words in COMMON_WORDS.items() if code not in languages for word in words}
    return frozenset(word for word in mine if word.isascii() and len(word) > 2) - others


def _listed(codes: Iterable[str]) -> str:
    return " and ".join(sorted(language_name(code) for code in codes))
