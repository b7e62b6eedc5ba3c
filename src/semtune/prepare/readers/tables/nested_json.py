""".json files to rows: a list of objects, SQuAD's paragraphs with questions, or lists of (text, label) by split."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from semtune.errors import InputError
from semtune.prepare.drop_log import BadRows
from semtune.prepare.readers.tables.delimited import Row, load_text

LOOK = 1000  # items; if none of them is an object, the rest are not checked
Numbered = tuple[int, Row]


class JsonTable(NamedTuple):
    """The rows of a .json file and its format in words (empty for a list of objects)."""

    shape: str
    rows: list[Numbered]


def read_json_table(path: Path, bad: BadRows) -> JsonTable:
    """Read a .json file whole.

    Raises:
        InputError: it is missing, not JSON, or has no rows.
    """
    text = load_text(path, tally=bad.tally)
    try:
        value = json.loads(text)
    except RecursionError:
        raise InputError(f"{path.absolute()} is nested too deeply.") from None
    except json.JSONDecodeError as error:
        hint = " If it is JSON lines, rename it to .jsonl." if "Extra data" in error.msg else ""
        raise InputError(f"{path.absolute()} is not valid JSON ({error}).{hint}") from None
    rows = value.get("data", value) if isinstance(value, dict) else value
    if isinstance(rows, list):
        if any(isinstance(item, dict) and "paragraphs" in item for item in rows):
            return JsonTable("questions in SQuAD's shape", list(_squad(rows, bad)))
        return JsonTable("", list(_objects(rows, bad)))
    if isinstance(rows, dict) and rows and all(isinstance(part, list) for part in rows.values()):
        return JsonTable("labelled texts by split", list(_labelled(rows, bad)))
    found = f"an object with {', '.join(list(rows)[:8])}" if isinstance(rows, dict) else type(rows).__name__
    raise InputError(
        f"{path.absolute()} has no rows: expected a list of objects, SQuAD's data → paragraphs → qas, or lists of "
        f"(text, label) by split; found {found}."
    )


def _objects(items: list[Any], bad: BadRows) -> Iterator[Numbered]:
    if items and not any(isinstance(item, dict) for item in items[:LOOK]):
        raise InputError(
            f"{bad.where}: none of the first {min(len(items), LOOK):,} items of its list is a JSON object in braces."
        )
    for number, item in enumerate(items, start=1):
        bad.row()
        if isinstance(item, dict):
            yield number, item
        else:
            bad.refuse(number, "not a JSON object", json.dumps(item, ensure_ascii=False))


def _squad(articles: list[Any], bad: BadRows) -> Iterator[Numbered]:
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


def _labelled(parts: dict[str, list[Any]], bad: BadRows) -> Iterator[Numbered]:
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
