"""Evaluates two splits while encoding the corpus only once."""

from __future__ import annotations

from collections.abc import Sequence

from semtune.dataset import Dataset
from semtune.evaluate.recorder import ObservedEncoder
from semtune.evaluate.result import Scores
from semtune.evaluate.retrieval.exact_search import DEPTH, NearestDocuments, judged_queries, run_of, tie_order
from semtune.evaluate.retrieval.topk import TopK
from semtune.evaluate.scores import retrieval_scores, score
from semtune.evaluate.tasks import choose_task
from semtune.metrics import depth_of, measures_at
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.types import Embeddings, Role, Split


def score_two_splits(
    encoder: Encoder,
    dataset: Dataset,
    split: Split,
    beside: Split,
    progress: Progress = QUIET,
    task: str | None = None,
    at: Sequence[int] = (),
    seed: int = 0,
) -> dict[Split, Scores]:
    """The results of `score` on `split` and `beside`; for retrieval the corpus is encoded only once."""
    if beside == split or choose_task(dataset, split, task) != "retrieval":
        return {
            part: score(encoder, dataset, part, progress, task, at, seed) for part in dict.fromkeys((split, beside))
        }
    queries, counts = judged_queries(dataset, dataset.qrels[beside])
    encoded = encoder.encode([query.text for query in queries], "query")
    best = TopK(encoded.vectors, min(max(DEPTH, depth_of(measures_at(at))), len(dataset.corpus)))

    def search(role: Role, vectors: Embeddings) -> None:
        if role == "document":
            best.add(vectors)

    first = score(ObservedEncoder(encoder, search), dataset, split, progress, task, at, seed)
    found = NearestDocuments(tie_order(dataset.corpus), best.neighbours(), first.truncated.get("documents", 0), 0)
    second = retrieval_scores(
        first.model, dataset.qrels[beside], queries, run_of(queries, found), counts, fingerprint=first.fingerprint,
        runtime=first.runtime, truncated={"queries": encoded.truncated}, not_finite=first.not_finite,
        names=tuple(first.per_query),
    )  # fmt: skip
    return {split: first, beside: second}
