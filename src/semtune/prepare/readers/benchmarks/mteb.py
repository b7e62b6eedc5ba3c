"""A retrieval task in the layout of mteb and the Hugging Face Hub: tables of a corpus, queries and judgements.

corpus and queries are tables or folders of tables (Parquet or JSON lines); the judgements are in qrels/, data/ or
default/, one or more files per split: "test-00000-of-00001.parquet", "test.jsonl".
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.benchmarks.judgements import GRADES, add_judgement, identified, join_labels, rest_to_train
from semtune.prepare.readers.files.unpack import suffix_of
from semtune.prepare.readers.tables.delimited import Row
from semtune.prepare.readers.tables.split_tables import split_of
from semtune.prepare.readers.tables.table_reader import open_table
from semtune.prepare.records import Labels, Part
from semtune.prepare.settings import PrepareSettings
from semtune.types import Document, Qrels, Query

SUFFIXES = (".parquet", ".jsonl", ".arrow")
JUDGED_IN = ("qrels", "data", "default")
IDS = ("_id", "id")
QUERY_IDS, CORPUS_IDS = ("query-id", "query_id"), ("corpus-id", "corpus_id", "doc-id")


def is_hub(folder: Path) -> bool:
    """Whether a folder has such tables; with qrels/*.tsv it is in BEIR's layout."""
    if any((folder / "qrels").glob("*.tsv*")):
        return False
    return bool(tables_of(folder, "corpus") and tables_of(folder, "queries") and judged_by_split(folder))


def tables_of(folder: Path, name: str) -> list[Path]:
    """The tables called `name`, or in a folder called `name`."""
    beside = [path for path in folder.glob(f"{name}.*") if _is_table(path)]
    return sorted(beside or [path for path in folder.glob(f"{name}/*") if _is_table(path)])


def judged_by_split(folder: Path) -> dict[Part, list[Path]]:
    """The tables of judgements by split; "all" for those whose name has no split."""
    found: dict[Part, list[Path]] = {}
    place = next((folder / name for name in JUDGED_IN if (folder / name).is_dir()), None)
    for path in sorted(place.iterdir()) if place else ():
        if _is_table(path):
            found.setdefault(split_of(path.name) or "all", []).append(path)
    return found


def read_hub(folder: Path, tally: Tally, settings: PrepareSettings) -> Labels:
    """Read the tables; rows that cannot be used, repeated ids and judgements of unknown ids are counted.

    Raises:
        InputError: no usable judgement is left, or too many rows of a file cannot be used.
    """
    corpus = [
        Document(id_, str(row.get("text") or ""), str(row.get("title") or ""))
        for id_, row in _texts(folder, "corpus", tally, settings)
    ]
    queries = {id_: Query(id_, str(row.get("text") or "")) for id_, row in _texts(folder, "queries", tally, settings)}
    qrels: dict[Part, Qrels] = {
        part: _judgements(paths, tally, settings) for part, paths in judged_by_split(folder).items()
    }
    rest_to_train(qrels)
    return join_labels(folder, corpus, queries, qrels, tally, "judgements of {}")


def _is_table(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and suffix_of(path) in SUFFIXES


def _texts(folder: Path, name: str, tally: Tally, settings: PrepareSettings) -> Iterator[tuple[str, Row]]:
    seen: set[str] = set()
    for path in tables_of(folder, name):
        bad = BadRows(path.name, tally)
        yield from identified(open_table(path, {}, bad).rows, lambda row: _first(row, IDS), seen, bad)
        bad.check(settings.max_bad_share)


def _judgements(paths: list[Path], tally: Tally, settings: PrepareSettings) -> Qrels:
    """If a document is judged several times for a query, the last judgement counts, as in BEIR's loader."""
    qrels: Qrels = {}
    for path in paths:
        bad = BadRows(path.name, tally)
        for number, row in open_table(path, {}, bad).rows:
            query, document, grade = _first(row, QUERY_IDS), _first(row, CORPUS_IDS), _grade(row.get("score"))
            if query is None or document is None or grade is None:
                bad.refuse(number, f"not query-id, corpus-id, score ({GRADES[0]} to {GRADES[-1]})", row)
            else:
                add_judgement(qrels, str(query), str(document), grade, tally, f"{path.name}:{number}: {row}")
        bad.check(settings.max_bad_share)
    return qrels


def _first(row: Row, names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _grade(value: Any) -> int | None:
    try:
        grade = float(value)
    except (TypeError, ValueError):
        return None
    return int(grade) if grade.is_integer() and int(grade) in GRADES else None
