"""The metric that chooses the checkpoint equals trec_eval's and scipy's on sentence-transformers' vectors."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import pytrec_eval
import torch
from scipy import stats
from sentence_transformers import SentenceTransformer
from train_parts import retrieval_set, similarity_set

from semtune import contract as contracts
from semtune.dataset import Dataset
from semtune.metrics import spearman
from semtune.train.monitor.dev_metric import DevEvaluator, DevResult
from semtune.train.monitor.dev_retrieval import RetrievalMeasure
from semtune.train.monitor.dev_similarity import SimilarityMeasure
from semtune.train.monitor.embedding_health import effective_rank, mean_cosine
from semtune.types import Document, Query


@pytest.fixture(scope="module")
def model(toy_model):
    return SentenceTransformer(str(toy_model), device="cpu")


@pytest.fixture(scope="module")
def contract(toy_model):
    return contracts.load(toy_model)


def trec_ndcg(model, data, corpus):
    """Mean nDCG@10 of the dev queries over all scores, by pytrec_eval."""
    documents = model.encode([d.content for d in corpus], batch_size=4)
    run = {
        query: dict(
            zip([d.id for d in corpus], (documents @ model.encode(data.queries[query].text)).tolist(), strict=True)
        )
        for query in data.qrels["dev"]
    }
    measured = pytrec_eval.RelevanceEvaluator(data.qrels["dev"], {"ndcg_cut.10"}).evaluate(run)
    return np.mean([measured[query]["ndcg_cut_10"] for query in data.qrels["dev"]])


def test_retrieval_equals_trec_eval(model, contract):
    data = retrieval_set()
    made = RetrievalMeasure(data, contract, bf16=False, max_passages=500, seed=0)(model)
    assert made.value == pytest.approx(trec_ndcg(model, data, data.corpus), abs=1e-6)
    assert made.each.mean() == pytest.approx(made.value)
    assert 0.3 < made.value < 0.9


def test_grades_titles_and_judged_but_irrelevant_documents_count(model, contract):
    data = retrieval_set()
    rng = np.random.default_rng(0)
    data.corpus = [Document(d.id, d.text, "The anvil" if i % 4 else "") for i, d in enumerate(data.corpus)]
    for row in data.qrels["dev"].values():
        row |= {data.corpus[i].id: int(rng.integers(0, 4)) for i in rng.choice(80, 6, replace=False)}
    made = RetrievalMeasure(data, contract, bf16=False, max_passages=500, seed=0)(model)
    assert made.value == pytest.approx(trec_ndcg(model, data, data.corpus), abs=1e-6)


def test_of_many_queries_some_are_measured_the_same_each_time(model, contract):
    data = retrieval_set()
    some = RetrievalMeasure(data, contract, bf16=False, max_passages=0, seed=3, max_queries=10)
    drawn = [query.id for query in some._queries]
    assert len(drawn) == 10
    assert drawn == [query for query in data.qrels["dev"] if query in drawn]
    again = RetrievalMeasure(data, contract, bf16=False, max_passages=0, seed=3, max_queries=10)
    assert [query.id for query in again._queries] == drawn
    few = replace(data, qrels={"dev": {query: data.qrels["dev"][query] for query in drawn}})
    judged = {name for row in few.qrels["dev"].values() for name in row}
    found = some(model)
    assert len(found.each) == 10
    assert found.value == pytest.approx(trec_ndcg(model, few, [d for d in data.corpus if d.id in judged]), abs=1e-6)


def test_a_sample_holds_all_judged_passages_and_some_others(model, contract):
    data = retrieval_set()
    judged = {name for row in data.qrels["dev"].values() for name in row}
    only_judged = [d for d in data.corpus if d.id in judged]
    assert len(only_judged) == 24
    for most in (0, 10, 24):
        made = RetrievalMeasure(data, contract, bf16=False, max_passages=most, seed=0)(model)
        assert made.value == pytest.approx(trec_ndcg(model, data, only_judged), abs=1e-6)
    values = {
        seed: RetrievalMeasure(data, contract, bf16=False, max_passages=40, seed=seed)(model).value
        for seed in (0, 0, 1)
    }
    everything = trec_ndcg(model, data, data.corpus)
    assert everything < values[0] < trec_ndcg(model, data, only_judged)  # more passages, more to be mistaken for
    assert values[0] != values[1]


def test_ties_are_broken_as_trec_eval_breaks_them(model, contract):
    corpus = [Document(f"d{i:02}", "the kettle" if i < 40 else f"a violin {i}") for i in range(60)]
    data = Dataset(corpus=corpus, queries={"q": Query("q", "kettle")}, qrels={"dev": {"q": {"d39": 1, "d00": 1}}})
    made = RetrievalMeasure(data, contract, bf16=False, max_passages=500, seed=0)(model)
    run = {"q": {d.id: float(d.text == "the kettle") for d in corpus}}
    want = pytrec_eval.RelevanceEvaluator(data.qrels["dev"], {"ndcg_cut.10"}).evaluate(run)["q"]["ndcg_cut_10"]
    assert made.value == pytest.approx(want)


def test_similarity_equals_scipy(model, contract):
    data = similarity_set()
    made = SimilarityMeasure(data, contract, bf16=False)(model)
    one = model.encode([p.sentence1 for p in data.scored["dev"]])
    two = model.encode([p.sentence2 for p in data.scored["dev"]])
    want = stats.spearmanr((one * two).sum(1), [p.score for p in data.scored["dev"]]).statistic
    assert made.value == pytest.approx(want, abs=1e-9)
    assert made.parts().mean() == pytest.approx(want)


def test_measuring_leaves_the_model_in_training(model, contract):
    model.train()
    first = RetrievalMeasure(retrieval_set(), contract, bf16=False, max_passages=30, seed=0)(model).value
    assert model.training
    model.eval()
    assert (
        RetrievalMeasure(retrieval_set(), contract, bf16=False, max_passages=30, seed=0)(model).value == first
    )  # no dropout
    assert not model.training


# --- what the doctor looks at ------------------------------------------------------------------------------


def test_the_error_of_a_gain_in_spearman_is_that_of_a_bootstrap():
    rng = np.random.default_rng(0)
    gold = rng.normal(size=300)
    before, after = (gold + rng.normal(size=300) * noise for noise in (2.0, 1.0))
    one, two = (DevResult("spearman", spearman(side, gold), side, gold, np.eye(2)) for side in (before, after))
    draws = [rng.integers(0, 300, 300) for _ in range(400)]
    gains = [spearman(after[rows], gold[rows]) - spearman(before[rows], gold[rows]) for rows in draws]
    assert two.error_of_gain(one) == pytest.approx(np.std(gains), rel=0.15)
    assert two.compare(one).gain == pytest.approx(two.value - one.value)


def test_the_error_of_a_gain_in_ndcg_is_that_of_the_paired_mean():
    one, two = (
        DevResult("ndcg@10", 0.0, np.array(each), None, np.eye(2)) for each in ([0.0, 0.5, 1.0], [0.5, 0.5, 1.0])
    )
    assert two.error_of_gain(one) == pytest.approx(stats.sem([0.5, 0.0, 0.0]))


def test_the_start_is_what_later_values_are_compared_with(model, contract):
    dev = DevEvaluator(RetrievalMeasure(retrieval_set(), contract, bf16=False, max_passages=500, seed=0))
    first = dev(model)
    assert (first["error"], first["moved"]) == (0.0, pytest.approx(0.0, abs=1e-6))
    other = copy.deepcopy(model)
    with torch.no_grad():
        other[0].auto_model.embeddings.word_embeddings.weight[:] = 0.0  # all words are one
    second = dev(other)
    assert first["alike"] < 0.7 < 0.99 < second["alike"] < 1.0
    assert first["spread"] > 2 * second["spread"]
    assert second["moved"] > 0.1
    assert second["error"] > 0.0
    resumed = DevEvaluator(RetrievalMeasure(retrieval_set(), contract, bf16=False, max_passages=500, seed=0))
    resumed.begin(model)
    assert resumed(other) == second


def test_alike_and_spread_of_worked_cases():
    assert mean_cosine(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])) == pytest.approx(1 / 3)
    assert mean_cosine(np.ones((5, 1))) == pytest.approx(1.0)
    corners = np.array([[1.0, 0, 0], [-1.0, 0, 0], [0, 1.0, 0], [0, -1.0, 0]])
    assert effective_rank(corners) == pytest.approx(2.0)  # two directions, equally used
    assert effective_rank(np.ones((4, 3))) == 1.0
    assert np.isnan(effective_rank(np.full((2, 2), np.nan)))
