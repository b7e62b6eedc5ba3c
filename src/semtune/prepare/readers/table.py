"""A CSV, TSV or JSONL file to documents, labelled pairs or scored pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from semtune.errors import InputError
from semtune.prepare.material import PairRow, Rows, Section
from semtune.prepare.readers.cells import Layout, Row, csv_rows, find_layout, is_jsonl, is_number, jsonl_rows, load_text
from semtune.prepare.readers.roles import Roles, find_roles
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.tally import BadRows, Tally
from semtune.prepare.text import one_line, tidy
from semtune.types import Document, ScoredPair

SAMPLE_ROWS = 100
STSB_MAX = 5.0


def read_table(path: Path, settings: PrepareSettings, tally: Tally) -> Rows:
    """Read a whole table.

    Scored rows come out as they are in the file: `scale_scores` brings them to 0-1 when all files are read.

    Raises:
        InputError: missing, empty, unclear columns, or more bad rows than allowed.
    """
    text = load_text(path)
    bad = BadRows(path.name, tally)
    layout, rows = _open(path, text, bad)
    roles = find_roles(layout.columns, settings.roles, path)
    result = Rows(
        roles.kind, layout.columns, {**roles.columns, **{f"negative {n}": c for n, c in enumerate(roles.negatives, 1)}}
    )
    for number, row in rows:
        if roles.kind == "documents":
            _document(result, path, number, row, roles, bad)
        elif roles.kind == "pairs":
            _pair(result, number, row, roles, bad)
        else:
            _score(result, number, row, roles, bad)
    tally.count("rows", bad.seen)
    bad.check(settings.max_bad_share)
    if not (result.sections or result.pairs or result.scored):
        raise InputError(f"{path.absolute()} has no row that can be used. Columns found: {', '.join(layout.columns)}.")
    return result


def sample_table(path: Path, settings: PrepareSettings, limit: int = 1 << 16) -> tuple[list[str], Roles, bool]:
    """Columns, roles, and whether a header row names them, from the first `limit` bytes."""
    layout, _ = _open(path, load_text(path, limit), BadRows(path.name, Tally()))
    return layout.columns, find_roles(layout.columns, settings.roles, path), layout.header


def scale_scores(
    tables: list[list[ScoredPair]], where: str, tally: Tally, max_bad_share: float
) -> list[list[ScoredPair]]:
    """Bring scores to 0-1: divided by 5 (STS-B's scale) if any of the files has one above 1.

    Scores outside 0-5 are refused row by row and counted.
    """
    scores = [row.score for table in tables for row in table if 0 <= row.score <= STSB_MAX]
    scale = STSB_MAX if scores and max(scores) > 1 else 1.0
    scaled: list[list[ScoredPair]] = []
    bad = BadRows(where, tally)
    for table in tables:
        kept: list[ScoredPair] = []
        for number, row in enumerate(table, start=1):
            bad.row()
            if 0 <= row.score <= STSB_MAX:
                kept.append(ScoredPair(row.sentence1, row.sentence2, row.score / scale))
            else:
                bad.refuse(number, "score outside 0 to 5", row.score)
        scaled.append(kept)
    bad.check(max_bad_share)
    return scaled


def _open(path: Path, text: str, bad: BadRows) -> tuple[Layout, Iterator[tuple[int, Row]]]:
    if not is_jsonl(path):
        layout = find_layout(text, path.suffix)
        return layout, csv_rows(text, layout, bad)
    columns: dict[str, None] = {}
    for number, (_, row) in enumerate(jsonl_rows(text, BadRows(path.name, Tally()))):
        columns.update(dict.fromkeys(row))
        if number >= SAMPLE_ROWS:
            break
    if not columns:
        raise InputError(
            f"{path.absolute()} has no JSON object on any line. Expected one object a line, e.g. "
            '{"query": …, "document": …}.'
        )
    return Layout(list(columns)), jsonl_rows(text, bad)


def _document(result: Rows, path: Path, number: int, row: Row, roles: Roles, bad: BadRows) -> None:
    text = _one(row.get(roles.columns["text"]))
    if not text:
        return bad.refuse(number, f"no {roles.columns['text']}", row)
    title = _cell(row, roles, "title")
    id_ = _cell(row, roles, "id") or str(number)
    group = _cell(row, roles, "group") or id_
    result.sections.append(Section(id_, group, f"{path.name}:{number}", (title,) if title else (), text))
    return None


def _pair(result: Rows, number: int, row: Row, roles: Roles, bad: BadRows) -> None:
    anchor = one_line(_one(row.get(roles.columns["anchor"])))
    positives = _many(row.get(roles.columns["positive"]))
    if not anchor or not positives:
        return bad.refuse(number, f"no {roles.columns['positive' if anchor else 'anchor']}", row)
    title = _cell(row, roles, "title")
    documents = tuple(Document("", text, title) for text in positives)
    negatives = tuple(text for column in roles.negatives for text in _many(row.get(column)))
    result.pairs.append(PairRow(number, anchor, documents, negatives, _cell(row, roles, "group")))
    return None


def _score(result: Rows, number: int, row: Row, roles: Roles, bad: BadRows) -> None:
    one, two = (_one(row.get(roles.columns[name])) for name in ("sentence1", "sentence2"))
    value = row.get(roles.columns["score"])
    if not one or not two:
        return bad.refuse(number, "a sentence is missing", row)
    if isinstance(value, bool):
        value = int(value)
    if not is_number(value):
        return bad.refuse(number, "score is no number", value)
    result.scored.append(ScoredPair(one, two, float(str(value))))
    return None


def _cell(row: Mapping[str, Any], roles: Roles, role: str) -> str:
    return _one(row.get(roles.columns[role])) if role in roles.columns else ""


def _one(value: Any) -> str:
    """A cell as text; empty for None and for what is no text."""
    if isinstance(value, list):
        return _one(value[0]) if len(value) == 1 else ""
    return tidy(str(value)).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _many(value: Any) -> list[str]:
    """A cell as texts: one, or a list of them (FlagEmbedding's pos and neg)."""
    values = value if isinstance(value, list) else [value]
    return [text for item in values if (text := _one(item.get("text") if isinstance(item, dict) else item))]
