"""Torch, exported, quantised, indexed: each measured on the same queries and compared with the stage before."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from semtune.dataset import Dataset
from semtune.encoders.onnx import open_onnx
from semtune.encoders.speed import Latency, latencies
from semtune.encoders.toy import ToyEncoder
from semtune.errors import ContractError, InputError, ModelError
from semtune.evaluate.scores import score
from semtune.evaluate.serving import measure_stages as measured
from semtune.evaluate.serving.index_stage import SegmentIndex, index_in_memory
from semtune.evaluate.serving.measure_stages import StageTestSet, measure_stages
from semtune.evaluate.serving.stages import FP32, INDEX, INT8, OPENVINO, TORCH, Stage, change, stage_sentence
from semtune.export.build import export_model
from semtune.index.build import build_index
from semtune.index.local import kinds
from semtune.index.settings import IndexSettings
from semtune.metrics import Comparison
from semtune.testing.toy_corpus import toy_documents
from semtune.types import Document, Query, ScoredPair


@pytest.fixture(scope="module")
def model(exported, tmp_path_factory):
    """A model folder with weights and both graphs."""
    variant = exported("mean")
    folder = tmp_path_factory.mktemp("stages") / "model"
    shutil.copytree(variant.source, folder)

    def write(model, normalize, max_length, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(variant.folder / "onnx" / "model.onnx", path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semtune.export.onnx_graph.write_onnx", write)
        export_model(folder, ["onnx"], precisions=["fp32", "int8"])
    return folder


@pytest.fixture(scope="module")
def data():
    corpus, queries, qrels = [], {}, {}
    for name, page in toy_documents(20).items():
        for number, section in enumerate(page.split("\n## ")[1:]):
            title, text = section.split("\n\n", 1)
            corpus.append(Document(f"{name}#{number}", text.strip()))
            queries[f"q{len(corpus)}"] = Query(f"q{len(corpus)}", title)
            qrels[f"q{len(corpus)}"] = {corpus[-1].id: 1}
    return Dataset(corpus=corpus, queries=queries, qrels={"test": qrels})


@pytest.fixture(scope="module")
def quick():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measured, "texts_a_second", lambda encoders, texts: [float(len(texts))] * len(encoders))
        yield


@pytest.fixture(scope="module")
def stages(model, data, quick):
    return measure_stages(str(model), StageTestSet(data))


def test_every_stage_that_exists_is_a_row_with_its_loss_against_the_one_before(stages, model, data):
    assert [(row.name, row.against) for row in stages.rows] == [
        (TORCH, ""), (FP32, TORCH), (OPENVINO, FP32), (INT8, FP32), (INDEX, FP32),
    ]  # fmt: skip
    assert stages.missing == {}
    by_name = {row.name: row for row in stages.rows}
    alone = score(open_onnx(model, "int8"), data)
    assert by_name[INT8].value == alone.metrics["ndcg@10"]
    each = alone.per_query["ndcg@10"] - score(open_onnx(model), data).per_query["ndcg@10"]
    assert by_name[INT8].change.gain == pytest.approx(each.mean())
    assert by_name[TORCH].change is None
    assert abs(by_name[FP32].change.gain) < 1e-3
    assert abs(by_name[OPENVINO].change.gain) < 0.05  # in bf16, where the processor has it
    assert by_name[INDEX].change.gain == pytest.approx(0, abs=1e-9)  # so few documents are searched exactly
    assert by_name[INDEX].detail == "Flat in local"
    assert by_name[INDEX].bytes > 80 * 32 * 4
    assert by_name[TORCH].bytes == (model / "model.safetensors").stat().st_size
    assert by_name[INT8].bytes == (model / "onnx" / "model_int8.onnx").stat().st_size
    assert all(0 < row.latency.p50 <= row.latency.p95 for row in stages.rows)
    assert len(stages.sentences) == 4
    assert stages.as_dict()["rows"][4]["texts_per_second"] is None


def test_an_index_that_finds_less_shows_its_loss(model, data, quick, monkeypatch):
    class Halved(SegmentIndex):
        def search(self, vectors, k):
            found = super().search(vectors, k)
            found.rows[::2] = -1  # half of the queries find nothing
            return found

    monkeypatch.setattr("semtune.evaluate.serving.index_stage.SegmentIndex", Halved)
    found = {row.name: row for row in measure_stages(str(model), StageTestSet(data)).rows}
    exact = found[FP32].scores.per_query["ndcg@10"].copy()
    lost = exact.copy()
    exact[1::2] = 0
    assert found[INDEX].change.gain == pytest.approx(-exact.mean())
    assert lost.mean() + found[INDEX].change.gain == pytest.approx(found[INDEX].value)
    assert not found[INDEX].keeps


def test_stages_that_are_not_there_are_named(exported, data, quick):
    found = measure_stages(str(exported("mean").folder), StageTestSet(data))
    assert [row.name for row in found.rows] == [FP32, OPENVINO, INDEX]
    assert "only an exported model" in found.missing[TORCH]
    assert "no ONNX graph in int8" in found.missing[INT8]
    with pytest.raises(ModelError, match="in int8"):
        measure_stages(str(exported("mean").folder), StageTestSet(data), served="onnx-int8")


def test_pairs_are_searched_in_no_index(model, quick):
    rng = np.random.default_rng(0)
    words = ["kettle", "lantern", "violin", "candle", "basket"]
    pairs = [
        ScoredPair(" ".join(rng.choice(words, 3)), " ".join(rng.choice(words, 3)), rng.random()) for _ in range(30)
    ]
    found = measure_stages(str(model), StageTestSet(Dataset(scored={"test": pairs})))
    assert [row.name for row in found.rows] == [TORCH, FP32, OPENVINO, INT8]
    assert found.missing == {INDEX: "a test of pairs does not use an index"}


def test_a_given_index_is_measured_if_it_holds_this_corpus_of_this_model(model, data, exported, tmp_path, quick):
    encoder = open_onnx(model, "int8")
    shuffled = data.corpus[::-1]
    build_index(shuffled, encoder, model, tmp_path / "index", IndexSettings())
    found = {row.name: row for row in measure_stages(str(model), StageTestSet(data), tmp_path / "index").rows}
    assert found[INDEX].against == INT8  # the index says whose vectors it holds
    assert found[INDEX].value == pytest.approx(found[INT8].value, abs=1e-3)
    files = [tmp_path / "index" / "index.sqlite", *(tmp_path / "index" / "segments").iterdir()]
    assert found[INDEX].bytes == sum(file.stat().st_size for file in files)
    build_index(
        [*shuffled[1:], replace(shuffled[0], text="other")], encoder, model, tmp_path / "index", IndexSettings()
    )
    with pytest.raises(InputError, match="has another text in the corpus"):
        measure_stages(str(model), StageTestSet(data), tmp_path / "index")
    build_index(shuffled[1:], encoder, model, tmp_path / "index", IndexSettings())
    with pytest.raises(InputError, match="79 documents, but the test's corpus has 80"):
        measure_stages(str(model), StageTestSet(data), tmp_path / "index")
    with pytest.raises(ContractError, match="built with the model"):
        measure_stages(str(exported("cls").folder), StageTestSet(data), tmp_path / "index")


def stage(name, gain, low, high, n=100, speed=10.0, size=100):
    per_query = {"ndcg@10": np.full(n, 0.5)}
    scores = replace(SCORES, metrics={"ndcg@10": 0.5}, per_query=per_query, query_ids=tuple(map(str, range(n))))
    return Stage(name, scores, FP32, Comparison(gain, low, high, 0.01), speed, Latency(1, 2), size)


CORPUS = [Document("a", "x y"), Document("b", "z")]
SCORES = score(ToyEncoder(), Dataset(corpus=CORPUS, queries={"q": Query("q", "x")}, qrels={"test": {"q": {"a": 1}}}))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (stage(INT8, -0.012, -0.02, -0.005), "int8 costs 0.012 nDCG@10 [0.005, 0.020]: use fp32."),
        (
            stage(INT8, -0.001, -0.003, 0.001, speed=20, size=25),
            "int8 costs 0.001 nDCG@10 [-0.001, 0.003]: it keeps the metric, at 2.0 times the speed and 25% of the size. "
            "Use it with --runtime onnx-int8.",
        ),
        (
            stage(INT8, -0.001, -0.03, 0.02),
            "int8 costs 0.001 nDCG@10 [-0.020, 0.030]: a loss above 0.005 cannot be ruled out; use fp32.",
        ),
        (stage(INT8, 0.0, 0.0, 0.0, n=7), "int8 costs nothing in nDCG@10 [0.000, 0.000]: 7 queries are too few to decide; use fp32."),
        (stage(INDEX, -0.002, -0.004, 0.0), "the index costs 0.002 nDCG@10 [0.000, 0.004]."),
    ],
)  # fmt: skip
def test_the_gate_in_words(row, says):
    assert stage_sentence(row, stage(FP32, 0, 0, 0)) == says


def test_a_metric_that_is_no_number_is_not_compared():
    broken = replace(SCORES, metrics={**SCORES.metrics, "ndcg@10": float("nan")})
    assert change(broken, SCORES, 0) is None


def test_latency_is_the_median_of_single_queries():
    asked = []
    found = latencies([asked.append, lambda q: None], [str(n) for n in range(200)])
    assert len(asked) == 51
    assert asked[:2] == ["0", "0"]
    assert found[0].p50 <= found[0].p95
    with pytest.raises(InputError, match="no queries"):
        latencies([asked.append], [])


def test_the_index_measured_is_of_the_kind_that_is_served(monkeypatch):
    """Above the size for exact search: a graph that ranks again with the vectors as given, as a local index has it."""
    monkeypatch.setattr(kinds, "EXACT_UP_TO", 300)
    rows = np.random.default_rng(5).normal(size=(640, 16)).astype(np.float32)
    vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    documents = [Document(f"d{at}", "") for at in range(600)]
    found = index_in_memory(vectors[:600], documents, "toy", vectors[600:])
    assert found.kind == f"{kinds.GRAPH} in local"
    answers = found.vectors.search(vectors[600:], 10)
    exact = vectors[600:] @ vectors[:600].T
    np.testing.assert_allclose(answers.scores, np.take_along_axis(exact, answers.rows, 1), atol=1e-5)
    assert (answers.scores >= -np.sort(-exact, axis=1)[:, 9:10] - 1e-5).mean() >= 0.95
    found.vectors.close()
