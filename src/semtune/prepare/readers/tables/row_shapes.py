"""Rows that are no objects with a column a role: bare lists, sets of texts that mean the same, conversations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from semtune.prepare.drop_log import BadRows
from semtune.prepare.readers.tables.delimited import Row

SET = "set"
CONVERSATION = ("messages", "conversations", "conversation")
SPEAKER = ("role", "from")
SAID = ("content", "value")
ASKS = frozenset({"user", "human", "prompter"})
ANSWERS = frozenset({"assistant", "gpt", "bot", "model", "chatgpt", "bard", "bing"})
TURNS = "conversations: each turn of a user with the answer that follows it"
SETS = "sets of texts that mean the same: the first of a set with each of the others"
LISTS = "lists of texts without names of columns"
_NAMES = {2: ("anchor", "positive"), 3: ("anchor", "positive", "negative")}


def shape_of(value: Any) -> str:
    """The shape of a row in words; empty for an object with a column a role and for what is no row."""
    if isinstance(value, list):
        return TURNS if _turns(value) else LISTS if _from_list(value) else ""
    if not isinstance(value, dict):
        return ""
    return TURNS if _conversation(value) is not None else SETS if _is_set(value) else ""


def rows_of(values: Iterable[tuple[int, Any]], roles: Mapping[str, str], bad: BadRows) -> Iterator[tuple[int, Row]]:
    """Yield the rows of numbered values: objects as they are, other shapes as objects with known columns.

    Args:
        values: they have been counted as rows.
        roles: role → column set by the user; a column named there is left as it is.
        bad: takes what cannot be used.
    """
    named = set(roles.values())
    for number, value in values:
        if isinstance(value, dict) and (named & {SET, *CONVERSATION} or not shape_of(value)):
            yield number, value
        elif isinstance(value, list) and value and not _turns(value) and all(isinstance(one, dict) for one in value):
            bad.seen += len(value) - 1
            yield from rows_of(((number, one) for one in value), roles, bad)
        else:
            yield from _shaped(number, value, bad)


def _shaped(number: int, value: Any, bad: BadRows) -> Iterator[tuple[int, Row]]:
    if isinstance(value, dict) and _is_set(value) and _conversation(value) is None:
        texts = [text for text in value[SET] if text.strip()]
        if len(texts) < 2:
            bad.refuse(number, "set with fewer than two texts", json.dumps(value, ensure_ascii=False))
        else:
            yield number, {"anchor": texts[0], "positive": texts[1:]}
        return
    turns = _conversation(value) if isinstance(value, dict) else value if _turns(value) else None
    if turns is not None:
        yield from _answered(number, turns, bad)
    elif isinstance(value, list) and (row := _from_list(value)):
        yield number, row
    else:
        bad.refuse(number, "not a JSON object", json.dumps(value, ensure_ascii=False, default=str))


def _from_list(cells: list[Any]) -> Row:
    """A pair, a triplet or a scored pair from a bare list; empty if it is none."""
    texts = all(isinstance(cell, str) for cell in cells[:2])
    if texts and len(cells) == 3 and isinstance(cells[2], int | float):
        return {"sentence1": cells[0], "sentence2": cells[1], "score": cells[2]}
    if texts and len(cells) in _NAMES and isinstance(cells[-1], str):
        return dict(zip(_NAMES[len(cells)], cells, strict=True))
    return {}


def _is_set(row: Mapping[str, Any]) -> bool:
    texts = row.get(SET)
    return isinstance(texts, list) and bool(texts) and all(isinstance(text, str) for text in texts)


def _conversation(row: Mapping[str, Any]) -> list[Any] | None:
    return next((row[name] for name in CONVERSATION if _turns(row.get(name))), None)


def _turns(value: Any) -> bool:
    """Whether a value is a list of turns: objects with a speaker and what was said."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, dict) and any(isinstance(turn.get(name), str) for name in SPEAKER) for turn in value)
    )


def _answered(number: int, turns: list[Any], bad: BadRows) -> Iterator[tuple[int, Row]]:
    """A row for each turn of a user that is answered; all rows of a conversation stay in one split."""
    tally = bad.tally
    asked, found = "", False
    for turn in turns:
        speaker = next(str(turn[name]) for name in SPEAKER if isinstance(turn.get(name), str)).strip().lower()
        said = _said(turn)
        if speaker in ASKS and said:
            if asked:
                tally.drop("turn of a user without an answer", f"{bad.where}:{number}: {asked}")
            asked = said
        elif speaker in ANSWERS and said:
            if asked:
                yield number, {"anchor": asked, "positive": said, "group": f"conversation {bad.where}:{number}"}
                found = True
            else:
                tally.drop("answer without the turn of a user before it", f"{bad.where}:{number}: {said}")
            asked = ""
        else:
            reason = f"turn of {speaker!r}, not used" if said else "turn without text"
            tally.drop(reason, f"{bad.where}:{number}: {said}")
    if asked:
        tally.drop("turn of a user without an answer", f"{bad.where}:{number}: {asked}")
    if not found:
        bad.refuse(number, "conversation without a question and its answer", json.dumps(turns, ensure_ascii=False))


def _said(turn: Mapping[str, Any]) -> str:
    """The text of a turn; parts of a list that are no text (pictures, calls of tools) are left out."""
    value = next((turn[name] for name in SAID if turn.get(name)), "")
    if isinstance(value, list):
        texts = [part.get("text") if isinstance(part, dict) else part for part in value]
        return "\n".join(text for text in texts if isinstance(text, str)).strip()
    return value.strip() if isinstance(value, str) else ""
