"""`evaluate --stages`, `--calibrate` and `search --min-score`: from a model folder to what is served."""

import json
import shutil

import pytest

from semtune import contract as contracts
from semtune import dataset as datasets
from semtune.dataset import Dataset
from semtune.types import Document, Query


@pytest.fixture
def data(tmp_path):
    """Forty documents, each asked for by its own first words; half of the queries are dev."""
    words = ["kettle", "lantern", "violin", "candle", "basket", "ladder", "mirror", "needle", "pillow", "button"]
    corpus = [Document(f"d{i}", f"{words[i % 10]} {words[i // 4]} number {i} of the shelf") for i in range(40)]
    queries = {f"q{i}": Query(f"q{i}", " ".join(corpus[i].text.split()[:4])) for i in range(40)}
    qrels = {split: {f"q{i}": {f"d{i}": 1} for i in range(start, 40, 2)} for start, split in enumerate(("test", "dev"))}
    datasets.save(Dataset(corpus=corpus, queries=queries, qrels=qrels), tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def model(exported, tmp_path):
    return shutil.copytree(exported("mean").folder, tmp_path / "model")


def test_stages_and_thresholds_are_measured_written_and_used(semtune, model, data, tmp_path):
    before = contracts.load(model)
    answer = semtune("evaluate", model, data, "--stages", "--calibrate", "-o", tmp_path / "out", "--json")
    assert answer.code == 0
    found = answer.json
    assert [row["stage"] for row in found["stages"]["rows"]] == ["onnx fp32", "openvino", "index"]
    assert found["stages"]["rows"][0]["value"] == pytest.approx(found["ndcg@10"])
    assert found["stages"]["missing"].keys() == {"torch", "onnx int8"}
    assert found["thresholds"]["split"] == "dev"
    after = contracts.load(model)
    assert after.thresholds == found["thresholds"]["thresholds"]
    assert after.fingerprint == before.fingerprint
    assert after.calibration.slope == found["thresholds"]["slope"] > 0
    assert json.loads((tmp_path / "out" / "stages.json").read_text()) == found["stages"]
    assert json.loads((tmp_path / "out" / "thresholds.json").read_text()) == found["thresholds"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert (
        page.index("From training to what is served") < page.index("What a score means") < page.index("Speed and size")
    )

    assert semtune("index", model, data, "-o", tmp_path / "index").code == 0
    staged = semtune("evaluate", model, data, "--stages", "--index", tmp_path / "index", "--json").json["stages"]
    assert staged["rows"][1]["value"] == pytest.approx(found["stages"]["rows"][1]["value"])
    cut = after.thresholds["best-f1"]
    question = "kettle kettle number 0 of the shelf"
    every = semtune("search", tmp_path / "index", question, "-k", "40", "--json").json["hits"]
    kept = semtune("search", tmp_path / "index", question, "-k", "40", "--min-score", "best-f1", "--json").json["hits"]
    assert kept == [hit for hit in every if hit["score"] >= cut]
    assert 0 < len(kept) < len(every)
    chance = kept[0]["probability"]
    assert chance == pytest.approx(after.calibration.probability(kept[0]["score"]))
    shown = semtune("search", tmp_path / "index", question, "-k", "1").out
    assert f"{chance:.0%}" in shown
    nothing = semtune("search", tmp_path / "index", question, "--min-score", "1.1")
    assert (nothing.code, nothing.out) == (
        0,
        "No hit scores 1.1 or more. Try a lower --min-score, or leave it out.\n",
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--calibrate"], "is not a folder. Make one with `semtune export all-MiniLM-L6-v2 -o FOLDER`"),
        (["--index", "x"], "Add --stages"),
        (["--runtime", "onnx-int4"], "Did you mean 'onnx-int8'?"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(semtune, data, words, says):
    answer = semtune("evaluate", "all-MiniLM-L6-v2", data, *words)
    assert answer.code == 2
    assert says in answer.error


def test_a_run_s_own_models_are_left_as_they_are(semtune, done, data):
    for place in (done, done / "export", done / "train" / "model"):
        answer = semtune("evaluate", place, data, "--calibrate")
        assert answer.code == 2
        assert "belongs to a run and is not changed" in answer.error
