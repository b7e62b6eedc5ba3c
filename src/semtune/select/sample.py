"""The sample of the data set that all candidates are measured on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.metrics import even_sample
from semtune.train.data.rows import known_texts
from semtune.train.distil.training_texts import passages_of, spaced
from semtune.types import Qrels

T = TypeVar("T")
FIT_TEXTS = 2_000
SPEED_TEXTS = 64
HEAD_TEXTS = 2_000  # of train that a classifier of a candidate's embeddings is fitted on


def dev_part(dataset: Dataset, max_queries: int, max_passages: int, seed: int) -> Dataset:
    """A sample of the dev split: queries with their relevant passages and other passages, pairs, or texts with classes.

    The test split is not included. Queries and unlabelled passages are drawn with the seed.

    Args:
        dataset: with a labelled dev split.
        max_queries: maximum number of queries or pairs.
        max_passages: maximum number of passages; labelled ones are always included.
        seed: of the draw.

    Raises:
        InputError: there is no labelled dev split.
    """
    rng = np.random.default_rng(seed)
    if pairs := dataset.scored.get("dev"):
        return Dataset(scored={"dev": _drawn(pairs, max_queries, rng)})
    if labelled := dataset.labelled_pairs.get("dev"):
        return Dataset(labelled_pairs={"dev": _drawn(labelled, max_queries, rng)})
    if texts := known_texts(dataset, "dev"):
        train = dataset.labelled_texts["train"]
        shown = [train[at] for at in even_sample([row.label for row in train], HEAD_TEXTS, seed)]
        return Dataset(labelled_texts={"train": shown, "dev": _drawn(texts, max_queries, rng)})
    judged = {query: row for query, row in dataset.qrels.get("dev", {}).items() if any(g > 0 for g in row.values())}
    if not judged:
        raise InputError(
            "The data set has no dev split to choose by (qrels/dev.tsv, or scored pairs or texts with classes in "
            "dev.jsonl). The test split is not used for this, because it could no longer judge the chosen model "
            "fairly. Make a dev split with `semtune prepare SOURCE -o DATASET --set dev_share=0.1`."
        )
    qrels: Qrels = {query: judged[query] for query in _drawn(list(judged), max_queries, rng)}
    wanted = {document for row in qrels.values() for document in row}
    others = [document for document in dataset.corpus if document.id not in wanted]
    free = {document.id for document in _drawn(others, max(0, max_passages - len(wanted)), rng)}
    corpus = [document for document in dataset.corpus if document.id in wanted or document.id in free]
    queries = {query: dataset.queries[query] for query in qrels if query in dataset.queries}
    return Dataset(corpus=corpus, queries=queries, qrels={"dev": qrels})


def fit_texts(dataset: Dataset) -> list[str]:
    """Evenly spaced passages; for scored pairs, sentences of train and dev."""
    return spaced(passages_of(dataset), FIT_TEXTS)


def speed_texts(dataset: Dataset) -> list[str]:
    """Evenly spaced passages for measuring bulk speed."""
    return spaced(passages_of(dataset), SPEED_TEXTS)


def queries_of(part: Dataset) -> list[str]:
    """The queries of a dev sample; for pairs, the first sentences; for texts with classes, the texts."""
    if texts := part.labelled_texts.get("dev"):
        return [row.text for row in texts]
    pairs = [*part.scored.get("dev", []), *part.labelled_pairs.get("dev", [])]
    return [query.text for query in part.queries.values()] or [pair.sentence1 for pair in pairs]


def _drawn(items: Sequence[T], most: int, rng: np.random.Generator) -> list[T]:
    """At most `most` of the items, drawn at random, in their original order."""
    if len(items) <= most:
        return list(items)
    return [items[i] for i in sorted(rng.permutation(len(items))[:most].tolist())]
