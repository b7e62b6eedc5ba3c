"""The rows of a table, checked and collected: documents, questions with answers, scored or labelled pairs, classes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semtune.errors import InputError
from semtune.prepare.drop_log import BadRows
from semtune.prepare.readers.tables.cell_values import (
    as_number,
    cell_documents,
    cell_paragraphs,
    cell_text,
    cell_texts,
)
from semtune.prepare.readers.tables.column_roles import Roles
from semtune.prepare.readers.tables.delimited import Row, is_number
from semtune.prepare.readers.tables.pair_labels import (
    LABELS,
    RelatedPair,
    duplicate_relation,
    inference_relation,
    pairs_from_relations,
)
from semtune.prepare.readers.tables.pair_words import label_values, plain_word
from semtune.prepare.readers.tables.table_reader import OpenTable
from semtune.prepare.records import Labelled, PairRow, Rows, Section
from semtune.text import key, one_line
from semtune.types import LabelledPair, ScoredPair

_WHOLE_NUMBER = re.compile(r"(-?\d+)\.0+")
RELATED = ("inference", "duplicates")
UNUSED_COLUMN = "cells of columns without a role (only documents have metadata)"
USED = {  # roles, by the kind of table
    "pairs": ("anchor", "positive", "title", "group"), "scored": ("sentence1", "sentence2", "score"),
    "inference": ("sentence1", "sentence2", "label"), "duplicates": ("sentence1", "sentence2", "label"),
    "classes": ("text", "label"),
}  # fmt: skip
PASSAGE_KEYS = frozenset({"source", "headings", "part", "parts", "group", "span"})


@dataclass(slots=True)
class TableRows:
    """Collects rows by the roles of their columns; rows that cannot be used are counted."""

    path: Path
    opened: OpenTable
    roles: Roles
    bad: BadRows
    labels: bool  # keep labels as they are
    result: Rows = field(init=False)
    related: list[RelatedPair] = field(default_factory=list)
    judged: list[tuple[int, str, str, str]] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)  # id → the last number it got

    def __post_init__(self) -> None:
        negatives = {f"negative {n}": column for n, column in enumerate(self.roles.negatives, 1)}
        kind = self.roles.kind
        if kind in RELATED:
            kind = "labelled" if self.labels else "pairs"
        self.result = Rows(kind, self.opened.columns, {**self.roles.columns, **negatives})  # type: ignore[arg-type]

    def add(self, number: int, row: Row) -> None:
        """Add a row, or refuse it."""
        if self.roles.kind == "documents":
            self._document(number, row)
        elif self.roles.kind == "pairs":
            self._pair(number, row)
        elif self.roles.kind == "scored":
            self._score(number, row)
        elif self.roles.kind == "classes":
            self._class(number, row)
        else:
            self._related(number, row)

    def settle(self) -> None:
        """Give the labels that are words their meaning, which only all rows together show; before rows are judged.

        Raises:
            InputError: it is unclear which word means a match.
        """
        if self.roles.kind not in {"scored", "duplicates"}:
            return
        column = self.roles.columns["score" if self.roles.kind == "scored" else "label"]
        words, said = label_values((label for *_, label in self.judged), self.bad.where, column)
        if said:
            self.bad.tally.warn(said)
        for number, first, second, label in self.judged:
            self._settled(number, first, second, label, words)

    def close(self) -> Rows:
        """Everything that was added.

        Raises:
            InputError: no row could be used.
        """
        result = self.result
        self.bad.tally.count(UNUSED_COLUMN, self.bad.seen * len(self._unused()))
        if self.related and self.labels:
            words = LABELS[self.roles.kind]
            result.labelled = [LabelledPair(row.anchor, row.text, words[row.relation]) for row in self.related]
        elif self.related:
            result.pairs = pairs_from_relations(self.related, self.bad.tally)
        result.documents = list(self.opened.documents)
        if not (result.sections or result.pairs or result.scored or result.labelled or result.classes):
            why = "; ".join(f"{entry['count']:,} × {reason}" for reason, entry in self.bad.tally.dropped.items())
            raise InputError(
                f"{self.path.absolute()} has no usable row. Columns found: {', '.join(self.opened.columns)}."
                + (f" Left out: {why}." if why else "")
            )
        return result

    def _unused(self) -> list[str]:
        """The columns whose cells are not kept."""
        if self.roles.kind == "documents":
            return []
        used = {self.roles.columns.get(role) for role in USED[self.roles.kind]} | set(self.roles.negatives)
        return [column for column in self.opened.columns if column not in used]

    def _document(self, number: int, row: Row) -> None:
        text = cell_paragraphs(row.get(self.roles.columns["text"]), self.bad.tally, old=self.opened.old)
        title = self._cell(row, "title")
        if not text and not title:
            return self.bad.refuse(number, f"no {self.roles.columns['text']}", row)
        id_ = self._unique(self._cell(row, "id") or str(number))
        heading = self._cell(row, "heading")
        # If there is also a heading, the title is that of a document, and the rows are its sections.
        group = self._cell(row, "group") or (title if "heading" in self.roles.columns else "") or id_
        place = f"{self.path.name}:{number}"
        path = tuple(part for part in (title, heading if heading != title else "") if part)
        self.result.sections.append(Section(id_, group, place, path, text, metadata=self._metadata(row)))
        return None

    def _unique(self, id_: str) -> str:
        """The id, with a number if an earlier row has the same one."""
        number, found = self.ids.get(id_, 1), id_
        while found in self.ids:
            number += 1
            found = f"{id_}~{number}"
        if found != id_:
            self.bad.tally.count("rows whose id an earlier row has; their ids got a number", 1)
        self.ids[id_] = number
        self.ids.setdefault(found, 1)
        return found

    def _metadata(self, row: Row) -> dict[str, Any]:
        """The cells of all columns without a role; empty ones are left out, and numbers in CSV files become numbers.

        A column with a name that passages use for themselves gets an underscore after its name.
        """
        used = set(self.roles.columns.values())
        return {
            f"{name}_" if name in PASSAGE_KEYS else str(name): value if self.opened.typed else as_number(value)
            for name, value in row.items()
            if name is not None and name not in used and value not in (None, "")
        }

    def _pair(self, number: int, row: Row) -> None:
        anchor = one_line(self._cell(row, "anchor"))
        tally, old = self.bad.tally, self.opened.old
        positives = cell_documents(row.get(self.roles.columns["positive"]), self._cell(row, "title"), tally, old=old)
        if not anchor or not positives:
            return self.bad.refuse(number, f"no {self.roles.columns['positive' if anchor else 'anchor']}", row)
        given = [text for column in self.roles.negatives for text in cell_texts(row.get(column), tally, old=old)]
        documents = tuple(document for document in positives if self._differs(anchor, document.content, "answer"))
        negatives = tuple(text for text in given if self._differs(anchor, text, "negative"))
        if not documents:
            return None
        self.result.pairs.append(PairRow(number, anchor, documents, negatives, self._cell(row, "group")))
        return None

    def _differs(self, anchor: str, text: str, what: str) -> bool:
        """Whether a text is another one than its question; equal ones are counted."""
        if key(anchor) != key(text):
            return True
        self.bad.tally.drop(f"{what} that equals its question", text)
        return False

    def _score(self, number: int, row: Row) -> None:
        first, second = self._cell(row, "sentence1"), self._cell(row, "sentence2")
        value = row.get(self.roles.columns["score"])
        if not first or not second:
            return self.bad.refuse(number, "a sentence is missing", row)
        self.judged.append((number, first, second, str(int(value) if isinstance(value, bool) else value)))
        return None

    def _settled(self, number: int, first: str, second: str, label: str, words: Mapping[str, float]) -> None:
        """Add a pair that was judged by a number or a word."""
        if self.roles.kind == "duplicates":
            relation = duplicate_relation(label, words)
            if relation is None:
                return self.bad.refuse(number, "label is not one of 0 or 1", label)
            self.related.append(RelatedPair(number, first, second, relation))
        elif (word := plain_word(label)) in words or is_number(label):
            self.result.scored.append(ScoredPair(first, second, words[word] if word in words else float(label)))
        else:
            self.bad.refuse(number, "score is not a number", label)
        return None

    def _related(self, number: int, row: Row) -> None:
        first, second = one_line(self._cell(row, "sentence1")), self._cell(row, "sentence2")
        label = self._label(row)
        if not first or not second:
            return self.bad.refuse(number, "a sentence is missing", row)
        if self.roles.kind == "duplicates":
            return self.judged.append((number, first, second, label))
        relation = inference_relation(label, self.opened.names.get(self.roles.columns["label"], []))
        if relation is None:
            allowed = "entailment, neutral, contradiction or 0, 1, 2"
            return self.bad.refuse(number, f"label is not one of {allowed}", label)
        if relation == "undecided":
            return self.bad.tally.drop("pair without an agreed label", f"{first} | {second}")
        self.related.append(RelatedPair(number, first, second, relation))
        return None

    def _class(self, number: int, row: Row) -> None:
        text, label = one_line(self._cell(row, "text")), class_name(self._label(row))
        given = row.get(self.roles.columns["label"])
        if isinstance(given, list) and len(given) > 1:
            return self.bad.refuse(number, "several labels; one class a text is needed", given)
        if not text or not label:
            return self.bad.refuse(number, f"no {self.roles.columns['label' if text else 'text']}", row)
        names = self.opened.names.get(self.roles.columns["label"], [])
        if names:
            if not label.isdigit() or int(label) >= len(names):
                return self.bad.refuse(number, f"label is not one of 0 to {len(names) - 1}", label)
            label = names[int(label)]
        self.result.classes.append(Labelled(number, text, label))
        return None

    def _label(self, row: Row) -> str:
        value = row.get(self.roles.columns["label"])
        return str(int(value)) if isinstance(value, bool) else cell_text(value, self.bad.tally, old=self.opened.old)

    def _cell(self, row: Mapping[str, Any], role: str) -> str:
        if role not in self.roles.columns:
            return ""
        return cell_text(row.get(self.roles.columns[role]), self.bad.tally, old=self.opened.old)


def class_name(label: str) -> str:
    """The name of a class on one line; a whole number without its decimals, which some tables add: "3" for "3.0"."""
    whole = _WHOLE_NUMBER.fullmatch(label)
    return whole[1] if whole else one_line(label)
