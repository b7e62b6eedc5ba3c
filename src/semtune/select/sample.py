"""What candidates are judged and measured with: a bounded part of the data set, the same for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.train.distil.training_texts import passages_of, spaced
from semtune.types import Qrels

T = TypeVar("T")
FIT_TEXTS = 2_000
SPEED_TEXTS = 64


def dev_part(dataset: Dataset, max_queries: int, max_passages: int, seed: int) -> Dataset:
    """The dev split with at most so many queries or pairs, and the passages that they are searched among.

    The test split is not in it. Queries and the passages that nobody judged are drawn by the seed.

    Raises:
        InputError: there is no dev split that can be judged.
    """
    rng = np.random.default_rng(seed)
    if pairs := dataset.scored.get("dev"):
        return Dataset(scored={"dev": _drawn(pairs, max_queries, rng)})
    if labelled := dataset.labelled_pairs.get("dev"):
        return Dataset(labelled_pairs={"dev": _drawn(labelled, max_queries, rng)})
    judged = {query: row for query, row in dataset.qrels.get("dev", {}).items() if any(g > 0 for g in row.values())}
    if not judged:
        raise InputError(
            "The data set has no dev split to choose by (qrels/dev.tsv, or scored pairs in dev.jsonl), and the test split "
            "is left alone: what chose the model could not judge it any more. Make one with `semtune prepare SOURCE -o "
            "DATASET --set dev_share=0.1`."
        )
    qrels: Qrels = {query: judged[query] for query in _drawn(list(judged), max_queries, rng)}
    wanted = {document for row in qrels.values() for document in row}
    others = [document for document in dataset.corpus if document.id not in wanted]
    free = {document.id for document in _drawn(others, max(0, max_passages - len(wanted)), rng)}
    corpus = [document for document in dataset.corpus if document.id in wanted or document.id in free]
    queries = {query: dataset.queries[query] for query in qrels if query in dataset.queries}
    return Dataset(corpus=corpus, queries=queries, qrels={"dev": qrels})


def fit_texts(dataset: Dataset) -> list[str]:
    """Passages, evenly spaced; of scored pairs, the sentences of train and dev."""
    return spaced(passages_of(dataset), FIT_TEXTS)


def speed_texts(dataset: Dataset) -> list[str]:
    """Passages to encode in bulk, evenly spaced."""
    return spaced(passages_of(dataset), SPEED_TEXTS)


def queries_of(part: Dataset) -> list[str]:
    """The questions of a dev part; of scored pairs, the first sentences."""
    pairs = [*part.scored.get("dev", []), *part.labelled_pairs.get("dev", [])]
    return [query.text for query in part.queries.values()] or [pair.sentence1 for pair in pairs]


def _drawn(items: Sequence[T], most: int, rng: np.random.Generator) -> list[T]:
    """So many of them at most, drawn at random, in their order."""
    if len(items) <= most:
        return list(items)
    return [items[i] for i in sorted(rng.permutation(len(items))[:most].tolist())]
