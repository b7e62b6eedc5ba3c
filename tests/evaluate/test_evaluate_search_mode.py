"""The way to search that a run remembers: the better one by the paired test, else vectors."""

from dataclasses import replace

import numpy as np
import pytest

from semtune.dataset import Dataset
from semtune.encoders.toy import ToyEncoder
from semtune.evaluate.report import page
from semtune.evaluate.retrieval.bm25 import keyword_run
from semtune.evaluate.retrieval.search_mode import FEWEST, METRIC, WEIGHTS, choose_mode
from semtune.evaluate.scores import score
from semtune.evaluate.verdict.outcome import conclude
from semtune.index import manifest as manifests
from semtune.index import step as indexing
from semtune.index.collection import Match
from semtune.index.fusion import Fusion, fuse
from semtune.index.manifest import IndexManifest
from semtune.index.open import create_collection
from semtune.index.settings import IndexSettings
from semtune.index.step import IndexInputs
from semtune.metrics import ndcg
from semtune.progress import QUIET
from semtune.types import Document, Query


def rankings(n, found_at, seed=0):
    """A run in which query q's only relevant document "r" is at the place found_at(q), counted from 1; 0: nowhere."""
    rng = np.random.default_rng(seed)
    run = {}
    for query in range(n):
        others = [f"{query}-{word}-{rng.integers(1e9)}" for word in range(20)]
        place = found_at(query)
        if place:
            others.insert(place - 1, f"r{query}")
        run[f"q{query}"] = {document: 1.0 - 0.01 * at for at, document in enumerate(others)}
    return run


def qrels(n):
    return {f"q{query}": {f"r{query}": 1} for query in range(n)}


def by_hand(run, judged):
    return float(np.mean([ndcg(judged[q], sorted(run[q], key=lambda d: run[q][d], reverse=True), 10) for q in judged]))


def test_both_are_chosen_where_each_finds_what_the_other_misses():
    n = 80
    dense, keyword = rankings(n, lambda q: 2 if q % 2 else 9, 1), rankings(n, lambda q: 9 if q % 2 else 2, 2)
    made = choose_mode(dense, keyword, qrels(n))
    assert made.mode == "hybrid"
    assert made.values["dense"] == pytest.approx(by_hand(dense, qrels(n)))
    assert made.values["keyword"] == pytest.approx(by_hand(keyword, qrels(n)))
    fused = {
        q: dict(fuse([Match(*i) for i in dense[q].items()], [Match(*i) for i in keyword[q].items()], Fusion()))
        for q in dense
    }
    assert made.values["hybrid"] == pytest.approx(by_hand(fused, qrels(n)))
    assert made.values["hybrid"] > made.values["dense"]
    assert made.p_values["hybrid"] < 0.01
    assert f"{made.values['dense']:.3f} by vectors alone" in made.sentence
    assert "hybrid search, since it is better than vectors alone" in made.sentence


def test_words_are_chosen_where_vectors_find_nothing():
    n = 60
    made = choose_mode(rankings(n, lambda q: 0, 1), rankings(n, lambda q: 1, 2), qrels(n))
    assert made.mode == "keyword"


def test_vectors_stay_where_nothing_is_better_by_more_than_chance():
    n = 60
    made = choose_mode(rankings(n, lambda q: 1 + q % 3, 1), rankings(n, lambda q: 1 + (q + 1) % 3, 1), qrels(n))
    worse = choose_mode(rankings(n, lambda q: 1, 1), rankings(n, lambda q: 0, 2), qrels(n))
    assert worse.mode == "dense"
    assert worse.fusion == Fusion()
    assert "no other way is better by more than chance" in worse.sentence
    assert set(worse.values) == set(made.values) == {"dense", "keyword", "hybrid", "hybrid, tuned"}


def test_few_queries_change_nothing():
    n = FEWEST - 1
    made = choose_mode(rankings(n, lambda q: 0), rankings(n, lambda q: 1), qrels(n))
    assert made.mode == "dense"
    assert "19 dev queries are too few" in made.sentence
    few = choose_mode(rankings(30, lambda q: 0), rankings(30, lambda q: 1), qrels(30))
    assert "hybrid, tuned" not in few.values
    assert few.weight is None


def test_queries_without_a_relevant_document_do_not_count():
    judged = qrels(60) | {f"q{n}": {"x": 0} for n in range(60, 90)}
    assert choose_mode(rankings(90, lambda q: 1), rankings(90, lambda q: 2), judged).queries == 60


