"""Keyword search of the local back-end against bm25s, on real passages."""

import numpy as np
import pytest

from semtune import dataset as datasets
from semtune.evaluate.retrieval.bm25 import score_bm25
from semtune.index.manifest import IndexManifest
from semtune.index.open import create_collection
from semtune.index.settings import IndexSettings
from semtune.index.terms import analyse, language_of, query_terms
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
    same_terms = float(retrieval(qrels, by_bm25s(data, qrels), ("ndcg@10",))["ndcg@10"].mean())
    assert served == pytest.approx(same_terms, abs=0.01)
    assert served == pytest.approx(score_bm25(data).metrics["ndcg@10"], abs=1e-9)


def by_bm25s(data, qrels):
    """The same terms, ranked by another library (Lù 2024, arXiv:2407.03618)."""
    bm25s = pytest.importorskip("bm25s")
    contents = [document.content for document in data.corpus]
    language = language_of(contents)
    retriever = bm25s.BM25(k1=1.2, b=0.75, method="lucene")
    retriever.index([analyse(content, language) for content in contents], show_progress=False)
    run = {}
    for query in qrels:
        known = [t for t in query_terms(data.queries[query].text, language) if t in retriever.vocab_dict]
        scores = retriever.get_scores(known)
        best = np.argsort(-scores, kind="stable")[:100]
        run[query] = {data.corpus[row].id: float(scores[row]) for row in best if scores[row] > 0}
    return run
