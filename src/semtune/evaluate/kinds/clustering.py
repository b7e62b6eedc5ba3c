"""Clustering: do groups that k-means finds by itself agree with the classes?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from semtune.errors import InputError
from semtune.evaluate.kinds.texts import Texts, begin, item_ids
from semtune.evaluate.result import Scores, with_draws
from semtune.metrics import v_measure
from semtune.metrics.kmeans import kmeans
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.types import LabelledText

RUNS = 10  # k-means depends on its start: V-measure by some 0.006


def score_clustering(encoder: Encoder, rows: Sequence[LabelledText], seed: int, progress: Progress) -> Scores:
    """V-measure, homogeneity and completeness of k-means with as many clusters as classes, mean of `RUNS` starts.

    Raises:
        InputError: all texts are of one class, or every text is a class of its own.
    """
    classes = np.unique([row.label for row in rows], return_inverse=True)[1]
    k = int(classes.max()) + 1
    if not 1 < k < len(rows):
        raise InputError(
            f"{len(rows)} texts of {k} class{'es' if k > 1 else ''} cannot be clustered. Needed: at least two classes, "
            "and fewer classes than texts."
        )
    texts = Texts(encoder, (row.text for row in rows), "query", progress)
    vectors = texts.vectors([row.text for row in rows])
    runs = []
    with progress.track("cluster", RUNS) as advance:
        for run in range(RUNS):
            runs.append(kmeans(vectors, k, seed + run))
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


def _names(rows: Sequence[LabelledText], clusters: np.ndarray) -> list[str]:
    """For each text the commonest class of its cluster."""
    labels, classes = np.unique([row.label for row in rows], return_inverse=True)
    table = np.zeros((int(clusters.max()) + 1, len(labels)), dtype=np.int64)
    np.add.at(table, (clusters, classes), 1)
    return [str(labels[at]) for at in table.argmax(axis=1)[clusters]]