def test_a_weight_is_judged_on_queries_that_it_was_not_found_on():
    """With scores by chance the tuned value must not be above the best weight's on all queries."""
    rng = np.random.default_rng(4)
    n = 200
    dense, keyword = (
        {f"q{q}": {f"{q}-{d}": float(s) for d, s in enumerate(rng.random(30))} for q in range(n)} for _ in range(2)
    )
    judged = {f"q{q}": {f"{q}-0": 1} for q in range(n)}
    made = choose_mode(dense, keyword, judged)
    best = max(
        by_hand(
            {
                q: dict(
                    fuse(
                        sorted((Match(*i) for i in dense[q].items()), key=lambda m: -m.score),
                        sorted((Match(*i) for i in keyword[q].items()), key=lambda m: -m.score),
                        Fusion(weight),
                    )
                )
                for q in dense
            },
            judged,
        )
        for weight in WEIGHTS
    )
    assert made.values["hybrid, tuned"] <= best + 1e-12
    assert made.mode == "dense"
    assert made.weight in WEIGHTS


def test_the_record_is_what_a_manifest_keeps():
    n = 80
    dense, keyword = rankings(n, lambda q: 2 if q % 2 else 9, 1), rankings(n, lambda q: 9 if q % 2 else 2, 2)
    made = choose_mode(dense, keyword, qrels(n)).as_dict()
    assert made["mode"] == "hybrid"
    assert Fusion.of(made["fusion"]) in {Fusion(), *map(Fusion, WEIGHTS)}
    assert made["metric"] == METRIC
    assert made["sentence"]


WORDS = ["kettle", "lantern", "violin", "anvil", "barrel", "candle", "mirror", "ladder", "basket", "hammer"]


def toy_dataset(n=60):
    """Each query asks for the one passage with its two words, by other forms of them."""
    rng = np.random.default_rng(7)
    corpus = [
        Document(f"d{at}", f"The {WORDS[at % 10]} and part{at} of it, {' '.join(rng.choice(WORDS, 3))}.")
        for at in range(n)
    ]
    queries = {f"q{at}": Query(f"q{at}", f"{WORDS[at % 10]}s of part{at}") for at in range(n)}
    return Dataset(corpus=corpus, queries=queries, qrels={"dev": {f"q{at}": {f"d{at}": 1} for at in range(n)}})


def test_the_words_are_those_of_the_index(tmp_path):
    """The same documents with the same scores in the same order as the full text of a local index."""
    data = toy_dataset()
    manifest = IndexManifest("local", "", "ip", 2, 0, "model", "model", "none", "toy", 1.0, 0)
    collection = create_collection(tmp_path, tmp_path, IndexSettings(), manifest)
    collection.upsert(data.corpus, np.ones((len(data.corpus), 2), dtype=np.float32))
    run = keyword_run(data, data.qrels["dev"], 100)
    with collection.snapshot() as snapshot:
        found = snapshot.keyword_search([query.text for query in data.queries.values()], 100)
    collection.close()
    for query, matches in zip(data.queries, found, strict=True):
        assert [tuple(match) for match in matches] == list(run[query].items())


def test_a_data_set_without_words_is_searched_by_vectors():
    data = toy_dataset(30)
    empty = replace(data, corpus=[Document(d.id, "—") for d in data.corpus])
    assert keyword_run(empty, data.qrels["dev"], 10) == {query: {} for query in data.queries}


@pytest.mark.parametrize("record", [{}, {"mode": "hybrid", "fusion": {"weight": 0.4}}])
def test_the_index_step_writes_it_into_the_manifest(tmp_path, record):
    inputs = IndexInputs(
        lambda: toy_dataset().corpus, ToyEncoder, tmp_path / "model", IndexSettings(), list, tmp_path / "index",
        lambda _folder: record,
    )  # fmt: skip
    (tmp_path / "index").mkdir()
    made = indexing.run(inputs, tmp_path / "index", QUIET)
    kept = manifests.read(tmp_path / "index")
    assert made.facts()["search_mode"] == kept.search_mode == record.get("mode", "dense")
    assert Fusion.of(kept.fusion) == Fusion(0.4 if record else None)


def test_the_report_says_what_will_be_served():
    scores = score(ToyEncoder(8), toy_dataset(), "dev")
    made = page._headline(conclude(scores), "Served: hybrid search, since it is better.")
    assert [(note.text, note.name) for note in made.details] == [("hybrid search, since it is better.", "Served")]
    assert list(page._headline(conclude(scores)).details) == []
