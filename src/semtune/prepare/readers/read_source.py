"""Reads a source of any kind into sections, labels, scored pairs, texts with classes or a finished data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from semtune.dataset import Dataset, load
from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.benchmarks.beir import read_beir
from semtune.prepare.readers.benchmarks.ms_marco import read_marco
from semtune.prepare.readers.benchmarks.mteb import read_hub
from semtune.prepare.readers.documents.folder import read_archive, read_file, read_folder
from semtune.prepare.readers.documents.python_docs import read_python_docs
from semtune.prepare.readers.source_kind import Kind, Source, existing
from semtune.prepare.readers.tables.labels_from_rows import labels_from_rows
from semtune.prepare.readers.tables.split_tables import find_splits
from semtune.prepare.readers.tables.table import read_table, scale_scores
from semtune.prepare.records import ClassRows, Labels, PairRow, Part, Rows, Section
from semtune.prepare.settings import PrepareSettings
from semtune.progress import Progress
from semtune.types import Document, LabelledPair, ScoredPair

Judged: TypeAlias = "dict[Part, list[ScoredPair]] | dict[Part, list[LabelledPair]]"

JUDGED_FOLDERS: Mapping[str, Callable[[Path, Tally, PrepareSettings], Labels]] = {
    "beir": read_beir, "hub": read_hub, "marco": read_marco,
}  # fmt: skip


def read_source(
    source: Source,
    kind: Kind,
    settings: PrepareSettings,
    tally: Tally,
    progress: Progress,
    work: Path | None = None,
) -> list[Section] | Labels | ClassRows | Judged | Dataset:
    """Read a source with the reader for its kind; `work` is a folder for finished work, see `prepare`.

    Raises:
        InputError: it cannot be read, or has nothing usable.
    """
    if kind == "python-docs":
        return read_python_docs(tally, progress)
    if isinstance(source, Mapping):
        return _read_tables(
            {s: [existing(source[s])] for s in ("train", "dev", "test") if s in source}, settings, tally
        )
    path = existing(source)
    if kind == "dataset":
        return load(path)
    if kind in JUDGED_FOLDERS:
        return JUDGED_FOLDERS[kind](path, tally, settings)
    if kind == "splits":
        return _read_tables(find_splits(path, tally), settings, tally)
    if kind == "table":
        return _read_tables({"all": [path]}, settings, tally)
    if kind in {"folder", "archive"}:
        return (read_folder if kind == "folder" else read_archive)(path, tally, progress, work)
    if sections := read_file(path, path.name, tally):
        return sections
    raise InputError(f"{path.absolute()} has no text ({', '.join(tally.dropped)}).")


def open_tables(parts: Mapping[Part, list[Path]], settings: PrepareSettings, tally: Tally) -> dict[Part, list[Rows]]:
    """The rows of every table.

    Raises:
        InputError: one cannot be read, or they are not of one kind.
    """
    tables: dict[Part, list[Rows]] = {
        part: [read_table(path, settings, tally) for path in paths] for part, paths in parts.items()
    }
    kinds = {paths.name: rows.kind for part in parts for paths, rows in zip(parts[part], tables[part], strict=True)}
    if len(set(kinds.values())) > 1:
        found = ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
        raise InputError(f"The files are of different kinds: {found}. All must be of the same kind.")
    return tables


def scored_pairs(
    tables: Mapping[Part, list[Rows]], where: str, settings: PrepareSettings, tally: Tally
) -> dict[Part, list[ScoredPair]]:
    """The scored pairs of all tables, with scores scaled to 0-1."""
    scored = [[row for table in tables[part] for row in table.scored] for part in tables]
    return dict(zip(tables, scale_scores(scored, where, tally, settings.max_bad_share), strict=True))


def further_documents(tables: Mapping[Part, list[Rows]]) -> list[Document]:
    """The documents of all tables that no row asks for."""
    return [document for part in tables.values() for table in part for document in table.documents]


def _read_tables(
    parts: Mapping[Part, list[Path]], settings: PrepareSettings, tally: Tally
) -> list[Section] | Labels | ClassRows | Judged:
    tables = open_tables(parts, settings, tally)
    where = ", ".join(path.name for paths in parts.values() for path in paths)
    kind = next(iter(tables.values()))[0].kind
    if kind == "pairs":
        pairs: dict[Part, list[PairRow]] = {
            part: [row for table in tables[part] for row in table.pairs] for part in parts
        }
        return labels_from_rows(pairs, tally, further_documents(tables))
    if kind == "scored":
        return scored_pairs(tables, where, settings, tally)
    if kind == "labelled":
        return {part: [row for table in tables[part] for row in table.labelled] for part in tables}
    if kind == "classes":
        return ClassRows({part: [row for table in tables[part] for row in table.classes] for part in tables})
    if len(tables) > 1:
        raise InputError(f"{where}: documents without labels must be in one file; Semtune splits them.")
    return [section for table in next(iter(tables.values())) for section in table.sections]
