"""The kind of a source: Python's documentation, a folder of texts or tables, a table, a benchmark, or a data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from semtune.errors import InputError, nearest
from semtune.io import files_under, sha256_file, sha256_json
from semtune.prepare.readers.benchmarks.beir import file_of, is_beir
from semtune.prepare.readers.benchmarks.ms_marco import is_marco
from semtune.prepare.readers.benchmarks.mteb import is_hub
from semtune.prepare.readers.documents.folder import readable_files
from semtune.prepare.readers.documents.outline import readable_suffixes
from semtune.prepare.readers.documents.python_docs import NAME, python_docs_hash
from semtune.prepare.readers.files.archive import ARCHIVES, is_archive
from semtune.prepare.readers.files.unpack import suffix_of
from semtune.prepare.readers.tables.parallel_text import partner
from semtune.prepare.readers.tables.split_tables import find_splits
from semtune.prepare.readers.tables.table_reader import SUFFIXES, is_table
from semtune.types import SPLITS

Source: TypeAlias = "str | Path | Mapping[str, str]"
Kind: TypeAlias = Literal[
    "python-docs", "folder", "archive", "file", "table", "tables", "splits", "beir", "hub", "marco", "dataset"
]


def find_kind(source: Source) -> Kind:
    """Find the kind of a source from file names.

    Raises:
        InputError: it does not exist, or cannot be read.
    """
    if isinstance(source, Mapping):
        _check_mapping(source)
        return "tables"
    if str(source) == NAME:
        return NAME
    path = existing(source)
    if path.is_dir():
        return _folder_kind(path)
    suffix = suffix_of(path)
    if is_archive(path):
        return "archive"
    if is_table(path):
        return "table"
    if suffix in readable_suffixes():
        return "file"
    if (other := partner(path)) is not None:
        raise InputError(f"{path.absolute()} is one half of a pair of files; the other half, {other.name}, is missing.")
    allowed = ", ".join([*SUFFIXES, *readable_suffixes(), *ARCHIVES])
    raise InputError(
        f"{path.absolute()}: cannot read files of type {suffix or '(none)'!r}. Allowed: {allowed} (tables and texts "
        "also as .gz), or a folder."
    )


def _folder_kind(path: Path) -> Kind:
    if (path / "prepare.json").is_file():
        return "dataset"
    if is_hub(path):
        return "hub"
    if is_beir(path):
        return "beir"
    if is_marco(path):
        return "marco"
    if file_of(path, "corpus.jsonl"):
        missing = [name for name in ("queries.jsonl", "qrels") if not (path / name).exists()]
        raise InputError(
            f"{path.absolute()} looks like a BEIR folder but has no {' and no '.join(missing)}. Add them, or give "
            f"{path / 'corpus.jsonl'} alone as documents without labels."
        )
    return "splits" if find_splits(path) else "folder"


def existing(source: str | Path) -> Path:
    """The path of a source.

    Raises:
        InputError: it does not exist.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise InputError(
            f"There is no {path.absolute()}.{nearest(str(source), [NAME])} Give a folder of texts, a .csv, .tsv or "
            f".jsonl file, a BEIR folder, or {NAME!r} for the documentation of this Python."
        )
    return path


def hash_source(source: Source) -> str:
    """SHA-256 over the content of a source: equal hash, equal input.

    For "python-docs": over the Python version and the sources read.
    """
    if isinstance(source, Mapping):
        _check_mapping(source)
        return sha256_json({split: _hash(existing(path)) for split, path in source.items()})
    if str(source) == NAME:
        return python_docs_hash()
    return _hash(existing(source))


def _hash(path: Path) -> str:
    """SHA-256 over the names and contents of a file (and its other half), or of all readable files of a folder."""
    if path.is_file():
        other = partner(path)
        return _hash_file(path) if other is None else sha256_json([_hash_file(path), _hash_file(other)])
    files = readable_files(path) if find_kind(path) == "folder" else files_under(path)
    return sha256_json({str(file.relative_to(path)): _hash_file(file) for file in files})


def _hash_file(path: Path) -> str:
    """SHA-256 of a file; one that cannot be read gives the error, which the reader will report."""
    try:
        return sha256_file(path)
    except OSError as error:
        return f"unreadable: {error.strerror}"


def _check_mapping(source: Mapping[str, str]) -> None:
    for split in source:
        if split not in SPLITS:
            raise InputError(f"{split!r} is not a split.{nearest(split, SPLITS)} Allowed: train, dev, test.")
    if "train" not in source:
        raise InputError(f"The source has files for {', '.join(source) or 'no split'}, but none for train.")
    for split, name in source.items():
        path = existing(name)
        if not path.is_file() or not is_table(path):
            raise InputError(
                f"{split}: {path.absolute()} is not a table. Files by split must be {', '.join(SUFFIXES)}; "
                "a folder of documents must be given alone; Semtune splits it."
            )
