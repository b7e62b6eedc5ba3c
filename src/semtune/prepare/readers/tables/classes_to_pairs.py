"""Texts with a class as a retrieval task: a text is the query for the other texts of its class.

A hash decides which texts of a class are queries and which are documents, so that no text is both and every query is
judged against all documents of its class. The class is the group: train, dev and test hold different classes.
"""

from __future__ import annotations

from collections.abc import Sequence

from semtune.prepare.drop_log import Tally
from semtune.prepare.records import Labelled, PairRow
from semtune.text import key, stable_hash
from semtune.types import Document

QUESTIONS = 10  # maximum per class, and at most a quarter of its texts
ANSWERS = 100  # maximum per class: 1,000 pairs
OUT_OF_SCOPE = frozenset({"oos", "out_of_scope", "out-of-scope", "ood", "none", "unknown"})


def pair_classes(rows: Sequence[Labelled], tally: Tally) -> list[PairRow]:
    """Pair the texts of each class; unused texts are counted."""
    classes: dict[str, dict[str, Labelled]] = {}
    for row in rows:
        if row.label.lower() in OUT_OF_SCOPE:
            tally.drop("text without a class (out of scope)", row.text)
        elif key(row.text) in (members := classes.setdefault(row.label, {})):
            tally.drop("duplicate text in its class", row.text)
        else:
            members[key(row.text)] = row
    tally.count("classes", len(classes))
    return [pair for label, members in classes.items() for pair in _pairs(label, list(members.values()), tally)]


def _pairs(label: str, members: list[Labelled], tally: Tally) -> list[PairRow]:
    if len(members) < 2:
        tally.drop("text that is the only one of its class", f"{label}: {members[0].text}")
        return []
    ranked = sorted(members, key=lambda row: (stable_hash(row.text), row.number))
    asking = min(max(len(ranked) // 4, 1), QUESTIONS)
    answering = ranked[asking : asking + ANSWERS]
    if left := ranked[asking + ANSWERS :]:
        tally.drop(f"text beyond {QUESTIONS} questions and {ANSWERS} answers of a class", left[0].text, len(left))
    answers = tuple(Document("", row.text, metadata={"label": label}) for row in answering)
    return [PairRow(row.number, row.text, answers, group=f"class {label}") for row in ranked[:asking]]
