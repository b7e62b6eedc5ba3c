"""The role of each column of a table: by its name, never by its position."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from semtune.errors import InputError, nearest

ALIASES: dict[str, tuple[str, ...]] = {
    "anchor": ("anchor", "query", "question", "prompt", "claim"),
    "positive": (
        "positive",
        "pos",
        "positives",
        "document",
        "passage",
        "answer",
        "response",
        "doc",
        "positive_passages",
    ),
    "negative": ("negative", "neg", "negatives", "hard_negative", "hard_negatives", "negative_passages"),
    "sentence1": ("sentence1", "sentence_1", "sent1", "text1", "text_1", "question1", "question_1", "premise"),
    "sentence2": ("sentence2", "sentence_2", "sent2", "text2", "text_2", "question2", "question_2", "hypothesis"),
    "score": ("score", "similarity", "similarity_score", "label", "similar", "is_duplicate"),
    "text": ("text", "content", "body", "contents", "page_content"),
    "title": ("title", "headline"),
    "heading": ("heading", "section", "section_title"),  # within a document that has a title
    "id": ("id", "_id", "doc_id", "docid", "document_id"),
    "group": ("group",),
    "label": ("gold_label", "label_text", "label", "category", "intent", "class"),  # the first that is there
}
INFERENCE = frozenset({"entailment", "neutral", "contradiction"})
NEGATIVE_NUMBERED = re.compile(r"(?:negative|neg|hard_negative)[_.]?\d+$")
_AGAIN = re.compile(r"(.+)\.\d+$")  # a name that stands more than once in a header
INSTRUCTION = "prompt"  # FlagEmbedding's instruction, where another column is the question
ALLOWED = (
    "(query, document[, negative]) to train a search; (sentence1, sentence2, score) for similarity; "
    "(premise, hypothesis, label) for inference; (text, label) for classes; (title, text) or (text) for documents"
)
SHOWN = 50  # column names in a message
Kind = Literal["documents", "pairs", "scored", "inference", "duplicates", "classes"]


@dataclass(frozen=True, slots=True)
class Roles:
    """The kind of a table and the column of each role.

    Kinds: "documents"; "pairs" of a question and its answers; "scored" pairs of sentences; "inference": a premise, a
    hypothesis and whether it follows; "duplicates": pairs with 1 for a match and 0 for none; "classes": texts with a
    label.
    """

    kind: Kind
    columns: dict[str, str]
    negatives: tuple[str, ...] = ()


def find_roles(
    columns: Sequence[str], given: Mapping[str, str], where: object, sample: Sequence[Mapping[str, Any]] = ()
) -> Roles:
    """Find the role of each column.

    Args:
        columns: the names found.
        given: role → column name, set by the user; overrides the names.
        where: the file, for messages.
        sample: some rows; they tell labels of inference in words from scores.

    Raises:
        InputError: a given column is missing, two columns fit a role, or the roles form no known kind of table.
    """
    roles = _given(columns, given, where)
    negatives = tuple(column for column in columns if NEGATIVE_NUMBERED.match(_plain(column)))
    claims: dict[str, list[str]] = {}
    for role, aliases in ALIASES.items():
        if role not in roles:
            claims[role] = [
                c for c in columns if _base(c, columns) in aliases and c not in roles.values() and c not in negatives
            ]
    if "anchor" in claims:
        claims["anchor"] = _questions(claims["anchor"])
    for role, names in claims.items():
        if len(names) == 1 or (names and role in {"id", "title", "heading"}):
            roles[role] = names[0]
        elif names and role == "label":
            roles[role] = min(names, key=lambda name: ALIASES["label"].index(_base(name, columns)))
    for wanted, kind in _shapes(roles, claims, negatives, given, sample):
        torn = next((role for role in wanted if role not in roles), None)
        if torn is None:
            return Roles(kind, _keep(_titled(roles), kind), _negatives(roles, negatives, kind))
        _refuse_two(where, torn, claims[torn])
    anchor, positive = _guess(columns, sample)
    raise InputError(
        f"{where}: cannot tell what the columns are. Found: {_listed(columns) or 'none'}. Allowed: {ALLOWED}. "
        f"Rename the columns, or say which is which, e.g. roles: {{anchor: {anchor}, positive: {positive}}}."
    )


def names_a_role(column: object) -> bool:
    """Whether a name is one that a column with a role has."""
    return any(_plain(str(column)) in aliases for aliases in ALIASES.values())


def _questions(names: list[str]) -> list[str]:
    """The columns that can be the anchor: a prompt beside another of them is an instruction for the model."""
    others = [name for name in names if _plain(name) != INSTRUCTION]
    return others or names


def _guess(columns: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The two columns with the longest texts, as an example; the longer one, or one with lists, is the positive."""
    sizes: dict[str, tuple[bool, int]] = {}
    for column in columns:
        cells = [row[column] for row in sample if row.get(column)]
        lists = [cell for cell in cells if isinstance(cell, list)]
        if _plain(column) not in ALIASES["id"] and all(isinstance(item, str) for cell in lists for item in cell):
            sizes[column] = bool(lists), sum(len(str(cell)) for cell in cells)
    longest = sorted(sizes, key=lambda column: -sizes[column][1])[:2]
    if len(longest) < 2:
        return (columns[0], columns[-1]) if columns else ("subject", "body")
    anchor, positive = sorted(longest, key=lambda column: sizes[column])
    return anchor, positive


