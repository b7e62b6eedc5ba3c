"""BM25, the keyword search that semantic search has to beat."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.evaluate.retrieval.exact_search import DEPTH, judged_queries, tie_order
from semtune.evaluate.scores import Scores, retrieval_scores
from semtune.index.terms import analyse, language_of, query_terms
from semtune.metrics import depth_of, measures_at
from semtune.progress import QUIET, Progress
from semtune.registry import need
from semtune.types import Document, Qrels, Run, Split

K1, B = 1.2, 0.75  # Robertson's and Lucene's defaults; not tuned to any data set


def score_bm25(dataset: Dataset, split: Split = "test", progress: Progress = QUIET, at: Sequence[int] = ()) -> Scores:
    """Rank the corpus by BM25 (Lucene's variant, k1 = 1.2, b = 0.75) over title and text.

    Words are lower-cased runs of two or more letters or digits, without English stop words and stemming.
    Documents that share no word with the query are not retrieved. Library: bm25s (Lù 2024, arXiv:2407.03618).
    `at` is as in `score`.

    Raises:
        InputError: the split has no qrels.
        MissingExtraError: bm25s is not installed.
    """
    if not dataset.qrels.get(split):
        raise InputError(
            f"BM25 needs a corpus, queries and qrels; the {split} split has none. Leave it out for sentence pairs."
        )
    started = time.perf_counter()
    qrels = dataset.qrels[split]
    queries, counts = judged_queries(dataset, qrels)
    names = measures_at(at)
    depth = max(DEPTH, depth_of(names))
    run = _search(tie_order(dataset.corpus), {query.id: query.text for query in queries}, depth, progress)
    scores = retrieval_scores("BM25", qrels, queries, run, counts, runtime="bm25s", names=names)
    return replace(scores, seconds=time.perf_counter() - started)


def served_keyword_run(dataset: Dataset, qrels: Qrels, depth: int, progress: Progress = QUIET) -> Run:
    """Rank the corpus as the keyword search of an index does: BM25 over the terms of `semtune.index.terms`.

    Raises:
        InputError: the queries and the corpus do not belong together.
        MissingExtraError: bm25s is not installed.
    """
    need("bm25s")
    import bm25s

    queries, _ = judged_queries(dataset, qrels)
    documents = dataset.corpus
    contents = [document.content for document in documents]
    language = language_of(contents)
    retriever = bm25s.BM25(k1=K1, b=B, method="lucene")
    analysed = [analyse(content, language) for content in contents]
    if not any(analysed):
        return {query.id: {} for query in queries}
    retriever.index(analysed, show_progress=False)
    run: Run = {}
    with progress.track("search with the words of the index", len(queries)) as advance:
        for query in queries:
            known = [term for term in query_terms(query.text, language) if term in retriever.vocab_dict]
            run[query.id] = _best(retriever.get_scores(known), documents, depth) if known else {}
            advance(1)
    return run


class KeywordIndex:
    """Documents that can be searched by BM25; see `score_bm25`. Ties are in the order of the documents."""

    def __init__(self, documents: Sequence[Document]) -> None:
        """Split all documents into words and count them.

        Raises:
            MissingExtraError: bm25s is not installed.
        """
        need("bm25s")
        import bm25s

        self._documents = documents
        tokens = bm25s.tokenize([document.content for document in documents], stopwords="en", show_progress=False)
        self._retriever = bm25s.BM25(k1=K1, b=B, method="lucene")
        self._retriever.index(tokens, show_progress=False)

    def search(self, text: str, depth: int) -> dict[str, float]:
        """Document id → score of the `depth` best documents that share a word with the text, best first."""
        import bm25s

        words = bm25s.tokenize([text], stopwords="en", return_ids=False, show_progress=False)[0]
        known = [str(word) for word in words if word in self._retriever.vocab_dict]
        return _best(self._retriever.get_scores(known), self._documents, depth) if known else {}


def _search(documents: list[Document], queries: dict[str, str], depth: int, progress: Progress) -> Run:
    index = KeywordIndex(documents)
    run: Run = {}
    with progress.track("search with BM25", len(queries)) as advance:
        for query, text in queries.items():
            run[query] = index.search(text, depth)
            advance(1)
    return run


def _best(scores: np.ndarray, documents: Sequence[Document], depth: int) -> dict[str, float]:
    # the top-k of bm25s breaks ties at random; here the earlier row wins
    matched = np.flatnonzero(scores > 0)
    best = matched[np.argsort(-scores[matched], kind="stable")[:depth]]
    return {documents[row].id: float(scores[row]) for row in best}
