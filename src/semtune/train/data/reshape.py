"""Training rows converted into the form that a loss takes."""

from __future__ import annotations

from dataclasses import replace

from semtune.dataset import Dataset
from semtune.train.data.rows import DIFFERENT, SAME
from semtune.types import LabelledText, Pair, ScoredPair, Split


def reshape_for_loss(dataset: Dataset, loss: str) -> Dataset:
    """The data set with its training rows in the form that a loss takes, where they can be converted.

    - Pairs of classes (as `semtune prepare` makes of labelled texts) become labelled texts again for the losses that
      choose triplets themselves.
    - Rows of several negatives become triplets for `TripletLoss`, and keep only the first for the GIST losses.
    - The corpus gives plain sentences for `DenoisingAutoEncoderLoss`.
    - Pairs labelled 0 and 1 become scored pairs.
    """
    if dataset.pairs.get("train"):
        if loss.startswith("Batch"):
            return _as_labelled_texts(dataset)
        if loss == "TripletLoss":
            return _as_triplets(dataset)
        if loss in {"GISTEmbedLoss", "CachedGISTEmbedLoss"}:
            return _with_first_negative(dataset)
        if loss == "DenoisingAutoEncoderLoss" and dataset.corpus:
            return _as_plain_sentences(dataset)
    labels = {row.label for row in dataset.labelled_pairs.get("train", [])}
    if labels and labels <= {SAME, DIFFERENT} and loss != "SoftmaxLoss":
        return _as_scored_pairs(dataset)
    return dataset


def _as_labelled_texts(dataset: Dataset) -> Dataset:
    """Every text of a pair gets the label of the passage it belongs to."""
    labels = {document.content: str(document.metadata.get("label", "")) for document in dataset.corpus}
    found: dict[str, str] = {}
    for pair in dataset.pairs["train"]:
        if label := labels.get(pair.positive):
            found[pair.anchor] = found[pair.positive] = label
    rows = [LabelledText(text, label) for text, label in found.items()]
    if not rows:
        return dataset
    return replace(dataset, labelled_texts=dataset.labelled_texts | {"train": rows}, pairs={})


def _as_triplets(dataset: Dataset) -> Dataset:
    triplets = [Pair(row.anchor, row.positive, (text,)) for row in dataset.pairs["train"] for text in row.negatives]
    return replace(dataset, pairs=dataset.pairs | {"train": triplets}) if triplets else dataset


def _with_first_negative(dataset: Dataset) -> Dataset:
    first = [replace(row, negatives=row.negatives[:1]) for row in dataset.pairs["train"]]
    return replace(dataset, pairs=dataset.pairs | {"train": first})


def _as_plain_sentences(dataset: Dataset) -> Dataset:
    judged = {split: rows for split, rows in dataset.qrels.items() if split != "train"}
    return replace(dataset, pairs={}, scored={}, qrels=judged)


def _as_scored_pairs(dataset: Dataset) -> Dataset:
    scored: dict[Split, list[ScoredPair]] = {
        split: [ScoredPair(row.sentence1, row.sentence2, float(row.label)) for row in rows]
        for split, rows in dataset.labelled_pairs.items()
    }
    return replace(dataset, labelled_pairs={}, scored=dataset.scored | scored)
