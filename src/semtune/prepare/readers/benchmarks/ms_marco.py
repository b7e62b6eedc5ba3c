"""MS MARCO's folder (Bajaj et al. 2016): collection.tsv, queries*.tsv, qrels*.tsv; splits are taken from file names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.benchmarks.beir import file_of
from semtune.prepare.readers.benchmarks.judgements import join_labels, read_judgements, rest_to_train
from semtune.prepare.readers.tables.delimited import MAX_LINE, load_text
from semtune.prepare.readers.tables.json_values import TOO_LONG
from semtune.prepare.records import Labels, Part
from semtune.prepare.settings import PrepareSettings
from semtune.text import tidy
from semtune.types import Document, Qrels, Query

COLLECTION = "collection.tsv"
_WORDS = re.compile(r"[._-]+")
_PARTS: dict[str, Part] = {
    "train": "train", "dev": "dev", "val": "dev", "valid": "dev", "validation": "dev", "test": "test", "eval": "test",
}  # fmt: skip


def part_of(name: str) -> Part:
    """The split in a file's name: "dev" for qrels.dev.small.tsv; "all" if there is none."""
    parts: list[Part] = [_PARTS[word] for word in _WORDS.split(name.lower()) if word in _PARTS]
    return parts[0] if parts else "all"


def is_marco(folder: Path) -> bool:
    """Whether a folder has MS MARCO's files."""
    return bool(file_of(folder, COLLECTION) and files(folder, "queries") and files(folder, "qrels"))


def files(folder: Path, kind: str) -> list[Path]:
    """The files of queries or qrels in a folder."""
    return sorted(path for path in folder.glob(f"{kind}*.tsv*") if path.name.endswith((".tsv", ".tsv.gz")))


def read_marco(folder: Path, tally: Tally, settings: PrepareSettings) -> Labels:
    """Read an MS MARCO folder.

    Raises:
        InputError: no usable judgement is left, or too many rows of a file cannot be used.
    """
    collection = file_of(folder, COLLECTION) or folder / COLLECTION
    corpus = [Document(id_, text) for id_, text in _rows(collection, tally, settings)]
    queries = {id_: Query(id_, text) for path in files(folder, "queries") for id_, text in _rows(path, tally, settings)}
    qrels: dict[Part, Qrels] = {}
    for path in files(folder, "qrels"):
        part = qrels.setdefault(part_of(path.name), {})
        for query, row in read_judgements(path, tally, settings.max_bad_share).items():
            part.setdefault(query, {}).update(row)
    rest_to_train(qrels)
    return join_labels(folder, corpus, queries, qrels, tally, "qrels of {}")


def _rows(path: Path, tally: Tally, settings: PrepareSettings) -> Iterator[tuple[str, str]]:
    """(id, text) of each line."""
    bad = BadRows(path.name, tally)
    seen: set[str] = set()
    for number, line in enumerate(load_text(path, tally=tally).split("\n"), start=1):
        if not line.strip():
            continue
        bad.row()
        id_, tab, text = line.partition("\t")
        if len(line) > MAX_LINE:
            bad.refuse(number, TOO_LONG, line[:80])
        elif not tab or not id_.strip() or not text.strip():
            bad.refuse(number, "not an id, a tab and a text", line)
        elif id_ in seen:
            bad.refuse(number, "duplicate id", id_)
        else:
            seen.add(id_)
            yield id_, tidy(text.replace("\t", " ")).strip()
    bad.check(settings.max_bad_share)
