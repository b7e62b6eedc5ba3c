"""A quick look at a source: its kind and size, without reading all of it."""

from __future__ import annotations

import gzip
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from semtune.io import read_json
from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.benchmarks.beir import file_of, judgement_files
from semtune.prepare.readers.benchmarks.ms_marco import COLLECTION, files, part_of
from semtune.prepare.readers.benchmarks.mteb import judged_by_split, tables_of
from semtune.prepare.readers.documents.folder import list_files
from semtune.prepare.readers.documents.python_docs import modules
from semtune.prepare.readers.files.archive import is_archive, read_names
from semtune.prepare.readers.files.unpack import suffix_of
from semtune.prepare.readers.source_kind import Source, existing, find_kind
from semtune.prepare.readers.tables.columnar import count_rows
from semtune.prepare.readers.tables.delimited import csv_rows, find_layout, is_jsonl, load_text
from semtune.prepare.readers.tables.split_tables import find_splits
from semtune.prepare.readers.tables.table import sample_table
from semtune.prepare.readers.tables.table_reader import open_table
from semtune.prepare.settings import PrepareSettings

LARGE = 64 << 20  # bytes; lines of larger files are estimated
SMALL = 8 << 20  # bytes; the rows of smaller CSV and JSON lines files are parsed to be counted
HEAD = 1 << 20
SHAPES = {
    "pairs": "questions with the texts that answer them",
    "scored": "scored pairs of sentences",
    "documents": "documents without labels",
    "inference": "premises with hypotheses: those that follow become positives, those that contradict negatives",
    "duplicates": "pairs marked as matching or not: the matching ones become positives, the others negatives",
    "classes": "texts with a class, for a classifier on top of the embeddings",
}
BINARY_SCORES = (
    "The score {column!r} is {values}. To train on the matching pairs instead of the scores, set roles: "
    "{{anchor: {one}, positive: {two}}}."
)


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What was found in a source.

    Attributes:
        kind: a `Kind` of `semtune.prepare.readers.source_kind`.
        description: one sentence for people.
        counts: what was counted, estimated for large files.
        columns: of a table: role → column.
        warnings: what the user should know before `semtune prepare`.
    """

    kind: str
    description: str
    counts: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def sniff(source: Source, settings: PrepareSettings | None = None) -> Sniffed:
    """Look at a source.

    Raises:
        InputError: it is missing or cannot be read.
    """
    kind = find_kind(source)
    if kind == "python-docs":
        version = ".".join(map(str, sys.version_info[:3]))
        return Sniffed(
            kind, f"the documentation of Python {version}: docstrings and topics", {"modules": len(modules())}
        )
    if isinstance(source, Mapping):
        parts = {split: [existing(path)] for split, path in source.items()}
        return _tables(kind, parts, settings or PrepareSettings())
    path = existing(source)
    if kind == "table":
        return _tables(kind, {"rows": [path]}, settings or PrepareSettings())
    if kind == "splits":
        return _splits(path, settings or PrepareSettings())
    if kind == "folder":
        return _folder(path)
    if kind == "archive":
        return _texts(kind, "an archive", [suffix_of(Path(name)) for name in read_names(path)], [])
    if kind in (judged := {"beir": _beir, "hub": _hub, "marco": _marco}):
        return judged[kind](path)
    if kind == "dataset":
        report = read_json(path / "prepare.json")
        return Sniffed(
            kind,
            "a prepared data set",
            {k: v for k, v in report.get("counts", {}).items() if isinstance(v, int)},
            {},
            tuple(report.get("warnings", ())),
        )
    return Sniffed(
        kind,
        f"one {suffix_of(path)} file",
        {"bytes": path.stat().st_size},
        {},
        ("One document cannot be split: the result cannot be judged.",),
    )


def _tables(kind: str, parts: Mapping[str, list[Path]], settings: PrepareSettings) -> Sniffed:
    counts: dict[str, int] = {}
    kinds: dict[str, None] = {}
    columns: dict[str, str] = {}
    warnings: list[str] = []
    shape = ""
    for name, paths in parts.items():
        for path in paths:
            found = sample_table(path, settings)
            counts[name] = counts.get(name, 0) + _rows(path, found.header)
            kinds[found.roles.kind] = None
            numbered = {f"negative {n}": column for n, column in enumerate(found.roles.negatives, 1)}
            columns = {**found.roles.columns, **numbered}
            shape = shape or found.shape
            if path.stat().st_size > LARGE and suffix_of(path) not in {".parquet", ".arrow"}:
                warnings.append(f"{path.name} is large: its rows are estimated by its beginning.")
            if not found.header:
                warnings.append(f"{path.name} has no header; its columns were taken for {', '.join(found.columns)}.")
            if found.binary:
                one, two = (columns[role] for role in ("sentence1", "sentence2"))
                warnings.append(BINARY_SCORES.format(values=found.binary, column=columns["score"], one=one, two=two))
    number = sum(map(len, parts.values()))
    what = "a table" if number == 1 else f"{number} tables" if kind == "splits" else f"{number} tables by split"
    content = " / ".join(SHAPES[kind] for kind in kinds)
    return Sniffed(
        kind, f"{what} of {content}{f' ({shape})' if shape else ''}", counts, columns, tuple(dict.fromkeys(warnings))
    )


def _splits(path: Path, settings: PrepareSettings) -> Sniffed:
    tally = Tally()
    parts = find_splits(path, tally)
    found = _tables("splits", {("rows" if part == "all" else part): paths for part, paths in parts.items()}, settings)
    saved = any((path / name).is_file() for name in ("dataset_dict.json", "state.json"))
    description = f"a {'saved Hugging Face data set' if saved else 'folder'} with {found.description}"
    return Sniffed("splits", description, found.counts, found.columns, (*found.warnings, *_left_out(tally)))


def _left_out(tally: Tally) -> list[str]:
    return [f"{entry['count']} × {reason}, e.g. {entry['example']}" for reason, entry in tally.dropped.items()]


def _folder(path: Path) -> Sniffed:
    tally = Tally()
    files = list_files(path, tally)
    suffixes = ["archive" if is_archive(file) else suffix_of(file) for file in files]
    return _texts("folder", "a folder", suffixes, _left_out(tally))


def _texts(kind: str, what: str, suffixes: Sequence[str], warnings: list[str]) -> Sniffed:
    found = Counter(suffixes)
    counts = {"files": found.total(), **{f"{suffix} files": count for suffix, count in sorted(found.items())}}
    if found.total() < 3 and "archive" not in found:
        warnings.append("Fewer than 3 documents cannot be split: the result could not be judged.")
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in found.most_common())
    return Sniffed(kind, f"{what} of {found.total()} text files ({kinds})", counts, {}, tuple(warnings))


def _beir(path: Path) -> Sniffed:
    counts = {
        name: _lines(file)
        for name, file in (("documents", file_of(path, "corpus.jsonl")), ("queries", file_of(path, "queries.jsonl")))
        if file
    }
    splits = judgement_files(path)
    counts |= {f"{part} labels": max(_lines(file) - 1, 0) for part, file in splits.items()}
    return Sniffed("beir", f"a BEIR folder with labels for {', '.join(splits)}", counts, {}, _no_train(splits))


def _hub(path: Path) -> Sniffed:
    names = {"documents": tables_of(path, "corpus"), "queries": tables_of(path, "queries")}
    splits = judged_by_split(path)
    names |= {f"{part} labels": files for part, files in splits.items()}
    counts = {name: sum(_rows(file, header=False) for file in files) for name, files in names.items()}
    description = f"a retrieval task in mteb's tables with labels for {', '.join(splits)}"
    return Sniffed("hub", description, counts, {}, () if "all" in splits else _no_train(splits))


def _marco(path: Path) -> Sniffed:
    collection = file_of(path, COLLECTION) or path / COLLECTION
    counts = {"documents": _lines(collection), "queries": sum(map(_lines, files(path, "queries")))}
    parts: dict[str, int] = {}
    for file in files(path, "qrels"):
        part = part_of(file.name)
        parts[part] = parts.get(part, 0) + _lines(file)
    counts |= {f"{part} labels": count for part, count in parts.items()}
    description = f"a folder in MS MARCO's layout with labels for {', '.join(parts)}"
    return Sniffed("marco", description, counts, {}, () if "all" in parts else _no_train(parts))


def _no_train(parts: Collection[str]) -> tuple[str, ...]:
    return (
        () if "train" in parts else ("It has no training labels; `semtune prepare` would split those of the test set.",)
    )


def _rows(path: Path, header: bool) -> int:
    """Number of rows of a table; for large CSV files the number of lines, although cells may span several."""
    suffix = suffix_of(path)
    if suffix in {".parquet", ".arrow"}:
        return count_rows(path)
    bad = BadRows(path.name, Tally())
    if is_jsonl(path):
        if path.stat().st_size > SMALL:
            return _lines(path)
        for _ in open_table(path, {}, bad).rows:
            pass
        return bad.seen
    if suffix not in {".csv", ".tsv"}:
        return sum(1 for _ in open_table(path, {}, bad).rows)
    if path.stat().st_size > SMALL:
        return max(_lines(path) - header, 0)
    text = load_text(path)
    for _ in csv_rows(text, find_layout(text, path), bad):
        pass
    return bad.seen


def _lines(path: Path) -> int:
    """Number of lines; estimated from the beginning of a large file."""
    size = path.stat().st_size
    packed = path.suffix.lower() == ".gz"
    with gzip.open(path, "rb") if packed else path.open("rb") as source:
        if size > LARGE:
            head = source.read(HEAD)
            return round(size / max(len(head) / max(head.count(b"\n"), 1), 1))
        count, last = 0, b"\n"
        while block := source.read(HEAD):
            count, last = count + block.count(b"\n"), block[-1:]
    return count + (last != b"\n")
