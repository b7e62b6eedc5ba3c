"""Which column of a table is what: by its name, never by its place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

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
    "text": ("text", "content", "body", "contents"),
    "title": ("title", "heading", "headline"),
    "id": ("id", "_id", "doc_id", "docid", "document_id"),
    "group": ("group",),
}
NEGATIVE_NUMBERED = re.compile(r"(?:negative|neg|hard_negative)_?\d+$")
ALLOWED = (
    "(query, document[, negative]) to train a search; (sentence1, sentence2, score) for similarity; "
    "(title, text) or (text) for documents"
)
Kind = Literal["documents", "pairs", "scored"]


@dataclass(frozen=True, slots=True)
class Roles:
    """The kind of a table and the column of each role."""

    kind: Kind
    columns: dict[str, str]
    negatives: tuple[str, ...] = ()


def find_roles(columns: Sequence[str], given: Mapping[str, str], where: object) -> Roles:
    """Decide what each column is.

    Args:
        columns: the names found.
        given: role → column name, set by the user; wins over the names.
        where: the file, for messages.

    Raises:
        InputError: a given column is not there, two columns claim a role, or no known shape results.
    """
    roles = _given(columns, given, where)
    negatives = tuple(column for column in columns if NEGATIVE_NUMBERED.match(_plain(column)))
    claims: dict[str, list[str]] = {}
    for role, aliases in ALIASES.items():
        if role not in roles:
            claims[role] = [
                c for c in columns if _plain(c) in aliases and c not in roles.values() and c not in negatives
            ]
    for role, names in claims.items():
        if len(names) == 1 or (names and role in {"id", "title"}):
            roles[role] = names[0]
    for wanted, kind in _shapes(roles, claims, negatives):
        torn = next((role for role in wanted if role not in roles), None)
        if torn is None:
            return Roles(kind, _keep(roles, kind), _negatives(roles, negatives, kind))
        _refuse_two(where, torn, claims[torn])
    raise InputError(
        f"{where}: cannot tell what the columns are. Found: {', '.join(columns) or 'none'}. Allowed: {ALLOWED}. Rename "
        f"the columns, or say which is which, e.g. roles: {{anchor: {columns[0] if columns else 'subject'}, positive: "
        f"{columns[-1] if columns else 'body'}}}."
    )


def _shapes(
    roles: Mapping[str, str], claims: Mapping[str, list[str]], negatives: Sequence[str]
) -> list[tuple[tuple[str, ...], Kind]]:
    """The one shape that the claimed roles form, as (roles needed, kind); none if they form no shape."""
    has = {role for role in ALIASES if role in roles or claims.get(role)}
    if {"sentence1", "sentence2"} <= has:
        return (
            [(("sentence1", "sentence2", "score"), "scored")]
            if "score" in has
            else [(("sentence1", "sentence2"), "pairs")]
        )
    if {"anchor", "positive"} <= has:
        scored = "score" in has and not negatives and "negative" not in has
        return [(("anchor", "positive", "score"), "scored")] if scored else [(("anchor", "positive"), "pairs")]
    if {"anchor", "text"} <= has:
        return [(("anchor", "text"), "pairs")]
    if "text" in has:
        return [(("text",), "documents")]
    if "positive" in has:
        return [(("positive",), "documents")]
    return []


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
    else:
        if "text" not in kept:
            kept["text"] = kept.pop("positive")
        wanted = ("text", "title", "id", "group")
    return {role: kept[role] for role in wanted if role in kept}


def _negatives(roles: Mapping[str, str], numbered: tuple[str, ...], kind: Kind) -> tuple[str, ...]:
    if kind != "pairs":
        return ()
    return (roles["negative"], *numbered) if "negative" in roles else numbered


def _given(columns: Sequence[str], given: Mapping[str, str], where: object) -> dict[str, str]:
    for role, column in given.items():
        if column not in columns:
            raise InputError(
                f"{where}: roles names the column {column!r} as {role}, but there is none.{nearest(column, columns)} "
                f"Found: {', '.join(columns)}."
            )
    return dict(given)


def _refuse_two(where: object, role: str, names: list[str]) -> None:
    raise InputError(
        f"{where}: the columns {' and '.join(map(repr, names))} could both be the {role}. Say which, e.g. "
        f"roles: {{{role}: {names[0]}}}."
    )


def _plain(column: str) -> str:
    return re.sub(r"[\s-]+", "_", column.strip().lower())
