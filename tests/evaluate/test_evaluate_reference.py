"""Every kind equals sentence-transformers' evaluator or pytrec_eval on real data, with a small random model."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import pytrec_eval

from semtune import dataset as datasets
from semtune.encoders.torch import TorchEncoder
from semtune.evaluate.scores import score
from semtune.prepare.build.for_evaluation import load_for_evaluation
from semtune.testing.toy_model import write_toy_model
from semtune.types import Pair

pytestmark = pytest.mark.data
ATOL = 1e-6


@pytest.fixture(scope="module")
def encoder(toy_model):
    return TorchEncoder.load(toy_model)


@pytest.fixture(scope="module")
def covid(real_data):
    return load_for_evaluation(real_data / "covidqa_faq" / "eval_question_similarity_en.csv")


def test_pairs(encoder, covid):
    from sentence_transformers.sentence_transformer.evaluation import BinaryClassificationEvaluator

    found = score(encoder, covid)
    assert (found.kind, found.main, found.n) == ("pairs", "ap", 488)
    rows = covid.scored["test"]
    reference = BinaryClassificationEvaluator(
        [row.sentence1 for row in rows], [row.sentence2 for row in rows], [int(row.score) for row in rows],
        write_csv=False, similarity_fn_names=["cosine"],
    )(encoder._model)  # fmt: skip
    assert set(found.metrics) == {name.removeprefix("cosine_") for name in reference} - {"mcc"}
    for name, value in found.metrics.items():
        assert value == pytest.approx(reference[f"cosine_{name}"], abs=ATOL), name


def test_mining(encoder, covid):
    from sentence_transformers.sentence_transformer.evaluation import ParaphraseMiningEvaluator

    found = score(encoder, covid, task="mining")
    texts = list(dict.fromkeys(text for row in covid.scored["test"] for text in (row.sentence1, row.sentence2)))
    duplicates = [
        (row.sentence1, row.sentence2) for row in covid.scored["test"] if row.score and row.sentence1 != row.sentence2
    ]
    reference = ParaphraseMiningEvaluator(dict(zip(texts, texts, strict=True)), duplicates, write_csv=False)(
        encoder._model
    )
    for ours, theirs in {"ap": "average_precision", "f1": "f1", "precision": "precision", "recall": "recall"}.items():
        assert found.metrics[ours] == pytest.approx(reference[theirs], abs=ATOL), ours
    assert found.metrics["f1_threshold"] == pytest.approx(reference["threshold"], abs=ATOL)
    assert found.per_query["ap"].mean() == pytest.approx(found.metrics["ap"], abs=1e-4)  # but for ties


def test_triplets(encoder, real_data):
    from sentence_transformers.sentence_transformer.evaluation import TripletEvaluator

    with (real_data / "stsb" / "stsb-en-dev.csv").open(encoding="utf-8", newline="") as lines:
        near = [(one, two) for one, two, gold in csv.reader(lines) if float(gold) > 4][:300]
    anchors, positives = (list(side) for side in zip(*near, strict=True))
    negatives = anchors[1:] + anchors[:1]
    data = datasets.Dataset(
        pairs={"test": [Pair(a, p, (n,)) for a, p, n in zip(anchors, positives, negatives, strict=True)]}
    )
    found = score(encoder, data)
    reference = TripletEvaluator(anchors, positives, negatives, write_csv=False, similarity_fn_names=["cosine"])(
        encoder._model
    )
    assert found.kind == "triplets"
    assert found.metrics["accuracy"] == pytest.approx(reference["cosine_accuracy"], abs=ATOL)
    assert 0.5 < found.metrics["accuracy"] < 1


@pytest.mark.slow
def test_translations(encoder, real_data):
    from sentence_transformers.sentence_transformer.evaluation import TranslationEvaluator

    data = load_for_evaluation(real_data / "tatoeba" / "tatoeba.nld-eng.nld")
    found = score(encoder, data)
    (pair,) = data.parallel["test"]
    reference = TranslationEvaluator(list(pair.texts), list(pair.candidates), write_csv=False)(encoder._model)
    assert (found.kind, found.n) == ("cross-language", 1000)
    assert found.matrix["nld"]["eng"] == pytest.approx(reference["src2trg_accuracy"], abs=ATOL)
    assert found.matrix["eng"]["nld"] == pytest.approx(reference["trg2src_accuracy"], abs=ATOL)
    assert found.metrics["accuracy@1"] == pytest.approx(reference["mean_accuracy"], abs=ATOL)


@pytest.mark.slow
def test_questions_in_one_language_and_passages_in_another_equal_a_search(encoder, real_data, tmp_path):
    for language in ("de", "en"):
        (tmp_path / f"beir_{language}").symlink_to(real_data / "xquad" / f"beir_{language}")
    found = score(encoder, load_for_evaluation(tmp_path))
    assert (found.kind, found.n, list(found.matrix)) == ("cross-language", 1190, ["de", "en"])
    english, german = (load_for_evaluation(tmp_path / f"beir_{language}") for language in ("en", "de"))
    searched = score(encoder, replace(english, queries=german.queries), at=[1])
    assert found.matrix["de"]["en"] == pytest.approx(searched.metrics["hit@1"], abs=ATOL)
    across = [found.matrix[one][two] for one in found.matrix for two in found.matrix if one != two]
    assert found.metrics["accuracy@1"] == pytest.approx(np.mean(across), abs=ATOL)


@pytest.mark.slow
def test_graded_retrieval_at_any_k(real_data, tmp_path):
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    data = load_for_evaluation(real_data / "medquad_liveqa")
    assert data.qrels == datasets.load(real_data / "medquad_liveqa").qrels  # of 168 repeated judgements the last counts
    data.corpus = list(
        {document.content[:300]: document for document in data.corpus[::2]}.values()
    )  # ties are its own there
    texts = [*(document.content[:300] for document in data.corpus), *(query.text for query in data.queries.values())]
    encoder = TorchEncoder.load(write_toy_model(tmp_path, texts))
    found = score(encoder, data, at=[1, 3, 7, 150])
    assert {grade for row in data.qrels["test"].values() for grade in row.values()} == {0, 1, 2, 3}
    names = {
        **{f"{ours}@{k}": f"{theirs}_{k}" for k in (1, 3, 7, 150) for ours, theirs in
           {"ndcg": "ndcg_cut", "map": "map_cut", "recall": "recall", "precision": "P", "hit": "success"}.items()},
        "ndcg@10": "ndcg_cut_10", "map@100": "map_cut_100",
    }  # fmt: skip
    measures = {f"{name}.1,3,7,10,100,150" for name in ("ndcg_cut", "map_cut", "recall", "P", "success")}
    trec = pytrec_eval.RelevanceEvaluator(data.qrels["test"], measures).evaluate(found.run)
    for ours, theirs in names.items():
        np.testing.assert_allclose(found.per_query[ours], [trec[q][theirs] for q in found.query_ids], atol=ATOL)
    relevant = {q: {d for d, grade in data.qrels["test"][q].items() if grade > 0} for q in found.query_ids}
    reference = InformationRetrievalEvaluator(
        {q: data.queries[q].text for q in relevant}, {d.id: d.content for d in data.corpus}, relevant,
        mrr_at_k=[3, 7], ndcg_at_k=[10], accuracy_at_k=[1, 3, 7], precision_recall_at_k=[1, 3, 7], map_at_k=[100],
        write_csv=False, score_functions={"dot": lambda a, b: a @ b.T}, main_score_function="dot",
    )(encoder._model)  # fmt: skip
    # Its nDCG knows no grades, and its MAP divides by at most k: those two are other measures.
    for ours, theirs in {"mrr": "mrr", "hit": "accuracy", "precision": "precision", "recall": "recall"}.items():
        for k in (3, 7):
            assert found.metrics[f"{ours}@{k}"] == pytest.approx(reference[f"dot_{theirs}@{k}"], abs=ATOL)


@pytest.mark.slow
def test_clustering_and_classification(encoder, real_data):
    from sklearn.cluster import KMeans
    from sklearn.metrics import f1_score, homogeneity_completeness_v_measure

    from semtune.evaluate.kinds.classes import label_in_words

    data = load_for_evaluation(real_data / "banking77")
    data.labelled_texts = {"train": data.labelled_texts["train"], "test": data.labelled_texts["test"][::8]}
    texts, labels = zip(*[(row.text, row.label) for row in data.labelled_texts["test"]], strict=True)
    vectors = encoder.encode(list(texts), "query").vectors
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    clustered = score(encoder, data, task="clustering", seed=3)
    runs = [
        homogeneity_completeness_v_measure(labels, KMeans(77, random_state=3 + run, max_iter=50).fit_predict(vectors))
        for run in range(10)
    ]
    for name, value in zip(("homogeneity", "completeness", "v_measure"), np.mean(runs, axis=0), strict=True):
        assert clustered.metrics[name] == pytest.approx(value, abs=ATOL)
    assert clustered.per_query["v_measure"].mean() == pytest.approx(clustered.metrics["v_measure"], abs=ATOL)

    zero = score(encoder, data, task="zero-shot")
    names = sorted(set(labels))
    said = (vectors @ encoder.encode([label_in_words(name) for name in names], "query").vectors.T).argmax(axis=1)
    assert zero.metrics["macro_f1"] == pytest.approx(
        f1_score(labels, np.array(names)[said], average="macro", zero_division=0), abs=ATOL
    )
    assert zero.metrics["accuracy"] == pytest.approx(np.mean(np.array(names)[said] == labels), abs=ATOL)

    few = score(encoder, data, task="few-shot")
    assert (few.kind, few.n) == ("few-shot", 385)
    assert zero.metrics["accuracy"] < few.metrics["accuracy"] < 1
