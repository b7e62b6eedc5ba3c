""".json files to rows: a list of objects, lists by column, SQuAD's questions, judged questions, or lists by split."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from semtune.errors import InputError
from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.tables.column_roles import names_a_role
from semtune.prepare.readers.tables.delimited import load_decoded
from semtune.prepare.readers.tables.json_values import json_values, mistake
from semtune.prepare.readers.tables.judged_json import is_judged, judged_rows, unasked
from semtune.prepare.readers.tables.row_shapes import shape_of
from semtune.types import Document

LOOK = 1000  # items; if none of them is a row, the rest are not checked
ALLOWED = (
    "a list of objects, an object with a list a column (all of one length), SQuAD's data → paragraphs → qas, "
    "LlamaIndex's queries, corpus and relevant_docs, or lists of (text, label) by split"
)


@dataclass(frozen=True, slots=True)
class JsonTable:
    """The numbered values of a .json file.

    Attributes:
        shape: the format in words; empty for a list of objects.
        values: (number, value), counted as rows.
        documents: those that no question asks for.
        old: whether the file is in an old encoding.
    """

    shape: str
    values: list[tuple[int, Any]]
    documents: tuple[Document, ...] = ()
    old: bool = False


def read_json_table(path: Path, bad: BadRows) -> JsonTable:
    """Read a .json file whole.

    Raises:
        InputError: it is missing, not JSON, or has no rows.
    """
    found = load_decoded(path, tally=bad.tally)
    try:
        value = json.loads(found.text)
    except (ValueError, RecursionError) as error:
        return JsonTable("", _several(path, found.text, error, bad), old=found.guessed)
    return replace(_table(value, path, bad, old=found.guessed), old=found.guessed)


def _table(value: Any, path: Path, bad: BadRows, *, old: bool) -> JsonTable:
    if is_judged(value):
        return JsonTable("judged questions", list(judged_rows(value, bad)), tuple(unasked(value, bad.tally, old=old)))
    if isinstance(value, dict) and (columns := _by_column(value, path, bad.tally)) is not None:
        bad.seen += len(columns)
        return JsonTable("a list a column", list(enumerate(columns, start=1)))
    rows = value.get("data", value) if isinstance(value, dict) else value
    if isinstance(rows, list):
        if any(isinstance(item, dict) and "paragraphs" in item for item in rows):
            return JsonTable("questions in SQuAD's shape", list(_squad(rows, bad)))
        return JsonTable("", _items(rows, bad))
    if isinstance(rows, dict) and rows and all(isinstance(part, list) for part in rows.values()):
        return JsonTable("labelled texts by split", list(_labelled(rows, bad)))
    found = f"an object with {', '.join(list(rows)[:8])}" if isinstance(rows, dict) else type(rows).__name__
    raise InputError(f"{path.absolute()} has no rows: expected {ALLOWED}; found {found}.")


def _several(path: Path, text: str, error: ValueError | RecursionError, bad: BadRows) -> list[tuple[int, Any]]:
    """The values of a text that holds several, or a list with a comma too many; anything broken is refused."""
    if isinstance(error, RecursionError):
        raise InputError(f"{path.absolute()} is nested too deeply.") from None
    trial = BadRows(bad.where, Tally())
    values = list(json_values(text, trial))
    if trial.bad or not values or not _closed(text):
        raise InputError(f"{path.absolute()} is not valid JSON: {mistake(error, text)}. Mend it there.") from None
    bad.seen += trial.seen
    return values


def _closed(text: str) -> bool:
    """Whether a list that is opened at the beginning is closed at the end."""
    return text.lstrip()[:1] != "[" or text.rstrip()[-1:] == "]"


def _by_column(value: dict[str, Any], path: Path, tally: Tally) -> list[dict[str, Any]] | None:
    """Rows of an object with a list (or an object by row) a column, as pandas writes it; None if it is none."""
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        names = [str(name) for name in value["columns"]]
        if all(isinstance(row, list) and len(row) == len(names) for row in value["data"]):
            return [dict(zip(names, row, strict=True)) for row in value["data"]]
    parts = list(value.values())
    if not parts or "data" in value:
        return None
    if all(isinstance(part, dict) for part in parts):
        if any(names_a_role(name) for name in value):
            keys = dict.fromkeys(key for part in parts for key in part)
            return [{name: part.get(key) for name, part in value.items()} for key in keys]
        by_row = all(any(names_a_role(name) for name in part) for part in parts)
        return [{"id": key, **part} for key, part in value.items()] if by_row else None
    lists = {name: part for name, part in value.items() if isinstance(part, list)}
    if not any(names_a_role(name) for name in lists):
        return None
    lengths = {len(part) for part in lists.values()}
    if len(lengths) > 1:
        shown = ", ".join(f"{name}: {len(part):,}" for name, part in lists.items())
        raise InputError(f"{path.absolute()}: its columns are lists of different lengths ({shown}). Make them equal.")
    for name in value.keys() - lists.keys():
        tally.drop("entry of a .json file beside its columns", f"{path.name}: {name}: {value[name]}")
    names = list(lists)
    return [dict(zip(names, cells, strict=True)) for cells in zip(*lists.values(), strict=True)]


def _items(items: list[Any], bad: BadRows) -> list[tuple[int, Any]]:
    if items and not any(isinstance(item, dict) or shape_of(item) for item in items[:LOOK]):
        raise InputError(
            f"{bad.where}: none of the first {min(len(items), LOOK):,} items of its list is a JSON object in braces."
        )
    bad.seen += len(items)
    return list(enumerate(items, start=1))


def _squad(articles: list[Any], bad: BadRows) -> Iterator[tuple[int, dict[str, Any]]]:
    """One row per question that its paragraph answers; the questions of an article stay in one split."""
    number = 0
    for article in articles:
        paragraphs = article.get("paragraphs") if isinstance(article, dict) else None
        if not isinstance(paragraphs, list):
            number += 1
            bad.row()
            bad.refuse(number, "article without a list of paragraphs", article)
            continue
        for paragraph in paragraphs:
            questions = paragraph.get("qas") if isinstance(paragraph, dict) else None
            for question in questions if isinstance(questions, list) else [None]:
                number += 1
                bad.row()
                if not isinstance(question, dict) or not isinstance(paragraph.get("context"), str):
                    bad.refuse(number, "paragraph without context and questions", paragraph)
                elif question.get("is_impossible"):
                    bad.tally.drop("question without an answer in its paragraph", question.get("question", ""))
                else:
                    row = {"question": question.get("question"), "document": paragraph["context"]}
                    yield number, row | ({"group": article["title"]} if article.get("title") else {})


def _labelled(parts: dict[str, list[Any]], bad: BadRows) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    for items in parts.values():
        for item in items:
            number += 1
            bad.row()
            if isinstance(item, dict):
                yield number, item
            elif isinstance(item, list) and len(item) == 2 and all(isinstance(cell, str) for cell in item):
                yield number, {"text": item[0], "label": item[1]}
            else:
                bad.refuse(number, "not an object or (text, label)", json.dumps(item, ensure_ascii=False))
