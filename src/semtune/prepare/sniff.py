"""A cheap look at a source: what it is and about how much, without reading all of it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from semtune.io import read_json
from semtune.prepare.readers.cells import csv_rows, find_layout, is_jsonl, load_text
from semtune.prepare.readers.folder import list_files
from semtune.prepare.readers.pydocs import modules
from semtune.prepare.readers.table import sample_table
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.sources import Source, existing, find_kind
from semtune.prepare.tally import BadRows, Tally

LARGE = 64 << 20  # bytes; lines of larger files are estimated
SMALL = 8 << 20  # bytes; the rows of smaller CSV files are parsed to be counted
HEAD = 1 << 20
SHAPES = {
    "pairs": "questions with the texts that answer them",
    "scored": "scored pairs of sentences",
    "documents": "documents without labels",
}


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What a source seems to be.

    Attributes:
        kind: "python-docs", "folder", "file", "table", "tables", "beir" or "dataset".
        description: a sentence for people.
        counts: what was counted, estimated for large files.
        columns: of a table: role → column.
        warnings: what the user should know before preparing.
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
        return _tables({split: existing(path) for split, path in source.items()}, settings or PrepareSettings())
    path = existing(source)
    if kind == "table":
        return _tables({"rows": path}, settings or PrepareSettings())
    if kind == "folder":
        return _folder(path)
    if kind == "beir":
        return _beir(path)
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
        f"one {path.suffix.lower()} file",
        {"bytes": path.stat().st_size},
        {},
        ("One document cannot be split: the result cannot be judged.",),
    )


def _tables(parts: dict[str, Path], settings: PrepareSettings) -> Sniffed:
    counts, kinds, columns, warnings = {}, [], {}, []
    for name, path in parts.items():
        _, roles, header = sample_table(path, settings)
        counts[name] = _rows(path, header)
        kinds.append(roles.kind)
        columns = {**roles.columns, **{f"negative {n}": column for n, column in enumerate(roles.negatives, 1)}}
        if not header:
            warnings.append(f"{path.name} has no header; its columns were taken for sentence1, sentence2, score.")
    shape = " / ".join(SHAPES[kind] for kind in dict.fromkeys(kinds))
    files = "a table" if len(parts) == 1 else f"{len(parts)} tables by split"
    return Sniffed("table" if "rows" in parts else "tables", f"{files} of {shape}", counts, columns, tuple(warnings))


def _folder(path: Path) -> Sniffed:
    tally = Tally()
    suffixes = Counter(file.suffix.lower() for file in list_files(path, tally))
    counts = {"files": suffixes.total(), **{f"{suffix} files": count for suffix, count in sorted(suffixes.items())}}
    warnings = [f"{entry['count']} × {reason}, e.g. {entry['example']}" for reason, entry in tally.dropped.items()]
    if suffixes.total() < 3:
        warnings.append("Fewer than 3 documents cannot be split: the result could not be judged.")
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common())
    return Sniffed("folder", f"a folder of {suffixes.total()} text files ({kinds})", counts, {}, tuple(warnings))


def _beir(path: Path) -> Sniffed:
    counts = {"documents": _lines(path / "corpus.jsonl"), "queries": _lines(path / "queries.jsonl")}
    splits = sorted(file for file in (path / "qrels").glob("*.tsv"))
    counts |= {f"{file.stem} labels": max(_lines(file) - 1, 0) for file in splits}
    warnings = (
        []
        if any(file.stem == "train" for file in splits)
        else ["It has no training labels; `semtune prepare` would split those of the test set."]
    )
    names = ", ".join(file.stem for file in splits) or "no splits"
    return Sniffed("beir", f"a BEIR folder with labels for {names}", counts, {}, tuple(warnings))


def _rows(path: Path, header: bool) -> int:
    """Number of rows of a table; for large CSV files that of lines, which cells may break."""
    if is_jsonl(path):
        return _lines(path)
    if path.stat().st_size > SMALL:
        return max(_lines(path) - header, 0)
    text = load_text(path)
    bad = BadRows(path.name, Tally())
    for _ in csv_rows(text, find_layout(text, path.suffix), bad):
        pass
    return bad.seen


def _lines(path: Path) -> int:
    """Number of lines; estimated from the beginning of a large file."""
    size = path.stat().st_size
    with path.open("rb") as source:
        if size > LARGE:
            head = source.read(HEAD)
            return round(size / max(len(head) / max(head.count(b"\n"), 1), 1))
        count, last = 0, b"\n"
        while block := source.read(HEAD):
            count, last = count + block.count(b"\n"), block[-1:]
    return count + (last != b"\n")
