"""Words as labels of pairs: which of two words says that the texts belong together."""

from __future__ import annotations

import re
from collections.abc import Iterable

from semtune.errors import InputError
from semtune.prepare.readers.tables.delimited import is_number

YES = frozenset({
    "true", "yes", "y", "t", "ja", "oui", "si", "sí", "duplicate", "duplicates", "same", "similar", "match",
    "matches", "matching", "matched", "paraphrase", "paraphrases", "relevant", "positive", "pos", "related",
    "equivalent", "equal", "entailment", "correct", "identical",
})  # fmt: skip
NO = frozenset({
    "false", "no", "n", "f", "nein", "non", "not", "different", "distinct", "dissimilar", "mismatch", "irrelevant",
    "unrelated", "negative", "neg", "random", "contradiction", "wrong", "incorrect", "unique", "other", "none",
})  # fmt: skip
_NEGATION = re.compile(r"(?:not|no|non|un|dis|ir|in|mis)[ _-]?")
SHOWN = 8  # words in a message


def plain_word(value: object) -> str:
    """A label as it is compared: without case, and with one kind of space."""
    return re.sub(r"[\s_-]+", "_", str(value).strip().lower())


def matching_word(words: Iterable[str], where: object, column: str) -> str:
    """The word of a match, among the one or two words of a column of labels.

    Raises:
        InputError: there are more words, or it is unclear which of them means a match.
    """
    found = sorted(set(words))
    if len(found) <= 2 and (clear := _clear(found)) is not None:
        return clear
    shown = ", ".join(map(repr, found[:SHOWN])) + (" …" if len(found) > SHOWN else "")
    wrong = "which of them means a match is unclear" if len(found) <= 2 else "two words are needed"
    raise InputError(
        f"{where}: the labels of {column!r} are neither numbers nor two words with a clear meaning: {shown}; {wrong}. "
        "Write 1 for pairs that belong together and 0 for the others, or yes and no."
    )


def _clear(words: list[str]) -> str | None:
    """The word of a match; empty if there is none but a word of no match; None if it is unclear."""
    yes = [word for word in words if word in YES]
    no = [word for word in words if word in NO or _denies(word, words)]
    if len(yes) == 1 and yes[0] not in no:
        return yes[0] if len(words) == 1 or words[1 - words.index(yes[0])] not in yes else None
    if len(no) == 1 and not yes:
        return next((word for word in words if word not in no), "")
    return None


def _denies(word: str, words: list[str]) -> bool:
    """Whether a word is another one, or a known one, with a negation before it."""
    found = _NEGATION.match(word)
    rest = word[found.end() :] if found else ""
    return bool(rest) and (rest in YES or rest in words or any(one.startswith(rest[:5]) for one in words if rest[4:]))


def label_values(labels: Iterable[object], where: object, column: str) -> tuple[dict[str, float], str]:
    """Label → 1 or 0 for the labels that are words, and a sentence that says which was taken as a match.

    Numbers are left to the caller. Words beside numbers are of use only where they are known.

    Raises:
        InputError: all labels are words, and it is unclear which of them means a match.
    """
    found = {plain_word(label): str(label).strip() for label in labels}
    words = {word for word in found if word and not is_number(word)}
    if not words:
        return {}, ""
    if words != found.keys() - {""}:
        return {word: float(word in YES) for word in words if word in YES or word in NO}, ""
    match = matching_word(words, where, column)
    other = ", ".join(repr(found[word]) for word in sorted(words) if word != match)
    taken = f"{found[match]!r} was taken as a match" if match else "no label was taken as a match"
    said = f"{where}: in the column {column!r}, {taken}{f' and {other} as none' if other else ''}."
    return {word: float(word == match) for word in words}, said
