"""Audit: look for leaks in a data set that was split already, by Semtune or by others; nothing is changed."""

from __future__ import annotations

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.prepare.build.from_classes import in_parts
from semtune.prepare.build.from_sentence_pairs import in_fields
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.read_source import read_source
from semtune.prepare.readers.source_kind import Source, find_kind
from semtune.prepare.records import ClassRows, Labels
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.leaks import LeakReport, find_leaks
from semtune.progress import QUIET
from semtune.types import SPLITS, Pair, Split

DEFAULT = PrepareSettings()


def audit(source: Source, settings: PrepareSettings = DEFAULT) -> LeakReport:
    """Look in train for what dev and test hold: documents, groups, exact texts, near duplicates, copies.

    Whether the result is good enough is decided as in `prepare`: `report.passes(settings.max_leak_share)`.

    Args:
        source: a data set, a BEIR folder, or tables by split ({"train": path, "test": path}).
        settings: roles of columns that their names do not tell; and whether `shared_documents` are allowed.

    Raises:
        InputError: there are no splits to compare.
    """
    kind = find_kind(source)
    found = read_source(source, kind, settings, Tally(), QUIET)
    dataset = found if isinstance(found, Dataset) else _as_it_is(found)
    here = [split for split in SPLITS if _has(dataset, split)]
    if "train" not in here or len(here) < 2:
        raise InputError(
            f"{source} has {'the splits ' + ', '.join(here) if here else 'no splits'}: an audit compares train with "
            "dev or test. Give a data set made by `semtune prepare`, a BEIR folder with qrels for train and test, or "
            "one file for each split: train=FILE test=FILE."
        )
    return find_leaks(dataset, settings.shared_documents)


def _as_it_is(found: object) -> Dataset:
    """Labels or scored pairs as a data set, with the splits they came with."""
    if isinstance(found, Labels):
        content = {document.id: document.content for document in found.corpus}
        made = Dataset(corpus=found.corpus, queries=found.queries)
        for split in SPLITS:
            rows = found.qrels.get(split, {})
            made.qrels[split] = rows
            made.pairs[split] = [
                Pair(found.queries[query].text, content[document])
                for query, row in rows.items()
                for document, grade in row.items()
                if grade > 0
            ]
        return made
    if isinstance(found, ClassRows):
        parts = in_parts(found)
        return Dataset(labelled_texts={split: rows for split in SPLITS if (rows := parts.get(split))})
    if isinstance(found, dict):
        return in_fields({split: found[split] for split in SPLITS if split in found})
    return Dataset()


def _has(dataset: Dataset, split: Split) -> bool:
    kinds = (dataset.pairs, dataset.scored, dataset.labelled_pairs, dataset.labelled_texts, dataset.qrels)
    return any(split in rows and rows[split] for rows in kinds)
