"""Scores equal independent references: trec_eval, sentence-transformers' evaluators, published values."""

import csv
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval
from scipy import stats

from semtune import dataset as datasets
from semtune.dataset import Dataset
from semtune.encoders.toy import ToyEncoder
from semtune.errors import InputError
from semtune.evaluate.retrieval import exact_search as retrieval
from semtune.evaluate.retrieval.bm25 import score_bm25
from semtune.evaluate.retrieval.topk import TopK
from semtune.evaluate.scores import score
from semtune.types import Document, Encoded, Query, ScoredPair

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[3] / "shared" / "data"))
WORDS = [f"w{i}" for i in range(40)]


def made_up(seed=0, documents=150, queries=30):
    """A retrieval set of random words with graded qrels and many texts that occur twice (ties)."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, 6)) for _ in range(documents // 2)] * 2
    corpus = [Document(f"d{i}", text, title="w1" if i % 3 else "") for i, text in enumerate(texts)]
    asked = {f"q{i}": Query(f"q{i}", " ".join(rng.choice(WORDS, 4))) for i in range(queries)}
    qrels = {q: {f"d{i}": int(rng.integers(0, 3)) for i in rng.choice(documents, 8, replace=False)} for q in asked}
    return Dataset(corpus=corpus, queries=asked, qrels={"test": qrels})


class Broken(ToyEncoder):
    def encode(self, texts, role="document", progress=None):
        made = super().encode(texts, role, progress)
        made.vectors[0, 0] = np.nan
        return made


def test_topk_equals_a_full_sort_with_ties_to_the_earlier_row():
    rng = np.random.default_rng(0)
    queries = rng.integers(-2, 3, (300, 3)).astype(np.float32)  # whole numbers: very many ties, exact sums
    rows = rng.integers(-2, 3, (500, 3)).astype(np.float32)
    best = TopK(queries, 20)
    for start in range(0, 500, 70):
        best.add(rows[start : start + 70])
    full = queries @ rows.T
    np.testing.assert_array_equal(best.neighbours().rows, np.argsort(-full, axis=1, kind="stable")[:, :20])
    np.testing.assert_array_equal(best.neighbours().scores, -np.sort(-full, axis=1)[:, :20])


def test_retrieval_equals_pytrec_eval_on_the_full_matrix(monkeypatch):
    monkeypatch.setattr(retrieval, "CHUNK", 37)
    data, encoder = made_up(), ToyEncoder()
    found = score(encoder, data)
    documents = encoder.encode([d.content for d in data.corpus], "document").vectors
    asked = encoder.encode([q.text for q in data.queries.values()], "query").vectors
    ids = [d.id for d in data.corpus]
    run = {
        q: dict(zip(ids, map(float, row), strict=True))
        for q, row in zip(data.queries, asked @ documents.T, strict=True)
    }
    trec = pytrec_eval.RelevanceEvaluator(data.qrels["test"], {"ndcg_cut.10", "recall.100"}).evaluate(run)
    np.testing.assert_allclose(found.per_query["ndcg@10"], [trec[q]["ndcg_cut_10"] for q in found.query_ids], atol=1e-6)
    np.testing.assert_allclose(
        found.per_query["recall@100"], [trec[q]["recall_100"] for q in found.query_ids], atol=1e-6
    )
    assert found.metrics["ndcg@10"] == pytest.approx(
        np.mean([trec[q]["ndcg_cut_10"] for q in found.query_ids]), abs=1e-6
    )
    assert all(len(row) == 100 for row in found.run.values())


def test_queries_are_encoded_as_queries_and_documents_as_documents_with_their_titles():
    asked = []

    class Spy(ToyEncoder):
        def encode(self, texts, role="document", progress=None):
            asked.append((role, sorted(texts)))
            return super().encode(texts, role, progress)

    data = Dataset(
        corpus=[Document("a", "text", "Title"), Document("b", "other")],
        queries={"1": Query("1", "title"), "2": Query("2", "unjudged")},
        qrels={"test": {"1": {"a": 1}, "2": {"b": 0}}},
    )
    found = score(Spy(), data)
    assert asked == [("query", ["title"]), ("document", ["Title text", "other"])]
    assert found.query_ids == ("1",)
    assert found.counts == {
        "documents": 2, "queries": 1, "queries_without_relevant": 1, "relevant": 1, "relevant_not_in_corpus": 0,
    }  # fmt: skip


def test_truncated_texts_and_missing_documents_are_counted():
    data = made_up()
    data.qrels["test"]["q0"]["nowhere"] = 2
    found = score(ToyEncoder(max_length=6), data)
    assert found.truncated == {"queries": 0, "documents": sum(bool(d.title) for d in data.corpus)}
    assert found.counts["relevant_not_in_corpus"] == 1


def test_progress_is_one_bar_over_all_chunks(monkeypatch):
    from contextlib import contextmanager

    class Counting:
        def __init__(self):
            self.done, self.total = {}, {}

        @contextmanager
        def track(self, task, total=None):
            self.total[task] = total
            yield lambda n: self.done.update({task: self.done.get(task, 0) + n})

        def say(self, message):
            raise AssertionError(message)

    class Reporting(ToyEncoder):
        def encode(self, texts, role="document", progress=None):
            with progress.track("encode", len(texts)) as advance:
                advance(len(texts))
            return super().encode(texts, role, progress)

    monkeypatch.setattr(retrieval, "CHUNK", 40)
    progress = Counting()
    score(Reporting(), made_up(), progress=progress)
    assert progress.done == progress.total == {"encode queries": 30, "encode documents": 150}


@pytest.mark.parametrize(
    ("qrels", "says"),
    [
        ({"unknown": {"d1": 1}}, "'unknown'"),
        ({"q1": {"d1": 0}}, "every grade"),
        ({"q1": {"elsewhere": 1}}, "'elsewhere'"),
    ],
)
@pytest.mark.parametrize("how", [lambda data: score(ToyEncoder(), data), score_bm25], ids=["encoder", "bm25"])
def test_qrels_that_do_not_fit_are_refused_in_words(qrels, says, how):
    data = made_up()
    data.qrels["test"] = qrels
    with pytest.raises(InputError, match=says):
        how(data)


def test_a_split_without_labels_is_refused_and_names_those_that_have_them():
    with pytest.raises(InputError, match="It has labels in test"):
        score(ToyEncoder(), made_up(), "dev")


def test_similarity_equals_scipy_and_encodes_each_sentence_once():
    rng = np.random.default_rng(0)
    sentences = [" ".join(rng.choice(WORDS, 5)) for _ in range(20)]
    pairs = [
        ScoredPair(sentences[a], sentences[b], float(rng.integers(0, 6)) / 5) for a, b in rng.integers(0, 20, (60, 2))
    ]
    seen = []

    class Scaled(ToyEncoder):  # the cosine must not depend on the vectors' length
        def encode(self, texts, role="document", progress=None):
            seen.extend(texts)
            made = super().encode(texts, role, progress)
            return Encoded(made.vectors * rng.uniform(0.5, 2, (len(texts), 1)).astype(np.float32), 0, 0)

    found = score(Scaled(), Dataset(scored={"test": pairs}))
    unit = ToyEncoder().encode
    cosine = [float(unit([p.sentence1]).vectors[0] @ unit([p.sentence2]).vectors[0]) for p in pairs]
    gold = [p.score for p in pairs]
    np.testing.assert_allclose(found.similarities, cosine, atol=1e-6)
    assert found.metrics["spearman"] == pytest.approx(stats.spearmanr(found.similarities, gold).statistic, abs=1e-12)
    assert found.metrics["pearson"] == pytest.approx(stats.pearsonr(cosine, gold).statistic, abs=1e-6)
    assert sorted(seen) == sorted(set(seen))
    assert found.n == 60


def test_vectors_that_are_no_numbers_make_the_metrics_nan_and_are_counted():
    found = score(Broken(), made_up())
    assert found.not_finite == 2  # one query, one document
    assert np.isnan(found.metrics["ndcg@10"])
    pairs = [ScoredPair("a", "b", 0.1), ScoredPair("c", "d", 0.9)]
    assert np.isnan(score(Broken(), Dataset(scored={"test": pairs})).metrics["spearman"])


def test_bm25_equals_its_formula():
    texts = {"a": "cats chase mice", "b": "dogs chase cats cats", "c": "birds sing", "d": "fish swim", "e": "bees fly"}
    data = Dataset(
        corpus=[Document(i, t) for i, t in texts.items()],
        queries={"1": Query("1", "the cats"), "2": Query("2", "zebra")},
        qrels={"test": {"1": {"b": 1}, "2": {"a": 1}}},
    )
    found = score_bm25(data)
    idf = np.log((5 - 2 + 0.5) / (2 + 0.5))
    mean = 13 / 5

    def bm25(times, length):
        return idf * times * 2.2 / (times + 1.2 * (1 - 0.75 + 0.75 * length / mean))

    assert found.run["1"] == pytest.approx({"b": bm25(2, 4), "a": bm25(1, 3)}, abs=1e-9)
    assert list(found.run["1"]) == ["b", "a"]
    assert found.run["2"] == {}
    assert found.metrics["ndcg@10"] == 0.5


def test_bm25_does_not_apply_to_sentence_pairs():
    with pytest.raises(InputError, match="sentence pairs"):
        score_bm25(Dataset(scored={"test": [ScoredPair("a", "b", 1.0)]}))


# Real data and the real model.


def real(name):
    if not (DATA / name).exists():
        pytest.skip(f"no {name} in {DATA}")
    return DATA / name


@pytest.fixture(scope="module")
def minilm():
    from semtune.encoders.torch import TorchEncoder
    from semtune.errors import ModelError
    from semtune.hub import resolve_model

    try:
        return TorchEncoder.load(resolve_model("all-MiniLM-L6-v2"))
    except ModelError as error:
        pytest.skip(str(error))


@pytest.mark.data
def test_bm25_on_scifact():
    # 0.6838 measured here; BEIR reports 0.665 for BM25 on SciFact (Elasticsearch, another tokenizer and stemmer).
    assert score_bm25(datasets.load(real("scifact"))).metrics["ndcg@10"] == pytest.approx(0.6838, abs=0.001)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.model
def test_minilm_on_sts_benchmark(minilm):
    with (real("stsb") / "stsb-en-test.csv").open(encoding="utf-8", newline="") as rows:
        pairs = [ScoredPair(a, b, float(gold) / 5) for a, b, gold in csv.reader(rows)]
    found = score(minilm, Dataset(scored={"test": pairs}))
    assert found.n == 1379
    assert found.metrics["spearman"] == pytest.approx(0.8203, abs=0.0005)  # the model's known value


@pytest.mark.data
@pytest.mark.model
@pytest.mark.slow
def test_minilm_on_scifact(minilm):
    found = score(minilm, datasets.load(real("scifact")))
    assert found.metrics["ndcg@10"] == pytest.approx(0.6451, abs=0.0005)  # MTEB's value for the model


@pytest.mark.model
def test_retrieval_equals_sentence_transformers_evaluator(minilm):
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    rng = np.random.default_rng(0)
    nouns = ["river", "bank", "money", "cat", "dog", "house", "school", "paper", "engine", "bread", "music", "war"]
    verbs = ["sees", "holds", "breaks", "paints", "sells", "hears", "follows", "builds"]
    corpus = {f"d{i}": f"The {n} {v} a {m}." for i, (n, v, m) in enumerate(
        {(str(rng.choice(nouns)), str(rng.choice(verbs)), str(rng.choice(nouns))) for _ in range(60)})}  # fmt: skip
    queries = {f"q{i}": f"What does the {noun} do?" for i, noun in enumerate(nouns)}
    relevant = {
        f"q{i}": {d for d, text in corpus.items() if text.startswith(f"The {noun} ")} for i, noun in enumerate(nouns)
    }
    relevant = {q: found for q, found in relevant.items() if found}
    reference = InformationRetrievalEvaluator(
        {q: queries[q] for q in relevant}, corpus, relevant, mrr_at_k=[10], ndcg_at_k=[10], accuracy_at_k=[1],
        precision_recall_at_k=[1, 5, 10], map_at_k=[10], write_csv=False, main_score_function="dot",
        score_functions={"dot": lambda a, b: a @ b.T},
    )(minilm._model)  # fmt: skip
    data = Dataset(
        corpus=[Document(i, text) for i, text in corpus.items()],
        queries={q: Query(q, text) for q, text in queries.items()},
        qrels={"test": {q: dict.fromkeys(found, 1) for q, found in relevant.items()}},
    )
    ours = score(minilm, data).metrics
    for name in ("ndcg@10", "mrr@10", "recall@1", "recall@5", "recall@10"):
        assert ours[name] == pytest.approx(reference[f"dot_{name}"], abs=1e-6)


def test_scores_remember_what_was_measured():
    found = score(ToyEncoder(salt="x"), made_up())
    assert (found.model, found.runtime, found.fingerprint) == ("toy", "toy", "toy-64-32-x")
    assert (found.kind, found.main, found.n) == ("retrieval", "ndcg@10", len(found.query_ids))
    assert replace(found, seconds=0.0).seconds != found.seconds
