"""Further results in the report: maps show principal components, tables are complete, all text is escaped."""

from dataclasses import replace

import numpy as np
import pytest

from semtune.dataset import Dataset
from semtune.encoders.speed import Latency
from semtune.encoders.toy import ToyEncoder
from semtune.evaluate.report.embedding_map import EmbeddingMap, chart, draw, plane, turned
from semtune.evaluate.report.figures import map_figures
from semtune.evaluate.report.further_results import NOTHING, EncoderCost, FurtherResults, charts
from semtune.evaluate.report.page import further_values
from semtune.evaluate.scores import score
from semtune.evaluate.serving.calibration import calibrate
from semtune.evaluate.serving.stages import INDEX, INT8, Stage, Stages, change
from semtune.report.render import environment, render
from semtune.types import Document, Query, ScoredPair

WORDS = [f"w{i}" for i in range(50)]
ATTACK = "<script>x</script>"


@pytest.fixture(scope="module")
def searched():
    rng = np.random.default_rng(0)
    corpus = [Document(f"d{i}", " ".join(rng.choice(WORDS, 8))) for i in range(400)]
    queries = {f"q{i}": Query(f"q{i}", " ".join(corpus[i].text.split()[:3])) for i in range(120)}
    qrels = {f"q{i}": {f"d{i}": 1, "d399": 0} for i in range(120)}
    return Dataset(corpus=corpus, queries=queries, qrels={"test": qrels})


def test_the_plane_is_that_of_principal_components():
    decomposition = pytest.importorskip("sklearn.decomposition")
    vectors = np.random.default_rng(0).normal(size=(60, 12)).astype(np.float32) * np.arange(1, 13)
    flat, explained = plane(vectors)
    pca = decomposition.PCA(2).fit(vectors)
    np.testing.assert_allclose(np.abs(flat), np.abs(pca.transform(vectors)), atol=1e-3)
    assert explained == pytest.approx(pca.explained_variance_ratio_.sum(), abs=1e-6)
    assert plane(np.ones((3, 1), dtype=np.float32))[0].shape == (3, 2)


def test_a_turned_map_is_the_same_map():
    rng = np.random.default_rng(0)
    reference = EmbeddingMap(rng.normal(size=(5, 2)), rng.normal(size=(9, 2)), (), 1, 0, 0)
    angle = 2.1
    turn = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])  # turned and mirrored
    moved = EmbeddingMap(reference.queries @ turn, reference.documents @ turn, (), 1, 0, 0)
    back = turned(moved, reference)
    np.testing.assert_allclose(back.queries, reference.queries, atol=1e-12)
    np.testing.assert_allclose(back.documents, reference.documents, atol=1e-12)


def test_the_sample_holds_queries_their_answers_and_others(searched):
    sample = draw(searched, "test")
    assert (len(sample.queries), len(sample.documents), len(sample.links)) == (80, 240, 80)
    assert len(set(sample.documents)) == 240
    texts = {query.text: searched.corpus[int(name[1:])].content for name, query in searched.queries.items()}
    assert all(sample.documents[d] == texts[sample.queries[q]] for q, d in sample.links)
    assert draw(searched, "test") == sample
    assert draw(Dataset(scored={"test": [ScoredPair("a", "b", 1)]}), "test") is None
    drawn = chart(ToyEncoder(), sample)
    vectors = [ToyEncoder().encode(texts).vectors for texts in (sample.queries, sample.documents)]
    near = [vectors[0][q] @ vectors[1][d] for q, d in sample.links]
    assert drawn.near == pytest.approx(np.mean(near), abs=1e-6)
    assert drawn.far == pytest.approx(((vectors[0] @ vectors[1].T).sum() - sum(near)) / (80 * 240 - 80), abs=1e-5)


def test_vectors_that_are_no_numbers_have_no_map(searched):
    class Broken(ToyEncoder):
        def encode(self, *arguments, **named):
            made = super().encode(*arguments, **named)
            return replace(made, vectors=np.full_like(made.vectors, np.nan))

    assert charts({"tuned": Broken(), "base": ToyEncoder()}, searched, "test").keys() == {"base"}
    assert charts({"tuned": Broken()}, searched, "test") == {}


PROOF = {
    "precision": "fp32", "metric": "nDCG@10", "items": 120, "reference": 0.5, "max_loss": 0.005, "why": "",
    "trials": [
        {
            "name": f"int8 {ATTACK}", "value": 0.496, "loss": 0.004, "low": -0.001, "high": 0.009, "speed": 1.65,
            "megabytes": 22.9, "kept": False,
        }
    ],
}  # fmt: skip


def test_every_part_is_shown_and_escaped(searched):
    found = score(ToyEncoder(), searched)
    rows = [
        Stage("torch", found, "", None, 12.0, Latency(1.5, 2.5), 90_900_000),
        Stage(INT8, found, "torch", change(found, found, 0), 24.0, Latency(1, 2), 22_800_000),
        Stage(INDEX, found, "torch", change(found, found, 0), float("nan"), Latency(1, 2), None, f"Flat {ATTACK}"),
    ]
    extras = FurtherResults(
        charts({"tuned": ToyEncoder(), "base": ToyEncoder(32)}, searched, "test"),
        {"tuned": EncoderCost(f"onnx {ATTACK}", 384, 50.0, Latency(1.5, 2.5), 1_500_000_000)},
        Stages(rows, {"onnx fp32": f"there is none {ATTACK}"}),
        calibrate(found, searched, "test"),
        PROOF,
    )
    called = {"tuned": f"my {ATTACK}", "base": "base"}
    figure = environment().get_template("macros.html").module.figure
    maps = "".join(figure(one) for one in map_figures(extras.maps, called))
    page = render("further_results.html", further_values(extras, called)) + maps
    assert ATTACK not in page
    assert page.count("&lt;script&gt;") >= 4
    for part in (
        "From training to what is served",
        "What a score means",
        "Speed and size",
        "-0.0040",
        "[-0.0090, +0.0010]",
        "1.65 ×",
        "22.9 MB",
        "refused",
        "No int8 graph is kept: on 120 items",
        "22.8 MB",
        "1.50 GB",
        "best-f1",
    ):
        assert part in page
    assert "int8 costs nothing in nDCG@10" in page
    assert page.count("<svg") == 2
    assert maps.index("<b>base</b>") < maps.index("<b>my &lt;script")
    assert render("further_results.html", further_values(NOTHING, called)).strip() == ""
    assert map_figures({}, called) == []
