"""The runtime that "auto" takes: measured once, remembered by machine and model, and only if its vectors agree."""

import json
import time

import numpy as np
import pytest

from semtune.encoders import fastest
from semtune.encoders.fastest import RuntimeSpeed, measure, open_fastest, remembered_choices
from semtune.encoders.load import load_encoder
from semtune.encoders.toy import ToyEncoder
from semtune.errors import ModelError


class Timed:
    """The toy encoder, slowed down, perhaps with other vectors."""

    def __init__(self, runtime, seconds, turned=0.0):
        self._toy, self.seconds, self.turned = ToyEncoder(), seconds, turned
        self.contract, self.runtime, self.calls = self._toy.contract, runtime, 0

    def encode(self, texts, role="document", progress=None):
        self.calls += 1
        time.sleep(self.seconds)
        made = self._toy.encode(texts, role)
        made.vectors[:, 0] += self.turned
        return made


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(fastest.SWITCH, "1")


@pytest.mark.parametrize(
    ("second", "turned", "chosen"),
    [(0.002, 0.0, "two"), (0.002, 1.0, "one"), (0.002, float("nan"), "one"), (0.04, 0.0, "one")],
)
def test_the_faster_one_is_taken_if_its_vectors_agree(second, turned, chosen):
    choice = measure("toy", {"one": Timed("a", 0.02), "two": Timed("b", second, turned)})
    assert choice.chosen == chosen
    assert choice.measured["one"].min_cosine == pytest.approx(1.0, abs=1e-6)
    assert choice.measured["two"].agrees == (turned == 0.0)


def test_advantage_is_the_geometric_mean_of_bulk_and_of_one_query():
    assert RuntimeSpeed(200, 4.0, 1.0).advantage(RuntimeSpeed(100, 8.0, 1.0)) == pytest.approx(2.0)
    assert RuntimeSpeed(400, 8.0, 1.0).advantage(RuntimeSpeed(100, 8.0, 1.0)) == pytest.approx(2.0)
    assert RuntimeSpeed(100, 16.0, 1.0).advantage(RuntimeSpeed(100, 4.0, 1.0)) == pytest.approx(0.5)


def openers(**made):
    opened = []

    def opener(name):
        def run():
            opened.append(name)
            if isinstance(made[name], Exception):
                raise made[name]
            return made[name]

        return run

    return {name: opener(name) for name in made}, opened


def test_it_is_measured_once_and_remembered(tmp_path):
    contract = ToyEncoder().contract
    ways, opened = openers(one=Timed("a", 0.02), two=Timed("b", 0.001))
    assert open_fastest(contract, ways).runtime == "b"
    assert opened == ["one", "two"]
    opened.clear()
    assert open_fastest(contract, ways).runtime == "b"
    assert opened == ["two"]  # the other is not even opened
    (known,) = remembered_choices()
    assert (known.model, known.chosen, list(known.measured)) == (contract.name, "two", ["one", "two"])
    (tmp_path / "cache" / "semtune" / "runtimes.json").write_text("{", encoding="utf-8")  # damaged: measured again
    opened.clear()
    assert open_fastest(contract, ways).runtime == "b"
    assert opened == ["one", "two"]


def test_other_libraries_are_measured_anew(monkeypatch):
    contract = ToyEncoder().contract
    ways, opened = openers(one=Timed("a", 0.005), two=Timed("b", 0.001))
    open_fastest(contract, ways)
    monkeypatch.setattr(fastest, "versions", lambda *names: {"onnxruntime": "99"})
    opened.clear()
    open_fastest(contract, ways)
    assert opened == ["one", "two"]


def test_a_runtime_that_cannot_open_the_graph_is_left_out_and_named():
    ways, _ = openers(one=Timed("a", 0.005), two=ModelError("no such operator"))
    assert open_fastest(ToyEncoder().contract, ways).runtime == "a"
    (known,) = remembered_choices()
    assert known.refused == {"two": "no such operator"}


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    ways, _ = openers(one=Timed("a", 0.01), two=Timed("b", 0.001))
    assert open_fastest(ToyEncoder().contract, ways).runtime == "b"


def test_nothing_is_measured_when_switched_off_or_alone(monkeypatch):
    ways, opened = openers(one=Timed("a", 0.01), two=Timed("b", 0.001))
    monkeypatch.setenv(fastest.SWITCH, "0")
    assert open_fastest(ToyEncoder().contract, ways).runtime == "a"
    monkeypatch.setenv(fastest.SWITCH, "1")
    assert open_fastest(ToyEncoder().contract, {"one": ways["one"]}).runtime == "a"
    assert opened == ["one", "one"]
    assert remembered_choices() == []


def test_auto_measures_real_runtimes_of_an_exported_model(exported, tmp_path):
    pytest.importorskip("openvino")
    folder = exported("mean").folder
    made = load_encoder(str(folder))
    (record,) = json.loads((tmp_path / "cache" / "semtune" / "runtimes.json").read_text(encoding="utf-8")).values()
    assert list(record["measured"]) == ["onnx", "openvino"]
    assert made.runtime.startswith(record["chosen"])
    assert record["measured"]["openvino"]["min_cosine"] > 0.99
    again = load_encoder(str(folder))
    np.testing.assert_array_equal(made.encode(["kettle"]).vectors, again.encode(["kettle"]).vectors)
