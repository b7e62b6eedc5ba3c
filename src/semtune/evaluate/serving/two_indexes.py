"""The verdict on two versions of an index: labelled queries are asked of both, and compared by the paired test."""

from __future__ import annotations

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.evaluate.retrieval.exact_search import judged_queries
from semtune.evaluate.scores import Scores, retrieval_scores
from semtune.evaluate.settings import EvaluateSettings
from semtune.evaluate.verdict.rule import JudgedComparison, judge
from semtune.index.collection import Snapshot
from semtune.metrics import RETRIEVAL, depth_of
from semtune.protocols import Encoder
from semtune.types import Qrels, Query, Split

BLOCK = 1000  # queries asked at once


def judge_versions(
    dataset: Dataset,
    old: tuple[Snapshot, Encoder],
    new: tuple[Snapshot, Encoder],
    seed: int = 0,
    limits: EvaluateSettings = EvaluateSettings(),  # noqa: B008
) -> JudgedComparison:
    """Compare what two versions answer to the labelled queries of a data set, of its test split if it has one.

    Args:
        dataset: whose documents are in the index, with the same ids.
        old, new: each version with its encoder.
        seed: of the resampling.
        limits: the thresholds of the verdict.

    Raises:
        InputError: no query is labelled, or none of the labelled documents is in the index.
    """
    splits: tuple[Split, ...] = ("test", "dev", "train")
    labelled = [rows for split in splits if (rows := dataset.qrels.get(split))]
    if not labelled:
        raise InputError("The data set has no labelled queries (qrels), so the two versions cannot be judged with it.")
    qrels = labelled[0]
    queries, _ = judged_queries(dataset, qrels)
    _require_known(qrels, old[0])
    return judge(_scores(qrels, queries, *new), _scores(qrels, queries, *old), seed, limits)


def _require_known(qrels: Qrels, seen: Snapshot) -> None:
    relevant = list({document for row in qrels.values() for document, grade in row.items() if grade > 0})
    if not seen.hashes(relevant):
        raise InputError(
            f"None of the {len(relevant):,} documents that the data set labels is in the index (the first: "
            f"{relevant[0]!r}). The index and the data set must have been made from one source, with the same ids."
        )


def _scores(qrels: Qrels, queries: list[Query], seen: Snapshot, encoder: Encoder) -> Scores:
    depth = depth_of(RETRIEVAL)
    run: dict[str, dict[str, float]] = {}
    for start in range(0, len(queries), BLOCK):
        block = queries[start : start + BLOCK]
        vectors = encoder.encode([query.text for query in block], "query").vectors
        for query, matches in zip(block, seen.search(vectors, depth), strict=True):
            run[query.id] = {match.id: match.score for match in matches}
    return retrieval_scores(encoder.contract.name, qrels, queries, run, {}, runtime=encoder.runtime)
