"""Clustering: do the clusters that k-means finds agree with the classes?"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from semtune.errors import InputError
from semtune.evaluate.kinds.texts import Texts, begin, item_ids
from semtune.evaluate.result import Scores, with_draws
from semtune.metrics import v_measure
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.registry import need
from semtune.types import Embeddings, LabelledText

RUNS = 10  # the V-measure of one run varies by about 0.006
ROUNDS = 50


def score_clustering(encoder: Encoder, rows: Sequence[LabelledText], seed: int, progress: Progress) -> Scores:
    """V-measure, homogeneity and completeness of k-means with as many clusters as classes: means over `RUNS` starts.

    Raises:
        InputError: all texts are in one class, or each text is in a different class.
        MissingExtraError: scikit-learn is not installed.
    """
    need("sklearn")
    classes = np.unique([row.label for row in rows], return_inverse=True)[1]
    k = int(classes.max()) + 1
    if not 1 < k < len(rows):
        raise InputError(
            f"{len(rows)} texts of {k} class{'es' if k > 1 else ''} cannot be clustered. Give at least two classes, "
            "and fewer classes than texts."
        )
    texts = Texts(encoder, (row.text for row in rows), "query", progress)
    vectors = texts.vectors([row.text for row in rows])
    runs = []
    with progress.track("cluster", RUNS) as advance:
        for run in range(RUNS):
            runs.append(k_means(vectors, k, seed + run))
            advance(1)
    found = [v_measure(classes, clusters) for clusters in runs]
    names = _names(rows, runs[0])
    return replace(
        begin("clustering", encoder, {"distinct_texts": texts}, {"texts": len(rows), "classes": k}),
        metrics={
            "v_measure": float(np.mean([each.v_measure for each in found])),
            "homogeneity": float(np.mean([each.homogeneity for each in found])),
            "completeness": float(np.mean([each.completeness for each in found])),
        },
        per_query=with_draws("v_measure", [each.parts for each in found]),
        query_ids=item_ids([row.text for row in rows], [row.label for row in rows]),
        items=tuple((row.text, f"class {row.label}") for row in rows),
        answers=tuple(f"in a cluster of mostly {name}" for name in names),
    )


def k_means(vectors: Embeddings, k: int, seed: int) -> NDArray[np.int32]:
    """(n,) cluster of each of the (n, dim) vectors, by scikit-learn with k-means++ (Arthur & Vassilvitskii 2007).

    With fewer distinct vectors than `k`, some clusters stay empty.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct vectors than clusters
        model = KMeans(k, n_init=1, max_iter=ROUNDS, random_state=seed % 2**32)  # type: ignore[arg-type]
        return model.fit_predict(vectors)


def _names(rows: Sequence[LabelledText], clusters: np.ndarray) -> list[str]:
    """The most common class of each text's cluster."""
    labels, classes = np.unique([row.label for row in rows], return_inverse=True)
    table = np.zeros((int(clusters.max()) + 1, len(labels)), dtype=np.int64)
    np.add.at(table, (clusters, classes), 1)
    return [str(labels[at]) for at in table.argmax(axis=1)[clusters]]
