"""Results of an evaluation made of numbers alone, to test what is concluded from them."""

import numpy as np

from semtune.evaluate.result import Scores
from semtune.metrics import spearman


def retrieval(values, model="tuned", **changes):
    """A result of nDCG@10 by query; `changes` go over its other parts."""
    values = np.asarray(values, dtype=float)
    ids = tuple(f"q{i}" for i in range(len(values)))
    parts = {
        "kind": "retrieval", "model": model, "fingerprint": "f", "runtime": "toy", "query_ids": ids,
        "metrics": {"ndcg@10": float(values.mean())}, "per_query": {"ndcg@10": values},
        "run": {q: {"a": 0.9, "b": 0.1} for q in ids}, "counts": {"documents": 5},
    }  # fmt: skip
    return Scores(**{**parts, **changes})


def similarity(cosine, gold, model="tuned"):
    """A result of Spearman's correlation by cosine and gold score; the first sentence of pair i has i + 1 words."""
    cosine, gold = np.asarray(cosine, dtype=float), np.asarray(gold, dtype=float)
    return Scores(
        kind="similarity", model=model, fingerprint="", runtime="toy", similarities=cosine, gold=gold,
        query_ids=tuple(map(str, range(len(gold)))),
        metrics={"spearman": spearman(cosine, gold)},
        items=tuple((f"a{' b' * i}", "c", f"people {score:.2f}") for i, score in enumerate(gold)),
    )  # fmt: skip
