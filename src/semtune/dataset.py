"""A data set: a folder of plain files named as in BEIR, read and written.

    corpus.jsonl     {_id, title, text, metadata}      what is searched when the model is evaluated
    documents.jsonl  the same shape                    what is indexed and served; if absent, the corpus
    queries.jsonl    {_id, text, metadata}
    qrels/{train,dev,test}.tsv                         query-id, corpus-id, score
    {train,dev,test}.jsonl                             (anchor, positive[, negative_1..n])
                                                       or (sentence1, sentence2, score 0-1)
                                                       or (sentence1, sentence2, label) or (text, label)
    review.jsonl                                       suspected false negatives, where negatives were mined
    prepare.json                                       the format, and what was read, dropped and split

`documents.jsonl` exists where the queries were taken from the passages themselves (a heading, a summary). The corpus
then holds the passages *without* that text, so that the model is not rewarded for finding a string in itself. The
served documents hold everything. Layout: Thakur et al. 2021 (BEIR).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from semtune import formats
from semtune.errors import InputError
from semtune.io import atomic_file, read_json, read_jsonl, write_json, write_jsonl
from semtune.types import (
    SPLITS,
    Document,
    LabelledPair,
    LabelledText,
    Pair,
    Parallel,
    Qrels,
    Query,
    ScoredPair,
    SentencePair,
    Split,
    Suspect,
)

NEGATIVE = "negative_"
REPORT = "prepare.json"
DOCUMENT_KEYS = frozenset({"_id", "id", "text", "title", "metadata"})


@dataclass(slots=True)
class Dataset:
    """A prepared data set in memory. Data sets for retrieval have qrels, those for similarity have scored pairs.

    `review` is written for people to edit, and `load` does not read it; see `semtune.prepare.mine.review`.
    `parallel` is neither written nor read here: parallel texts are evaluated as they are; see `load_for_evaluation`.
    """

    corpus: list[Document] = field(default_factory=list)
    queries: dict[str, Query] = field(default_factory=dict)
    qrels: dict[Split, Qrels] = field(default_factory=dict)
    pairs: dict[Split, list[Pair]] = field(default_factory=dict)
    scored: dict[Split, list[ScoredPair]] = field(default_factory=dict)
    labelled_pairs: dict[Split, list[LabelledPair]] = field(default_factory=dict)
    labelled_texts: dict[Split, list[LabelledText]] = field(default_factory=dict)
    parallel: dict[Split, list[Parallel]] = field(default_factory=dict)
    documents: list[Document] | None = None
    report: dict[str, Any] = field(default_factory=dict)
    review: list[Suspect] | None = None

    @property
    def to_index(self) -> list[Document]:
        """The documents that search answers with."""
        return self.documents if self.documents is not None else self.corpus

    def sentence_pairs(self, split: Split) -> list[SentencePair]:
        """The pairs of sentences that were judged, by a score or by a label."""
        return [*self.scored.get(split, []), *self.labelled_pairs.get(split, [])]


def save(dataset: Dataset, folder: Path) -> None:
    """Write `dataset` into `folder`, `prepare.json` last."""
    write_documents(folder / "corpus.jsonl", dataset.corpus)
    if dataset.documents is not None:
        write_documents(folder / "documents.jsonl", dataset.documents)
    if dataset.queries:
        write_jsonl(
            folder / "queries.jsonl",
            ({"_id": q.id, "text": q.text, "metadata": dict(q.metadata)} for q in dataset.queries.values()),
        )
    for split, qrels in dataset.qrels.items():
        write_qrels(folder / "qrels" / f"{split}.tsv", qrels)
    for split, pairs in dataset.pairs.items():
        write_jsonl(folder / f"{split}.jsonl", map(_pair_row, pairs))
    for split, scored in dataset.scored.items():
        write_jsonl(
            folder / f"{split}.jsonl",
            ({"sentence1": s.sentence1, "sentence2": s.sentence2, "score": s.score} for s in scored),
        )
    for labelled in (dataset.labelled_pairs, dataset.labelled_texts):
        for split, rows in labelled.items():
            write_jsonl(folder / f"{split}.jsonl", map(asdict, rows))
    if dataset.review is not None:
        write_jsonl(folder / "review.jsonl", (asdict(suspect) for suspect in dataset.review))
    write_json(folder / REPORT, formats.DATASET.stamp(dataset.report))


def load(folder: Path) -> Dataset:
    """Read a data set folder, one written by `save` or any BEIR folder.

    Raises:
        InputError: there is no such folder, or a file in it is broken. Whether qrels, queries and corpus fit together
            is checked where they are used.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder. A data set is a folder made by `semtune prepare`, or in BEIR's layout."
        )
    dataset = Dataset()
    if (folder / "corpus.jsonl").exists():
        dataset.corpus = read_documents(folder / "corpus.jsonl")
    if (folder / "documents.jsonl").exists():
        dataset.documents = read_documents(folder / "documents.jsonl")
    if (folder / "queries.jsonl").exists():
        dataset.queries = {query.id: query for query in read_queries(folder / "queries.jsonl")}
    for split in SPLITS:
        if (folder / "qrels" / f"{split}.tsv").exists():
            dataset.qrels[split] = read_qrels(folder / "qrels" / f"{split}.tsv")
        if (folder / f"{split}.jsonl").exists():
            _load_rows(dataset, split, folder / f"{split}.jsonl")
    if (folder / REPORT).exists():
        dataset.report = read_report(folder)
    if not (dataset.corpus or dataset.pairs or dataset.scored or dataset.labelled_pairs or dataset.labelled_texts):
        raise InputError(
            f"{folder} is not a data set: expected corpus.jsonl with queries.jsonl and qrels/, "
            "or train/dev/test.jsonl. "
            f"Make one with `semtune prepare {folder} -o DATASET`."
        )
    return dataset


