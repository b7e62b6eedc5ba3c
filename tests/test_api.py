"""The Python API: its names, that it costs nothing to import, and the way from a folder to a search."""

import json
import subprocess
import sys

import numpy as np
import pytest

import semtune
from semtune.errors import ConfigError, InputError

FUNCTIONS = {"compare", "distil", "encode", "evaluate", "export", "index", "load_dataset", "load_encoder", "prepare", "run", "select", "train"}  # fmt: skip


def test_the_names_are_sorted_and_every_one_is_there():
    assert semtune.__all__ == sorted(semtune.__all__)
    assert set(semtune.__all__) >= FUNCTIONS | {"Contract", "Searcher", "SemtuneError", "TrainSettings"}
    for name in semtune.__all__:
        found = getattr(semtune, name)
        assert callable(found), name
        assert (getattr(found, "__doc__", None) or "").strip(), name
    with pytest.raises(AttributeError, match="no attribute 'prepair'"):
        semtune.prepair  # noqa: B018


def test_the_stub_names_what_is_given():
    from pathlib import Path

    lines = Path(semtune.__file__).with_suffix(".pyi").read_text().splitlines()
    assert sorted(line.rpartition(" as ")[2] for line in lines if " as " in line) == semtune.__all__


def test_importing_it_loads_nothing_heavy():
    code = (
        "import semtune, sys, json; dir(semtune); semtune.__all__; "
        "print(json.dumps([m for m in ('numpy', 'pydantic', 'torch', 'yaml', 'rich') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_a_step_s_package_is_its_function_too(tmp_path):
    import semtune.prepare.settings as module
    import semtune.train.settings

    assert semtune.prepare.settings is module
    with pytest.raises(InputError, match="nowhere"):
        semtune.prepare(tmp_path / "nowhere", tmp_path / "set")
    with pytest.raises(ConfigError, match="learning_rate: input should be less than 1"):
        semtune.TrainSettings(learning_rate=2)
    with pytest.raises(ConfigError, match=r"unknown key 'learning_rat'\. Did you mean 'learning_rate'"):
        semtune.TrainSettings(learning_rat=1e-5)


@pytest.mark.slow
def test_from_a_folder_to_a_search(toy_folder, toy_model, tmp_path):
    prepared = semtune.prepare(toy_folder, tmp_path / "data", model=str(toy_model))
    assert prepared.rows["train"] == len(semtune.load_dataset(tmp_path / "data").pairs["train"]) > 20
    settings = semtune.TrainSettings(max_steps=2, per_device_train_batch_size=8, learning_rate=1e-3)
    trained = semtune.train(tmp_path / "data", str(toy_model), tmp_path / "model", settings=settings)
    assert (tmp_path / "model" / "training" / "log.jsonl").exists()
    exported = semtune.export(str(tmp_path / "model"), tmp_path / "served")
    assert exported.facts()["min_cosine"] > 0.9999
    found = semtune.evaluate(str(tmp_path / "served"), tmp_path / "data", against=[str(toy_model)])
    assert found.runtime == "onnx-fp32"
    assert found.outcome.verdict.verdict in {"ship", "promising", "do-not-ship", "cannot-judge"}
    made = semtune.index(str(tmp_path / "served"), tmp_path / "data", tmp_path / "index")
    assert (made.fingerprint, made.asked_with) == (trained.contract.fingerprint, "queries")
    searcher = semtune.Searcher.open(tmp_path / "index")
    hits = searcher.search("how to mend a kettle", k=3)
    searcher.close()
    documents = semtune.load_dataset(tmp_path / "data").to_index
    vectors = semtune.encode(str(tmp_path / "served"), [d.content for d in documents]).vectors
    query = semtune.encode(str(tmp_path / "served"), ["how to mend a kettle"], role="query").vectors[0]
    best = np.argsort(-(vectors @ query), kind="stable")[:3]
    assert [hit.id for hit in hits] == [documents[row].id for row in best]
    with pytest.raises(InputError, match="already exists and is not an index; nothing was overwritten"):
        semtune.index(str(tmp_path / "served"), tmp_path / "data", tmp_path / "data")


def test_a_run_by_its_values(finished, toy_model, toy_folder, tmp_path):
    import shutil

    from toy_run import settings

    shutil.copytree(finished / "runs", tmp_path / "runs")
    report = semtune.run(settings(tmp_path, toy_model, toy_folder))
    assert {step.status for step in report.steps} == {"unchanged"}
