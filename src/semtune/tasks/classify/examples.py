"""Reads the examples that a classifier is made of: a table of texts and their classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally, by_reason
from semtune.prepare.readers.tables.cell_values import cell_paragraphs, cell_text
from semtune.prepare.readers.tables.column_roles import ALIASES
from semtune.prepare.readers.tables.column_texts import text_column
from semtune.prepare.readers.tables.table_reader import SAMPLE_ROWS, check_column
from semtune.tasks.classify.classes import MAX_CLASSES, check_names
from semtune.tasks.classify.classifier import Example
from semtune.tasks.tables import open_given

SEPARATOR = "|"  # between the classes of a text that has several
MAX_BAD = 0.2
REPEATED, NO_CLASS, NO_TEXT, TORN = "the same example again", "no class", "no text", "one text in different classes"


@dataclass(frozen=True, slots=True)
class ReadExamples:
    """Examples in the table's order, and what was left out.

    Attributes:
        examples: distinct texts with their classes.
        several: some have several classes.
        left_out: reason → number of rows.
        warnings: about the table.
    """

    examples: list[Example]
    several: bool
    left_out: dict[str, int]
    warnings: list[str]

    @property
    def names(self) -> list[str]:
        """The classes, sorted."""
        return sorted({label for example in self.examples for label in example.labels})


def read_examples(path: Path, text: str = "", label: str = "") -> ReadExamples:
    """Read a table with a column of texts and one of classes; several classes are a list, or stand as `a|b`.

    Args:
        path: CSV, TSV, JSON lines, Parquet or another table.
        text: name of the column with the text; empty: found by its name.
        label: name of the column with the class; empty: found by its name.

    Raises:
        InputError: it is no such table, or has fewer than two classes.
    """
    given = open_given(path, "--examples", "text and label")
    opened, bad, tally = given.opened, given.bad, given.tally
    sample = list(islice(opened.rows, SAMPLE_ROWS))
    label = _label_column(path, opened.columns, label)
    others = [column for column in opened.columns if column != label]
    if text:
        check_column(path, text, opened.columns)
    text = text or text_column(path, others, [row for _, row in sample])
    found: list[Example] = []
    for number, row in chain(sample, opened.rows):
        content = cell_paragraphs(row.get(text), tally, old=opened.old)
        labels = _labels(row.get(label), tally, opened.names.get(label, []))
        if not content or not labels:
            bad.refuse(number, NO_CLASS if content else NO_TEXT, row)
        else:
            found.append(Example(content, labels))
    bad.check(MAX_BAD)
    examples = _distinct(found, tally)
    names = sorted({name for example in examples for name in example.labels})
    if len(names) < 2:
        raise InputError(f"{path} has examples of {len(names)} class. A classifier needs two classes or more.")
    if len(names) > MAX_CLASSES:
        raise InputError(f"{path} has {len(names):,} classes; at most {MAX_CLASSES:,} are allowed.")
    check_names(names)
    several = any(len(example.labels) > 1 for example in examples)
    return ReadExamples(examples, several, by_reason(tally.dropped), tally.warnings)


def _label_column(path: Path, columns: Sequence[str], given: str) -> str:
    if given:
        check_column(path, given, columns)
        return given
    by_name = {column.strip().lower(): column for column in columns}
    found = next((by_name[name] for name in (*ALIASES["label"], "labels") if name in by_name), None)
    if found is None:
        raise InputError(f"{path} has no column with the class. Found: {', '.join(columns)}. Name it: --label-column.")
    return found


def _labels(value: Any, tally: Tally, names: Sequence[str]) -> tuple[str, ...]:
    cells = value if isinstance(value, list) else [value]
    words: dict[str, None] = {}
    for cell in cells:
        shown = str(int(cell)) if isinstance(cell, bool | int) else cell_text(cell, tally)
        for part in shown.split(SEPARATOR):
            name = " ".join(part.split())
            if name.isdigit() and int(name) < len(names):
                name = names[int(name)]
            if name:
                words[name] = None
    return tuple(words)


def _distinct(found: Sequence[Example], tally: Tally) -> list[Example]:
    """Each text once. One that stands in different classes teaches nothing sure: all of its rows are left out."""
    by_text: dict[str, set[tuple[str, ...]]] = {}
    for example in found:
        by_text.setdefault(example.text, set()).add(tuple(sorted(example.labels)))
    kept: dict[str, Example] = {}
    for example in found:
        if len(by_text[example.text]) > 1:
            tally.drop(TORN, example.text)
        elif example.text in kept:
            tally.drop(REPEATED, example.text)
        else:
            kept[example.text] = example
    return list(kept.values())
