"""Precision by proof: int8 graphs are tried in turn, and one is kept only where the user's own metric allows."""

import math
import shutil

import numpy as np
import pytest

import semtune
from model_variants import WORDS
from semtune import contract as contracts
from semtune.dataset import Dataset, save
from semtune.encoders import fastest
from semtune.encoders.load import load_encoder
from semtune.encoders.onnx import open_onnx
from semtune.errors import ConfigError, ContractError, InputError
from semtune.evaluate.scores import score
from semtune.export.precision import prove_precision
from semtune.export.quantize import layers_of
from semtune.export.settings import ExportSettings
from semtune.index.build import build_index
from semtune.index.settings import IndexSettings
from semtune.io import read_json, sha256_file
from semtune.metrics import Comparison
from semtune.precision_judge import DevJudge, dev_sample
from semtune.search.searcher import Searcher
from semtune.types import Document, Query

TEXTS = [" ".join(WORDS[n : n + 6]) for n in range(40)]


class Judge:
    """Rules by a list of intervals, one for each trial."""

    metric, reference = "nDCG@10", 0.5

    def __init__(self, *changes, items=100):
        self.changes, self.items, self.seen = list(changes), items, []

    def compare(self, encoder):
        self.seen.append(encoder)
        change = self.changes[len(self.seen) - 1]
        return 0.5, change and Comparison(*change, 0.5)


GOOD, BAD, WIDE = (-0.001, -0.004, 0.002), (-0.05, -0.07, -0.03), (0.001, -0.02, 0.03)


@pytest.fixture
def folder(exported, tmp_path):
    shutil.copytree(exported("mean").folder, tmp_path / "model")
    return tmp_path / "model"


def test_the_first_graph_that_keeps_the_metric_is_added(folder):
    judge = Judge(BAD, WIDE, GOOD)
    proof = prove_precision(folder, judge, TEXTS, 0.005)
    assert (proof.precision, [trial.kept for trial in proof.trials]) == ("int8", [False, False, True])
    assert [trial.name.startswith("int8") for trial in proof.trials] == [True] * 3
    assert (proof.trials[0].loss, proof.trials[0].low, proof.trials[0].high) == (0.05, 0.03, 0.07)
    assert "a loss above 0.005 cannot be ruled out" in proof.trials[1].why
    export = contracts.load(folder).exports["onnx-int8"]
    assert (export.proven, export.sha256) == (True, sha256_file(folder / export.file))
    assert read_json(folder / "precision.json")["trials"][2]["kept"] is True
    assert not list(folder.glob(".int8.*"))
    kept = load_encoder(str(folder), "onnx-int8").encode(TEXTS).vectors
    np.testing.assert_array_equal(kept, judge.seen[2].encode(TEXTS).vectors)  # the very graph that was judged


@pytest.mark.slow
def test_nothing_is_added_where_nothing_is_proven(folder):
    before = contracts.load(folder)
    proof = prove_precision(folder, Judge(BAD, None, WIDE, WIDE), TEXTS, 0.005)
    assert (proof.precision, len(proof.trials)) == ("fp32", 4)
    assert math.isnan(proof.trials[1].loss)
    assert proof.trials[1].why == "its nDCG@10 is not a number"
    assert contracts.load(folder) == before
    assert [path.name for path in (folder / "onnx").iterdir()] == ["model.onnx"]
    assert [trial.layers_in_float for trial in proof.trials] == [0, 0, 1, 1]  # of the toy's two layers
    assert proof.trials[2].mean_cosine >= proof.trials[0].mean_cosine
    assert proof.trials[2].megabytes > proof.trials[0].megabytes


def test_a_limit_of_its_own(folder):
    assert prove_precision(folder, Judge(BAD), TEXTS, 0.08).precision == "int8"


def test_too_few_labels_prove_nothing(folder):
    proof = prove_precision(folder, Judge(items=19), TEXTS, 0.005)
    assert (proof.precision, proof.trials) == ("fp32", ())
    assert "dev has 19 labelled items" in proof.sentences[-1]


def test_layers_are_the_products_with_weights_in_order(exported):
    layers = layers_of(exported("mean").folder / "onnx" / "model.onnx", 2)
    assert [len(layer) for layer in layers] == [6, 6]  # query, key, value, output, and the two of the feed-forward


def questions(split="dev"):
    corpus = [Document(f"d{n}", " ".join(WORDS[n : n + 8])) for n in range(60)]
    queries = {f"q{n}": Query(f"q{n}", " ".join(WORDS[n + 1 : n + 4])) for n in range(40)}
    return Dataset(corpus=corpus, queries=queries, qrels={split: {f"q{n}": {f"d{n}": 1} for n in range(40)}})


def test_the_judge_measures_dev_as_evaluate_does(folder):
    judge = DevJudge(dev_sample(questions()), folder)
    assert judge.items == 40
    assert judge.reference == score(open_onnx(folder), questions(), "dev").metrics["ndcg@10"]
    value, change = judge.compare(open_onnx(folder))
    assert (value, change.gain, change.low, change.high) == (judge.reference, 0, 0, 0)
    with pytest.raises(InputError, match="no dev split"):
        dev_sample(questions("test"))


def copy_to(graph, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(graph, path)


def test_export_with_data_keeps_int8_and_auto_serves_it_if_it_is_faster(exported, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    save(questions(), tmp_path / "data")
    settings = ExportSettings(precision=("auto",), max_loss=1.0)
    graph = exported("mean").folder / "onnx" / "model.onnx"
    monkeypatch.setattr("semtune.export.onnx_graph.write_onnx", lambda *given: copy_to(graph, given[-1]))
    made = semtune.export(str(exported("mean").source), tmp_path / "out", settings=settings, data=tmp_path / "data")
    assert made.proof.precision == "int8"
    assert made.facts()["precision"] == "int8"
    assert made.exported.contract == contracts.load(tmp_path / "out")
    monkeypatch.setenv(fastest.SWITCH, "1")
    assert load_encoder(str(tmp_path / "out"), exact=True).runtime != "onnx-int8"
    for quicker in ("onnx", "onnx-int8"):
        monkeypatch.setattr(fastest, "_best", lambda _, quicker=quicker: quicker)
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        assert load_encoder(str(tmp_path / "out")).runtime == {"onnx": "onnx-fp32"}.get(quicker, quicker)


def test_auto_without_data_or_beside_int8_is_refused(exported, tmp_path):
    with pytest.raises(ConfigError, match="--data DATASET"):
        semtune.export(str(exported("mean").source), tmp_path / "out", settings=ExportSettings(precision=("auto",)))
    assert not (tmp_path / "out").exists()
    for wrong in ({"precision": ("auto", "int8")}, {"precision": ("auto",), "format": ("torchscript",)}):
        with pytest.raises(ConfigError, match="auto decides itself"):
            ExportSettings(**wrong)


def test_vectors_of_int8_and_of_others_are_not_mixed(folder, tmp_path):
    prove_precision(folder, Judge(GOOD), TEXTS, 0.005)
    documents = questions().corpus
    for precision in ("fp32", "int8"):
        build_index(documents, open_onnx(folder, precision), folder, tmp_path / precision, IndexSettings())
    assert Searcher.open(tmp_path / "int8").encoder.runtime == "onnx-int8"
    assert Searcher.open(tmp_path / "fp32").encoder.runtime == "onnx-fp32"
    for index, runtime in (("fp32", "onnx-int8"), ("int8", "onnx")):
        with pytest.raises(ContractError, match="other vectors"):
            Searcher.open(tmp_path / index, runtime=runtime)
