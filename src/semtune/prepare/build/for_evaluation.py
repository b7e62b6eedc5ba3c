"""Data sets for evaluation: a source is read as it is, and nothing is split or removed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from semtune.dataset import Dataset, load
from semtune.errors import InputError
from semtune.prepare.build.from_sentence_pairs import distinct_sentences, in_fields
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.benchmarks.parallel_sets import read_translations
from semtune.prepare.readers.read_source import further_documents, open_tables, read_source, scored_pairs
from semtune.prepare.readers.source_kind import existing, find_kind
from semtune.prepare.readers.tables.classes_to_pairs import pair_classes
from semtune.prepare.readers.tables.labels_from_rows import labels_from_rows
from semtune.prepare.readers.tables.split_tables import find_splits
from semtune.prepare.records import Labels, PairRow, Part, Rows
from semtune.prepare.report.json_report import sizes
from semtune.prepare.settings import PrepareSettings
from semtune.progress import QUIET
from semtune.types import SPLITS, LabelledText, Pair, Split

DEFAULT = PrepareSettings()
T = TypeVar("T")


def load_for_evaluation(path: Path, settings: PrepareSettings = DEFAULT) -> Dataset:
    """Read what a model is evaluated on: a BEIR folder, a data set folder, tables of labelled rows, parallel texts.

    Nothing is split: all rows of a single table are the test split, and tables by split keep their splits.

    Raises:
        InputError: the path does not exist, or has nothing to evaluate on.
    """
    tally = Tally()
    parallel = read_translations(Path(path).expanduser(), tally, settings)
    if parallel and Path(path).expanduser().is_dir():
        return _reported(Dataset(parallel={"test": parallel}), "parallel", tally)
    kind = find_kind(path)
    if kind == "dataset":
        return load(existing(path))
    if kind in {"table", "splits"}:
        parts: Mapping[Part, list[Path]] = {"all": [existing(path)]} if kind == "table" else find_splits(path, tally)
        dataset = _from_tables(parts, str(path), settings, Tally() if parallel else tally)
    elif kind in {"beir", "hub", "marco"}:
        found = read_source(path, kind, settings, tally, QUIET)
        assert isinstance(found, Labels)  # noqa: S101 - what these readers give
        dataset = _searched(found)
    else:
        raise InputError(
            f"{path} has nothing to evaluate a model on: no questions with labelled answers and no scored pairs. Give "
            f"a BEIR folder, a data set made by `semtune prepare {path} -o DATASET`, parallel texts, or a table of "
            "(sentence1, sentence2, score or label), (text, label), (anchor, positive, negative) or (query, document)."
        )
    dataset.parallel = {"test": parallel} if parallel else {}
    return _reported(dataset, kind, tally)


def _reported(dataset: Dataset, kind: str, tally: Tally) -> Dataset:
    dataset.report = {
        "kind": kind,
        "counts": {**tally.counts, **sizes(dataset)},
        "dropped": tally.dropped,
        "warnings": tally.warnings,
    }
    return dataset


def _from_tables(parts: Mapping[Part, list[Path]], where: str, settings: PrepareSettings, tally: Tally) -> Dataset:
    tables = open_tables(parts, settings, tally)
    kind = next(iter(tables.values()))[0].kind
    if kind == "scored":
        dataset = Dataset(scored=_by_split(scored_pairs(tables, where, settings, tally)))
        dataset.corpus = distinct_sentences(row for split in SPLITS for row in dataset.sentence_pairs(split))
        return dataset
    if kind == "labelled":
        return in_fields(
            _by_split({part: [row for table in tables[part] for row in table.labelled] for part in tables})
        )
    if kind == "classes":
        return _classified(tables)
    if kind == "pairs":
        rows: dict[Part, list[PairRow]] = {
            part: [row for table in tables[part] for row in table.pairs] for part in tables
        }
        dataset = _searched(labels_from_rows(rows, tally, further_documents(tables)))
        pairs = _by_split({part: [pair for row in rows[part] for pair in _pairs(row)] for part in rows})
        dataset.pairs = {split: found for split, found in pairs.items() if any(pair.negatives for pair in found)}
        return dataset
    raise InputError(
        f"{where} has documents without questions: nothing to evaluate a model on. Needed: (query, document), "
        "(sentence1, sentence2, score or label), (anchor, positive, negative) or (text, label)."
    )


def _classified(tables: Mapping[Part, list[Rows]]) -> Dataset:
    """Texts with their classes; and, among those of the test part, the search for other texts of the same class."""
    rows = _by_split({part: [row for table in tables[part] for row in table.classes] for part in tables})
    # What that search leaves out is still used by the other tasks, so it is not counted.
    searched = _searched(labels_from_rows({"test": pair_classes(rows.get("test", []), Tally())}, Tally()))
    searched.qrels = {split: qrels for split, qrels in searched.qrels.items() if qrels}
    searched.labelled_texts = {
        split: [LabelledText(row.text, row.label) for row in part] for split, part in rows.items()
    }
    return searched


def _searched(labels: Labels) -> Dataset:
    return Dataset(corpus=labels.corpus, queries=labels.queries, qrels=_by_split(labels.qrels))


def _pairs(row: PairRow) -> list[Pair]:
    return [Pair(row.anchor, document.content, row.negatives) for document in row.positives]


def _by_split(parts: Mapping[Part, T]) -> dict[Split, T]:
    return {("test" if part == "all" else part): found for part, found in parts.items()}