def read_report(folder: Path) -> dict[str, Any]:
    """What was read, dropped and split, from a data set's `prepare.json`.

    Raises:
        InputError: the file is missing or broken, or its format cannot be read.
    """
    return formats.DATASET.read(read_json(folder / REPORT), folder / REPORT).values


def write_documents(path: Path, documents: Iterable[Document]) -> int:
    """Write documents as BEIR's corpus lines."""
    return write_jsonl(
        path, ({"_id": d.id, "title": d.title, "text": d.text, "metadata": dict(d.metadata)} for d in documents)
    )


def read_documents(path: Path) -> list[Document]:
    """Read a corpus file; ids are made strings and must be unique."""
    documents = [
        Document(_id(row, path, number), str(row.get("text") or ""), str(row.get("title") or ""), _metadata(row))
        for number, row in enumerate(read_jsonl(path), start=1)
    ]
    if len({document.id for document in documents}) != len(documents):
        seen: set[str] = set()
        twice = next(d.id for d in documents if d.id in seen or seen.add(d.id))
        raise InputError(f"{path}: the id {twice!r} occurs more than once. Ids must be unique.")
    return documents


def _metadata(row: dict[str, Any]) -> dict[str, Any]:
    """The metadata of a document: all keys without another meaning, and what stands under "metadata"."""
    given = row.get("metadata")
    further = {key: value for key, value in row.items() if key not in DOCUMENT_KEYS}
    return {**further, **given} if isinstance(given, dict) else {**further, **({"metadata": given} if given else {})}


def read_queries(path: Path) -> Iterator[Query]:
    """Read a queries file; keys beside `_id` and `text` become metadata."""
    for number, row in enumerate(read_jsonl(path), start=1):
        extra = {key: value for key, value in row.items() if key not in {"_id", "text", "metadata"}}
        yield Query(_id(row, path, number), str(row.get("text") or ""), {**extra, **(row.get("metadata") or {})})


def _id(row: dict[str, Any], path: Path, number: int) -> str:
    value = row.get("_id", row.get("id"))
    if value is None or value == "":
        raise InputError(f"{path}, row {number}: no '_id'. Found the keys {sorted(row)}.")
    return str(value)


def write_qrels(path: Path, qrels: Qrels) -> None:
    """Write relevance judgements as BEIR's TSV, with header."""
    with atomic_file(path) as out:
        writer = csv.writer(out, delimiter="\t", lineterminator="\n")
        writer.writerow(["query-id", "corpus-id", "score"])
        writer.writerows((q, d, grade) for q, row in qrels.items() for d, grade in row.items())


def read_qrels(path: Path) -> Qrels:
    """Read qrels: BEIR (3 columns, with or without header) or TREC (4 columns: query, 0, document, grade)."""
    qrels: Qrels = {}
    with path.open("rb") as source:
        for number, raw in enumerate(source, start=1):
            line = _text(raw, path, number)
            cells = line.rstrip("\r\n").split("\t") if "\t" in line else line.split()
            if not cells or (number == 1 and _number(cells[-1]) is None):
                continue
            grade = _number(cells[-1])
            if len(cells) not in {3, 4} or grade is None or not grade.is_integer():
                raise InputError(
                    f"{path}:{number}: expected query-id, corpus-id, score (a whole number); found {line.strip()!r}."
                )
            qrels.setdefault(cells[0], {})[cells[-2]] = int(grade)
    return qrels


def _text(raw: bytes, path: Path, number: int) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}:{number} is not text in UTF-8 ({error.reason}).") from None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _pair_row(pair: Pair) -> dict[str, str]:
    negatives = {f"{NEGATIVE}{i}": text for i, text in enumerate(pair.negatives, start=1)}
    return {"anchor": pair.anchor, "positive": pair.positive, **negatives}


def _load_rows(dataset: Dataset, split: Split, path: Path) -> None:
    for number, row in enumerate(read_jsonl(path), start=1):
        if {"anchor", "positive"} <= row.keys():
            negatives = tuple(str(row[key]) for key in row if key == "negative" or key.startswith(NEGATIVE))
            dataset.pairs.setdefault(split, []).append(Pair(str(row["anchor"]), str(row["positive"]), negatives))
        elif {"sentence1", "sentence2", "score"} <= row.keys():
            score = _number(row["score"])
            if score is None or not math.isfinite(score):
                raise InputError(f"{path}:{number}: score must be a number from 0 to 1, found {row['score']!r}.")
            pair = ScoredPair(str(row["sentence1"]), str(row["sentence2"]), score)
            dataset.scored.setdefault(split, []).append(pair)
        elif {"sentence1", "sentence2", "label"} <= row.keys():
            labelled = LabelledPair(str(row["sentence1"]), str(row["sentence2"]), str(row["label"]))
            dataset.labelled_pairs.setdefault(split, []).append(labelled)
        elif {"text", "label"} <= row.keys():
            dataset.labelled_texts.setdefault(split, []).append(LabelledText(str(row["text"]), str(row["label"])))
        else:
            raise InputError(
                f"{path}:{number}: expected (anchor, positive), (sentence1, sentence2, score), (sentence1, sentence2, "
                f"label) or (text, label); found {sorted(row)}."
            )
