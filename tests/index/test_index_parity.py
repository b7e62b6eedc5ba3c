"""Keyword search of the local back-end against bm25s, on real passages."""

import numpy as np
import pytest

from semtune import dataset as datasets
from semtune.evaluate.retrieval.bm25 import score_bm25, served_keyword_run
from semtune.index.manifest import IndexManifest
from semtune.index.open import create_collection
from semtune.index.settings import IndexSettings
from semtune.metrics import retrieval

MANIFEST = IndexManifest("local", "", "ip", 2, 0, "model", "model", "none", "toy", 1.0, 0)


@pytest.mark.data
@pytest.mark.slow
def test_words_find_as_much_as_with_bm25s(real_data, tmp_path):
    data = datasets.load(real_data / "scifact")
    qrels = data.qrels["test"]
    collection = create_collection(tmp_path, tmp_path, IndexSettings(), MANIFEST)
    collection.upsert(data.corpus, np.ones((len(data.corpus), 2), dtype=np.float32))
    asked = list(qrels)
    with collection.snapshot() as snapshot:
        found = snapshot.keyword_search([data.queries[query].text for query in asked], 100)
    collection.close()
    run = {query: {match.id: match.score for match in matches} for query, matches in zip(asked, found, strict=True)}
    served = float(retrieval(qrels, run, ("ndcg@10",))["ndcg@10"].mean())
    same_terms = float(retrieval(qrels, served_keyword_run(data, qrels, 100), ("ndcg@10",))["ndcg@10"].mean())
    assert served == pytest.approx(same_terms, abs=0.01)
    assert served > score_bm25(data).metrics["ndcg@10"] - 0.01
