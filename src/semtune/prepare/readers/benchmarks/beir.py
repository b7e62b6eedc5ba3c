"""A BEIR folder (Thakur et al. 2021): corpus.jsonl, queries.jsonl, qrels/*.tsv; each may be packed as .gz."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semtune.errors import InputError
from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.benchmarks.judgements import identified, join_labels, read_judgements
from semtune.prepare.readers.files.unpack import stem_of
from semtune.prepare.readers.tables.delimited import Row, load_text
from semtune.prepare.readers.tables.json_values import jsonl_rows
from semtune.prepare.records import Labels, Part
from semtune.prepare.settings import PrepareSettings
from semtune.types import Document, Qrels, Query

PARTS: dict[str, Part] = {"train": "train", "dev": "dev", "test": "test"}
VALIDATION_NAMES = ("val", "valid", "validation")  # other names for dev


def file_of(folder: Path, name: str) -> Path | None:
    """The file `name` of a folder, or `name`.gz; None if there is neither."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def is_beir(folder: Path) -> bool:
    """Whether a folder has BEIR's files."""
    return bool(file_of(folder, "corpus.jsonl") and file_of(folder, "queries.jsonl")) and (folder / "qrels").is_dir()


def judgement_files(folder: Path) -> dict[Part, Path]:
    """The files of judgements by split.

    Raises:
        InputError: there is none.
    """
    files = {stem_of(path): path for path in sorted((folder / "qrels").glob("*.tsv*"))}
    found: dict[Part, Path] = {part: files[name] for name, part in PARTS.items() if name in files}
    for name in VALIDATION_NAMES:
        if "dev" not in found and name in files:
            found["dev"] = files[name]
    if not found:
        names = ", ".join(sorted(path.name for path in (folder / "qrels").iterdir())) or "nothing"
        raise InputError(
            f"{folder / 'qrels'} has no judgements. Expected train.tsv, dev.tsv or test.tsv; found {names}."
        )
    return found


def read_beir(folder: Path, tally: Tally, settings: PrepareSettings) -> Labels:
    """Read a BEIR folder; rows that cannot be used, repeated ids and judgements of unknown ids are counted.

    Raises:
        InputError: no usable judgement is left, or too many rows of a file cannot be used.
    """
    corpus = [
        Document(id_, str(row.get("text") or ""), str(row.get("title") or ""), _metadata(row))
        for id_, row in _rows(folder, "corpus.jsonl", tally, settings)
    ]
    queries = {
        id_: Query(id_, str(row.get("text") or ""), {**_extra(row), **_metadata(row)})
        for id_, row in _rows(folder, "queries.jsonl", tally, settings)
    }
    qrels: dict[Part, Qrels] = {
        part: read_judgements(path, tally, settings.max_bad_share) for part, path in judgement_files(folder).items()
    }
    return join_labels(folder, corpus, queries, qrels, tally)


def _rows(folder: Path, name: str, tally: Tally, settings: PrepareSettings) -> Iterator[tuple[str, Row]]:
    path = file_of(folder, name)
    assert path is not None, name  # noqa: S101 - is_beir holds it
    bad = BadRows(path.name, tally)
    rows = jsonl_rows(load_text(path, tally=tally), bad)
    yield from identified(rows, lambda row: row.get("_id", row.get("id")), set(), bad)
    bad.check(settings.max_bad_share)


def _metadata(row: Row) -> dict[str, Any]:
    value = row.get("metadata")
    return value if isinstance(value, dict) else {}


def _extra(row: Row) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in {"_id", "text", "metadata"}}
