"""The verdict is about what will be served: against a real local index that answers in the mode chosen on dev."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from semtune.dataset import Dataset
from semtune.encoders.toy import ToyEncoder
from semtune.evaluate.report import page
from semtune.evaluate.retrieval.search_mode import ModeChoice
from semtune.evaluate.retrieval.served import Ways, as_served
from semtune.evaluate.saved.markdown import summary_page
from semtune.evaluate.scores import score
from semtune.evaluate.served_way import DEFAULT_WAY, ServedWay
from semtune.evaluate.verdict.outcome import conclude
from semtune.index.fusion import Fusion, fuse
from semtune.index.local.words import Words
from semtune.index.manifest import IndexManifest
from semtune.index.open import create_collection
from semtune.index.settings import IndexSettings
from semtune.metrics import ndcg
from semtune.text import stable_hash
from semtune.types import Document, Query

WORDS = ["kettle", "lantern", "violin", "anvil", "barrel", "candle", "mirror", "ladder", "basket", "hammer"]
HALF = 45


class Scattered(ToyEncoder):
    """The toy with a little noise by text, so that no two documents are equally near."""

    def encode(self, texts, role="document", progress=None):
        found = super().encode(texts, role, progress)
        noise = [np.random.default_rng(stable_hash(text)).normal(0, 0.01, found.vectors.shape[1]) for text in texts]
        moved = found.vectors + np.array(noise)
        return replace(found, vectors=(moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32))


@pytest.fixture(scope="module")
def data():
    """Each query asks for the one passage with its two words, by other forms of them; half dev, half test."""
    rng = np.random.default_rng(7)
    corpus = [
        Document(f"d{at}", f"The {WORDS[at % 10]} and part{at} of it, {' '.join(rng.choice(WORDS, 3))}.")
        for at in range(2 * HALF)
    ]
    queries = {f"q{at}": Query(f"q{at}", f"{WORDS[at % 10]}s of part{at}") for at in range(2 * HALF)}
    parts = {"dev": range(HALF), "test": range(HALF, 2 * HALF)}
    return Dataset(
        corpus=corpus,
        queries=queries,
        qrels={part: {f"q{at}": {f"d{at}": 1} for at in places} for part, places in parts.items()},
    )


def measured(data, encoder):
    return score(encoder, data, "test"), score(encoder, data, "dev")


def served(data, way=DEFAULT_WAY, dimension=8, dev=True):
    (tuned, tuned_dev), (base, base_dev) = measured(data, Scattered(dimension)), measured(data, Scattered(4))
    with closing(Words(data.corpus)) as words:
        ways = Ways(data, way, 0.01, 0, words)
        held = {"tuned": tuned_dev, "base": base_dev} if dev else {}
        return as_served(ways, {"tuned": tuned, "base": base}, held, frozenset({"tuned", "base"})), (tuned, base)


def answered(folder, data, encoder, way):
    """nDCG@10 of a local index that is searched in a given way, query by query."""
    manifest = IndexManifest("local", "", "ip", encoder.contract.dimension, 0, "m", "m", "none", "toy", 1.0, 0)
    collection = create_collection(folder, folder, IndexSettings(), manifest)
    collection.upsert(data.corpus, encoder.encode([document.content for document in data.corpus]).vectors)
    values = []
    with closing(collection), collection.snapshot() as snapshot:
        for query, judged in data.qrels["test"].items():
            text = data.queries[query].text
            dense = snapshot.search(encoder.encode([text], "query").vectors, 100)[0]
            keyword = snapshot.keyword_search([text], 100)[0]
            found = {"dense": dense, "keyword": keyword, "hybrid": fuse(dense, keyword, way.fusion)}[way.mode]
            values.append(ndcg(judged, [match.id for match in found], 10))
    return values


def test_each_model_is_measured_as_the_index_answers(data, tmp_path):
    found, (tuned, base) = served(data)
    assert set(found.ways) == {"tuned", "base"}
    for name, dimension, scores in (("tuned", 8, found.tuned), ("base", 4, found.others["base"])):
        way = found.ways[name]
        assert way.mode in {"keyword", "hybrid"}
        folder = tmp_path / name
        folder.mkdir()
        np.testing.assert_allclose(scores.per_query["ndcg@10"], answered(folder, data, Scattered(dimension), way))
    assert found.beside == {"tuned-dense": tuned, "base-dense": base}
    assert found.tuned.metrics["ndcg@10"] > tuned.metrics["ndcg@10"]


@pytest.mark.parametrize("mode", ["hybrid", "keyword"])
def test_the_config_decides_without_dev(data, tmp_path, mode):
    found, _ = served(data, ServedWay(mode), dev=False)
    assert {way.mode for way in found.ways.values()} == {mode}
    expected = answered(tmp_path, data, Scattered(8), ModeChoice(mode, Fusion()))
    np.testing.assert_allclose(found.tuned.per_query["ndcg@10"], expected)
    assert "since the config says so (search.mode)" in found.ways["tuned"].sentence


def test_an_index_without_full_text_is_served_by_vectors(data):
    found, (tuned, base) = served(data, ServedWay("hybrid", has_words=False))
    assert found.tuned is tuned
    assert found.others["base"] is base
    assert found.beside == {}
    assert found.ways["tuned"].sentence == "Served: dense search, since the index has no full text."


def test_labels_of_test_change_no_choice(data):
    """Dev alone decides: with every label of test on a wrong document, the same ways are chosen."""
    wrong = {query: {f"d{at}": 1} for at, query in enumerate(data.qrels["test"])}
    one, _ = served(data)
    other, _ = served(replace(data, qrels={**data.qrels, "test": wrong}))
    assert one.ways == other.ways
    assert other.tuned.metrics["ndcg@10"] < one.tuned.metrics["ndcg@10"]


def test_test_is_searched_by_words_once(data, monkeypatch):
    asked = []
    search = Words.search
    monkeypatch.setattr(Words, "search", lambda self, text, depth: asked.append(text) or search(self, text, depth))
    served(data)
    assert sorted(asked) == sorted(query.text for query in data.queries.values())


def test_the_verdict_compares_what_is_served_and_has_vectors_beside_it(data):
    found, (tuned, base) = served(data, ServedWay("hybrid"))
    outcome = conclude(found.tuned, found.others, beside=found.beside, served=found.ways)
    alone = conclude(tuned, {"base": base})
    assert list(outcome.systems) == ["tuned", "base", "tuned-dense", "base-dense"]
    assert outcome.verdict.gain == pytest.approx(
        found.tuned.metrics["ndcg@10"] - found.others["base"].metrics["ndcg@10"]
    )
    assert list(outcome.comparisons) == ["base"]
    assert outcome.by_vectors.gain == pytest.approx(alone.verdict.gain)
    assert outcome.by_vectors.interval == alone.verdict.interval
    # two tests on one set of queries: Holm's correction covers both
    p = sorted([outcome.verdict.p_value, outcome.by_vectors.p_value])
    corrected = sorted([outcome.verdict.p_corrected, outcome.by_vectors.p_corrected])
    assert corrected[0] == pytest.approx(min(1.0, 2 * p[0]))
    values = outcome.metrics_json()
    assert values["served"]["tuned"]["mode"] == "hybrid"
    assert values["by_vectors"]["gain"] == pytest.approx(alone.verdict.gain)
    assert outcome.summary()["by_vectors"] == values["by_vectors"]
    assert values["systems"]["tuned-dense"]["ndcg@10"] == tuned.metrics["ndcg@10"]
    notes = [note.name for note in page._headline(outcome, outcome.served_sentence).details]
    assert notes[-2:] == ["Served", "By vectors alone"]
    assert "By vectors alone: " in summary_page(outcome)


def test_by_vectors_nothing_is_added(data):
    found, (tuned, base) = served(data, ServedWay("dense"))
    outcome = conclude(found.tuned, found.others, beside=found.beside, served=found.ways)
    assert list(outcome.systems) == ["tuned", "base"]
    assert outcome.verdict == conclude(tuned, {"base": base}).verdict
    assert outcome.by_vectors is None


def test_words_do_not_hide_that_a_model_is_broken(data):
    class Constant(Scattered):
        def encode(self, texts, role="document", progress=None):
            found = super().encode(texts, role, progress)
            return replace(found, vectors=np.tile(np.eye(1, 8, dtype=np.float32), (len(texts), 1)))

    tuned, dev = measured(data, Constant(8))
    base, base_dev = measured(data, Scattered(4))
    with closing(Words(data.corpus)) as words:
        ways = Ways(data, ServedWay("hybrid"), 0.01, 0, words)
        found = as_served(
            ways, {"tuned": tuned, "base": base}, {"tuned": dev, "base": base_dev}, frozenset({"tuned", "base"})
        )
    outcome = conclude(found.tuned, found.others, beside=found.beside, served=found.ways)
    assert outcome.verdict.verdict == "cannot-judge"
    assert "its vectors have collapsed" in outcome.verdict.sentence
