"""BM25, the keyword search that semantic search has to beat: that of the index, so that the numbers agree."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.evaluate.retrieval.exact_search import DEPTH, judged_queries
from semtune.evaluate.scores import Scores, retrieval_scores
from semtune.index.local.words import Words
from semtune.metrics import depth_of, measures_at
from semtune.progress import QUIET, Progress
from semtune.types import Qrels, Run, Split

RUNTIME = "fts5"


def score_bm25(
    dataset: Dataset,
    split: Split = "test",
    progress: Progress = QUIET,
    at: Sequence[int] = (),
    words: Words | None = None,
) -> Scores:
    """Rank the corpus as the keyword search of a local index does.

    BM25 (k1 = 1.2, b = 0.75) over title and text, in SQLite's FTS5, over the terms of `semtune.index.terms`: stems,
    pairs of characters where no spaces are, and queries without the commonest words. Documents that share no term with
    the query are not retrieved.

    Args:
        dataset: with labels for `split`.
        split: "train", "dev" or "test".
        progress: shows the search.
        at: as in `score`.
        words: the corpus, if it was read before.

    Raises:
        InputError: the split has no qrels.
    """
    if not dataset.qrels.get(split):
        raise InputError(
            f"BM25 needs a corpus, queries and qrels; the {split} split has none. Leave it out for sentence pairs."
        )
    started = time.perf_counter()
    qrels = dataset.qrels[split]
    queries, counts = judged_queries(dataset, qrels)
    names = measures_at(at)
    run = keyword_run(dataset, qrels, max(DEPTH, depth_of(names)), progress, words)
    scores = retrieval_scores("BM25", qrels, queries, run, counts, runtime=RUNTIME, names=names)
    return replace(scores, seconds=time.perf_counter() - started)


def keyword_run(
    dataset: Dataset, qrels: Qrels, depth: int, progress: Progress = QUIET, words: Words | None = None
) -> Run:
    """Query → its `depth` best documents by words, with their BM25 scores; see `score_bm25`.

    Raises:
        InputError: the queries and the corpus do not belong together.
    """
    queries, _ = judged_queries(dataset, qrels)
    searched = words or Words(dataset.corpus)
    run: Run = {}
    try:
        with progress.track("search by words", len(queries)) as advance:
            for query in queries:
                run[query.id] = dict(searched.search(query.text, depth))
                advance(1)
    finally:
        if words is None:
            searched.close()
    return run
