"""Reads pairs that people marked as duplicates or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from semtune.errors import InputError
from semtune.evaluate.kinds.pairs import NO, YES, BinaryPair
from semtune.prepare.drop_log import Tally, by_reason
from semtune.prepare.readers.tables.cell_values import cell_paragraphs, cell_text
from semtune.prepare.readers.tables.column_roles import ALIASES
from semtune.tasks.tables import open_given
from semtune.text import key

NO_TEXT, NO_LABEL = "no text on a side", "label is neither 1 nor 0"
AGAIN, TORN = "the same pair again", "the same pair with both labels"
MAX_BAD = 0.2
LEAST = 20  # of each class, or a threshold chosen on them means nothing


@dataclass(frozen=True, slots=True)
class LabelledPairs:
    """Distinct pairs in the table's order, and reason → number of rows that were left out."""

    pairs: list[BinaryPair]
    left_out: dict[str, int]


def read_labelled_pairs(path: Path) -> LabelledPairs:
    """Read a table with two columns of texts and one of labels, found by names such as text1, text2, is_duplicate.

    Raises:
        InputError: it is no such table, or has fewer than 20 pairs of a class.
    """
    given = open_given(path, "--labels", "the columns text1, text2 and is_duplicate")
    opened, bad, tally = given.opened, given.bad, given.tally
    one, two, label = (_column(path, opened.columns, role) for role in ("sentence1", "sentence2", "score"))
    found: list[BinaryPair] = []
    for number, row in opened.rows:
        texts = [cell_paragraphs(row.get(column), tally, old=opened.old) for column in (one, two)]
        value = row.get(label)
        word = str(int(value)) if isinstance(value, bool) else cell_text(value, tally).strip().lower()
        word = word.removesuffix(".0")
        if not all(texts):
            bad.refuse(number, NO_TEXT, row)
        elif word not in YES | NO:
            bad.refuse(number, NO_LABEL, word)
        else:
            found.append(BinaryPair(texts[0], texts[1], word in YES))
    bad.check(MAX_BAD)
    pairs = _distinct(found, tally)
    same = sum(pair.same for pair in pairs)
    if min(same, len(pairs) - same) < LEAST:
        raise InputError(
            f"--labels {path} has {same} pairs of duplicates and {len(pairs) - same} of others. To choose a threshold "
            f"and to check it takes {LEAST} of each or more."
        )
    return LabelledPairs(pairs, by_reason(tally.dropped))


def _column(path: Path, columns: Sequence[str], role: str) -> str:
    by_name = {column.strip().lower(): column for column in columns}
    found = next((by_name[name] for name in (*ALIASES[role], "duplicate", "same") if name in by_name), None)
    if found is None:
        raise InputError(
            f"--labels {path} has no column for {role}. Found: {', '.join(columns)}. Name them text1, text2 and "
            "is_duplicate."
        )
    return found


def _distinct(found: Sequence[BinaryPair], tally: Tally) -> list[BinaryPair]:
    """Each pair once, whichever way round. One with both labels teaches nothing: all of its rows are left out."""

    def both(pair: BinaryPair) -> tuple[str, ...]:
        return tuple(sorted((key(pair.sentence1), key(pair.sentence2))))

    labels: dict[tuple[str, ...], set[bool]] = {}
    for pair in found:
        labels.setdefault(both(pair), set()).add(pair.same)
    kept: dict[tuple[str, ...], BinaryPair] = {}
    for pair in found:
        name = both(pair)
        if len(labels[name]) > 1:
            tally.drop(TORN, " | ".join(name))
        elif name in kept:
            tally.drop(AGAIN, " | ".join(name))
        else:
            kept[name] = pair
    return list(kept.values())
