"""Training rows as columns of texts and labels, in the order that the trainer wants."""

from __future__ import annotations

from typing import Any

from semtune.dataset import Dataset
from semtune.train.data.rows import RowsSummary, corpus_sentences
from semtune.types import Split

Columns = dict[str, list[Any]]


def row_columns(dataset: Dataset, rows: RowsSummary, split: Split, most: int | None = None) -> Columns:
    """Texts by column, the label last.

    Args:
        dataset: that the rows are taken from.
        rows: summary of its training rows, whose shape is used.
        split: that the rows are taken from.
        most: maximum number of rows, of texts with classes evenly spaced; None: all.
    """
    if rows.shape == "scored pairs":
        scored = dataset.scored.get(split, [])[:most]
        return {name: [getattr(pair, name) for pair in scored] for name in ("sentence1", "sentence2", "score")}
    if rows.shape == "labelled pairs":
        return _labelled_pairs(dataset, rows, split, most)
    if rows.shape == "labelled texts":
        numbers = {label: n for n, label in enumerate(rows.classes)}
        known = [row for row in dataset.labelled_texts.get(split, []) if row.label in numbers]
        known = known[:: -(-len(known) // most)] if most and known else known  # files are often sorted by class
        return {"text": [row.text for row in known], "label": [numbers[row.label] for row in known]}
    if rows.shape == "plain sentences":
        return {"text": corpus_sentences(dataset)[:most] if split == "train" else []}
    return _pairs(dataset, rows, split, most)


def _labelled_pairs(dataset: Dataset, rows: RowsSummary, split: Split, most: int | None) -> Columns:
    numbers = {label: int(label) if rows.binary else n for n, label in enumerate(rows.classes)}
    known = [pair for pair in dataset.labelled_pairs.get(split, [])[:most] if pair.label in numbers]
    return {
        "sentence1": [pair.sentence1 for pair in known],
        "sentence2": [pair.sentence2 for pair in known],
        "label": [numbers[pair.label] for pair in known],
    }


def _pairs(dataset: Dataset, rows: RowsSummary, split: Split, most: int | None) -> Columns:
    """Pairs and their negatives; rows with too few negatives are left out."""
    pairs = [pair for pair in dataset.pairs.get(split, []) if len(pair.negatives) >= rows.negatives][:most]
    return {
        "anchor": [pair.anchor for pair in pairs],
        "positive": [pair.positive for pair in pairs],
        **{f"negative_{n + 1}": [pair.negatives[n] for pair in pairs] for n in range(rows.negatives)},
    }
