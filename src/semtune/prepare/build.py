"""From a source to a data set, and to one that a model is judged on as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from semtune.dataset import Dataset, load
from semtune.errors import InputError
from semtune.prepare.chunk import TokenCounter
from semtune.prepare.documents import build_documents, limit_pairs
from semtune.prepare.labelled import build_labelled, labels_from_rows
from semtune.prepare.leaks import check
from semtune.prepare.material import Labels, Part, Rows, Section
from semtune.prepare.readers.beir import read_beir
from semtune.prepare.readers.folder import read_file, read_folder
from semtune.prepare.readers.pydocs import read_python_docs
from semtune.prepare.readers.table import read_table, scale_scores
from semtune.prepare.report import sizes, write_report
from semtune.prepare.scored import build_scored, distinct_sentences
from semtune.prepare.scrub import scrub
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.sources import Kind, Source, existing, find_kind
from semtune.prepare.tally import Tally
from semtune.progress import QUIET, Progress
from semtune.types import Qrels, ScoredPair, Split

DEFAULT = PrepareSettings()


def prepare(
    source: Source,
    tokenizer: TokenCounter,
    max_length: int,
    settings: PrepareSettings = DEFAULT,
    seed: int = 0,
    progress: Progress = QUIET,
) -> Dataset:
    """Make a data set without leaks out of a source. The same input, settings and seed give the same bytes.

    Args:
        source: a folder of texts, a text file, a table, a BEIR folder, a data set, tables by split
            ({"train": path, "test": path}), or "python-docs".
        tokenizer: the backbone's, `semtune.encoders.tokenizer.Tokenizer`.
        max_length: the backbone's limit in tokens, special tokens included.
        settings: shares, limits, column names.
        seed: of the hashes that choose and split.
        progress: where to show it.

    Returns:
        The data set, its `report` filled.

    Raises:
        InputError: the source is missing, unreadable, or nothing can be learned from it.
        GateError: train would share something with dev or test.
    """
    tally = Tally()
    kind = find_kind(source)
    found = _read(source, kind, settings, tally, progress)
    if isinstance(found, Dataset):
        dataset = found
    elif isinstance(found, Labels):
        dataset = build_labelled(found, settings, seed, tally)
    elif isinstance(found, list):
        dataset = build_documents(found, tokenizer, max_length, settings, seed, tally, progress)
    else:
        dataset = build_scored(found, settings, seed, tally)
    if not isinstance(found, Dataset):  # one that is finished is not changed: it passes or is refused
        scrub(dataset, tally, keep_documents=settings.shared_documents == "keep")
    limit_pairs(dataset, settings.max_pairs, seed, tally)
    leaks = check(dataset, settings.shared_documents, settings.max_leak_share)
    dataset.report = write_report(dataset, kind, tokenizer, max_length, settings, seed, tally, leaks, progress)
    return dataset


def load_for_evaluation(path: Path, settings: PrepareSettings = DEFAULT) -> Dataset:
    """Read what a model is judged on: a BEIR folder, a data set folder, or a table of scored or labelled pairs.

    Nothing is split and nothing moved: all rows of a table are the test split.

    Raises:
        InputError: there is no such thing, or it has nothing to judge on.
    """
    tally = Tally()
    kind = find_kind(path)
    if kind == "dataset":
        return load(existing(path))
    if kind not in {"beir", "table"}:
        raise InputError(
            f"{path} has nothing to judge a model on: no questions with judged answers and no scored pairs. Give "
            f"a BEIR folder, a data set made by `semtune prepare {path} -o DATASET`, or a table of (sentence1, "
            "sentence2, score) or (query, document)."
        )
    found = _read(path, kind, settings, tally, QUIET)
    if isinstance(found, Labels):
        qrels: dict[Split, Qrels] = {("test" if part == "all" else part): rows for part, rows in found.qrels.items()}
        dataset = Dataset(corpus=found.corpus, queries=found.queries, qrels=qrels)
    elif isinstance(found, dict):
        dataset = Dataset(scored={"test": found["all"]})
        dataset.corpus = distinct_sentences(dataset)
    else:
        raise InputError(
            f"{path} holds documents without questions: nothing to judge a model on. Needed: (query, document) or "
            "(sentence1, sentence2, score)."
        )
    dataset.report = {
        "kind": kind,
        "counts": {**tally.counts, **sizes(dataset)},
        "dropped": tally.dropped,
        "warnings": tally.warnings,
    }
    return dataset


def _read(
    source: Source, kind: Kind, settings: PrepareSettings, tally: Tally, progress: Progress
) -> list[Section] | Labels | dict[Part, list[ScoredPair]] | Dataset:
    """Read a source with the reader of its kind."""
    if kind == "python-docs":
        return read_python_docs(tally, progress)
    if isinstance(source, Mapping):
        parts: dict[Part, Path] = {
            split: existing(source[split]) for split in ("train", "dev", "test") if split in source
        }
        return _read_tables(parts, settings, tally)
    path = existing(source)
    if kind == "dataset":
        return load(path)
    if kind == "beir":
        return read_beir(path, tally)
    if kind == "table":
        return _read_tables({"all": path}, settings, tally)
    if kind == "folder":
        return read_folder(path, tally, progress)
    if sections := read_file(path, path.name, tally):
        return sections
    raise InputError(f"{path.absolute()} has no text ({', '.join(tally.dropped)}).")


def _read_tables(
    parts: Mapping[Part, Path], settings: PrepareSettings, tally: Tally
) -> list[Section] | Labels | dict[Part, list[ScoredPair]]:
    tables: dict[Part, Rows] = {part: read_table(path, settings, tally) for part, path in parts.items()}
    kinds = {part: rows.kind for part, rows in tables.items()}
    if len(set(kinds.values())) > 1:
        found = ", ".join(f"{part}: {kind}" for part, kind in kinds.items())
        raise InputError(f"The files are of different kinds: {found}. All must be of one.")
    kind = next(iter(kinds.values()))
    if kind == "pairs":
        return labels_from_rows({part: rows.pairs for part, rows in tables.items()})
    if kind == "scored":
        where = ", ".join(path.name for path in parts.values())
        scaled = scale_scores([rows.scored for rows in tables.values()], where, tally, settings.max_bad_share)
        return dict(zip(tables, scaled, strict=True))
    if len(tables) > 1:
        where = ", ".join(map(str, parts.values()))
        raise InputError(f"{where}: documents without labels are given in one file, and split by Semtune.")
    return next(iter(tables.values())).sections