def _shapes(
    roles: Mapping[str, str],
    claims: Mapping[str, list[str]],
    negatives: Sequence[str],
    given: Mapping[str, str],
    sample: Sequence[Mapping[str, Any]],
) -> list[tuple[tuple[str, ...], Kind]]:
    """The kind of table that the roles form, as (roles needed, kind); empty if they form none."""
    has = {role for role in ALIASES if role in roles or claims.get(role)}
    if {"sentence1", "sentence2"} <= has:
        if _is_inference(roles, sample):
            return [(("sentence1", "sentence2", "label"), "inference")]
        return (
            [(("sentence1", "sentence2", "score"), "scored")]
            if "score" in has
            else [(("sentence1", "sentence2"), "pairs")]
        )
    if {"anchor", "positive"} <= has:
        if "score" not in has or negatives or "negative" in has:
            return [(("anchor", "positive"), "pairs")]
        return [(("anchor", "positive", "score"), "duplicates" if {"anchor", "positive"} <= given.keys() else "scored")]
    if {"anchor", "text"} <= has:
        return [(("anchor", "text"), "pairs")]
    if "text" in has:
        asked = "label" in given or ("label" in has and "title" not in has and "text" not in given)
        return [(("text", "label"), "classes")] if asked else [(("text",), "documents")]
    if "positive" in has:
        return [(("positive",), "documents")]
    return []


def _is_inference(roles: Mapping[str, str], sample: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the label says that one sentence follows from the other: by the columns' names, or by its words."""
    label = roles.get("label", "")
    if _plain(label) == "gold_label" or (label and _plain(roles.get("sentence1", "")) == "premise"):
        return True
    words = {str(row.get(label)).strip().lower() for row in sample} if label else set()
    return bool(words & INFERENCE)


def _titled(roles: dict[str, str]) -> dict[str, str]:
    """A heading without a title beside it is the title."""
    if "heading" not in roles or "title" in roles:
        return roles
    return {("title" if role == "heading" else role): column for role, column in roles.items()}


def _keep(roles: dict[str, str], kind: Kind) -> dict[str, str]:
    """Rename roles to those of the kind: pairs have anchor and positive, scored rows two sentences."""
    kept = dict(roles)
    if kind == "pairs":
        for role, other in (("anchor", "sentence1"), ("positive", "sentence2"), ("positive", "text")):
            if role not in kept and other in kept:
                kept[role] = kept.pop(other)
        wanted = ("anchor", "positive", "title", "id", "group")
    elif kind == "scored":
        for role, other in (("sentence1", "anchor"), ("sentence2", "positive")):
            if role not in kept:
                kept[role] = kept.pop(other)
        wanted = ("sentence1", "sentence2", "score")
    elif kind == "documents":
        if "text" not in kept:
            kept["text"] = kept.pop("positive")
        wanted = ("text", "title", "heading", "id", "group")
    else:
        if kind == "duplicates":
            kept = {"sentence1": kept["anchor"], "sentence2": kept["positive"], "label": kept["score"]}
        wanted = ("text", "id", "label") if kind == "classes" else ("sentence1", "sentence2", "label")
    return {role: kept[role] for role in wanted if role in kept}


def _negatives(roles: Mapping[str, str], numbered: tuple[str, ...], kind: Kind) -> tuple[str, ...]:
    if kind != "pairs":
        return ()
    return (roles["negative"], *numbered) if "negative" in roles else numbered


def _given(columns: Sequence[str], given: Mapping[str, str], where: object) -> dict[str, str]:
    for role, column in given.items():
        if column not in columns:
            raise InputError(
                f"{where}: roles gives the column {column!r} for {role}, but there is no such column."
                f"{nearest(column, columns)} Found: {', '.join(columns)}."
            )
    return dict(given)


def _refuse_two(where: object, role: str, names: list[str]) -> None:
    again = [name for name in names if _base(name, names) != _plain(name)]
    twice = f" The header has this name more than once; the later column is called {again[0]!r} here." if again else ""
    raise InputError(
        f"{where}: the columns {' and '.join(map(repr, names))} could both be the {role}.{twice} Say which, e.g. "
        f"roles: {{{role}: {names[0]}}}."
    )


def _listed(columns: Sequence[str]) -> str:
    more = f" and {len(columns) - SHOWN:,} more" if len(columns) > SHOWN else ""
    return ", ".join(columns[:SHOWN]) + more


def _base(column: str, columns: Sequence[str]) -> str:
    """A column's name without the number it got because the name stands before it."""
    found = _AGAIN.match(column)
    return _plain(found[1] if found and found[1] in columns else column)


def _plain(column: str) -> str:
    return re.sub(r"[\s-]+", "_", column.strip().lower())
