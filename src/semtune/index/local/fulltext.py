"""Full text in SQLite's FTS5: terms of title and text, ranked by BM25 (k1 = 1.2, b = 0.75)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import islice

from semtune.index import terms as analysis
from semtune.index.local import database

BATCH = 1000
LANGUAGE, ANALYSER, LEARNT_FROM = "language", "analyser", "language_from"
RELEARN = 10  # times as many documents as the language was told from


def add(connection: sqlite3.Connection, rows: Iterable[tuple[int, str]], language: str) -> None:
    """Add the contents of new rows."""
    source = iter(rows)
    while batch := list(islice(source, BATCH)):
        made = [(row, " ".join(analysis.analyse(content, language))) for row, content in batch]
        connection.executemany("INSERT INTO terms VALUES(?,?)", made)
        connection.executemany("INSERT INTO fulltext(rowid, terms) VALUES(?,?)", made)


def remove(connection: sqlite3.Connection, rows: Sequence[int]) -> None:
    """Remove rows."""
    named = [(row,) for row in rows]
    connection.executemany(
        "INSERT INTO fulltext(fulltext, rowid, terms) SELECT 'delete', row, terms FROM terms WHERE row=?", named
    )
    connection.executemany("DELETE FROM terms WHERE row=?", named)


def language_of(connection: sqlite3.Connection, contents: Sequence[str]) -> str:
    """The language of the index, told from the first documents that are written."""
    found = database.get(connection, LANGUAGE)
    if found is None:
        found = analysis.language_of(contents)
        database.put(connection, LANGUAGE, found)
        database.put(connection, ANALYSER, analysis.ANALYSER)
        database.put(connection, LEARNT_FROM, len(contents))
    return str(found)


def renew(connection: sqlite3.Connection) -> None:
    """Analyse all documents again if another version of the analysis did it, or their language has become clear."""
    analyser, language = database.get(connection, ANALYSER), database.get(connection, LANGUAGE)
    if analyser is None:
        return
    count, told = database.number(connection, "count"), language
    if count >= RELEARN * database.number(connection, LEARNT_FROM) > 0:
        told = analysis.language_of(_sample(connection, count))
        database.put(connection, LEARNT_FROM, count)
    if analyser == analysis.ANALYSER and told == language:
        return
    connection.execute("INSERT INTO fulltext(fulltext) VALUES('delete-all')")
    connection.execute("DELETE FROM terms")
    last = 0
    while batch := connection.execute(
        "SELECT row, title, text FROM texts WHERE row > ? ORDER BY row LIMIT ?", (last, BATCH)
    ).fetchall():
        add(connection, [(row, f"{title} {text}".strip() if title else text) for row, title, text in batch], str(told))
        last = batch[-1][0]
    database.put(connection, LANGUAGE, told)
    database.put(connection, ANALYSER, analysis.ANALYSER)


def _sample(connection: sqlite3.Connection, count: int) -> list[str]:
    step = max(1, count // analysis.SAMPLE)
    found = connection.execute(
        "SELECT title || ' ' || text FROM texts WHERE row % ? = 0 LIMIT ?", (step, analysis.SAMPLE)
    )
    return [text for (text,) in found]


def search(
    connection: sqlite3.Connection, query: str, k: int, condition: str = "", values: Sequence[object] = ()
) -> list[tuple[str, float]]:
    """Ids and scores of the `k` best rows that have a term of the query.

    Args:
        connection: to read from.
        query: as the user typed it; nothing in it has a meaning for FTS5.
        k: number of rows.
        condition: on the table documents, in SQL; its parameters are numbered from 1.
        values: of the condition.
    """
    language = str(database.get(connection, LANGUAGE, ""))
    words = analysis.query_terms(query, language)
    if not words:
        return []
    asked = " OR ".join(f'"{word}"' for word in (word.replace('"', '""') for word in words))
    first = len(values) + 1
    also = f" AND rowid IN (SELECT row FROM documents WHERE {condition})" if condition else ""
    found = connection.execute(
        "SELECT documents.id, -best.score FROM (SELECT rowid AS row, bm25(fulltext) AS score FROM fulltext "
        f"WHERE fulltext MATCH ?{first}{also} ORDER BY score, rowid LIMIT ?{first + 1}) AS best "
        "JOIN documents ON documents.row = best.row ORDER BY best.score, best.row",
        (*values, asked, k),
    )
    return [(name, score) for name, score in found]
