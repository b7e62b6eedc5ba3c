"""Files of older versions are opened by today's code, or refused with the command that makes them anew."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from semtune import contract as contracts
from semtune import dataset as datasets
from semtune import formats
from semtune.config import load_config
from semtune.encoders.load import load_encoder
from semtune.errors import InputError
from semtune.evaluate.saved.compare import compare_saved
from semtune.evaluate.saved.read import read_saved
from semtune.index import manifest as manifests
from semtune.prepare.mine.review import read_review
from semtune.run_directory import Key, RunDirectory, is_run
from semtune.search.searcher import Searcher

OLD = Path(__file__).parent / "v0_1_before_13"
RUN = OLD / "run"
ANSWERS = json.loads((OLD / "answers.json").read_text())


def hits(found):
    return [(hit["id"], pytest.approx(hit["score"], abs=1e-5), hit["title"]) for hit in found]


def test_the_old_exported_model_gives_the_old_vectors():
    contract = contracts.load(RUN / "export")
    assert (contract.name, contract.dimension, contract.base) == ("base-tuned", 8, "base")
    assert contract.exports["onnx-fp32"].file == "onnx/model.onnx"
    encoder = load_encoder(str(RUN / "export"))
    assert encoder.runtime == "onnx-fp32"
    vectors = encoder.encode((OLD / "questions.txt").read_text().splitlines(), "query").vectors
    np.testing.assert_allclose(vectors, np.load(OLD / "vectors.npy"), atol=1e-5)


def test_the_old_tuned_model_is_whole():
    contract = contracts.load(RUN / "train" / "model")  # compares the hash of the weights
    assert contract.fingerprint == contracts.load(RUN / "export").fingerprint
    assert contracts.describe(RUN / "train" / "model").fingerprint == contract.fingerprint


def test_the_old_index_gives_the_old_answers():
    manifest = manifests.read(RUN / "index")
    assert (manifest.count, manifest.recall_at_10, manifest.asked_with) == (40, 1.0, "documents")
    searcher = Searcher.open(RUN)
    for answer in ANSWERS:
        found = [(hit.id, hit.score, hit.title) for hit in searcher.search(answer["query"], 3)]
        assert found == hits(answer["hits"])


def test_the_old_data_set_is_read():
    found = datasets.load(RUN / "prepare")
    sizes = {split: len(pairs) for split, pairs in found.pairs.items()}
    assert sizes == {"train": 30, "dev": 5, "test": 5}
    assert (len(found.corpus), len(found.to_index), len(found.queries)) == (40, 40, 40)
    assert found.report["counts"]["passages"] == 40
    assert (found.corpus[0].title, found.to_index[0].title) == ("", "The anvil")  # the heading is the question


def test_the_old_review_is_read():
    assert [suspect.label for suspect in read_review(OLD / "review.jsonl")] == ["relevant", "negative", ""]


def test_the_old_configs_are_read_with_the_key_of_then():
    for path in (OLD / "semtune.yaml", RUN / "config.yaml"):
        assert yaml.safe_load(path.read_text())["prepare"]["verdicts"] == "triplets"
        config = load_config(path)
        assert (config.name, config.prepare.pair_labels, config.evaluate.min_queries) == ("toy", "triplets", 5)
        assert list(config.search.questions) == ["how to mend a kettle"]


def test_the_old_evaluations_are_compared():
    saved = read_saved(RUN)
    assert saved.scores.metrics["ndcg@10"] == pytest.approx(0.1)
    found = compare_saved([RUN, OLD / "evaluation-base"])
    assert [run["model"] for run in found.as_dict()["runs"]] == ["base-tuned", "base"]
    (against,) = found.as_dict()["comparisons"]
    assert (against["run"], against["gain"]) == ("evaluation-base", 0.0)


def test_the_old_run_is_a_run_and_its_records_are_read(tmp_path):
    run = RunDirectory(shutil.copytree(RUN, tmp_path / "run"))
    assert is_run(run.root)
    records = [run.record(path.parent.name) for path in sorted(run.root.glob("*/step.json"))]
    assert [record.step for record in records] == ["evaluate", "export", "index", "prepare", "search", "train"]
    assert run.damage("index") == run.damage("search") == ""
    assert run.damage("train") == "output missing or cut short: train/curve.png"  # left out of the golden files
    assert run.why_run("index", Key({}, {}, {})).startswith("arguments changed: ")
    with run.locked():
        run.write_manifest()
    manifest = json.loads((run.root / "manifest.json").read_text())
    assert (manifest["format"], {step["format"] for step in manifest["steps"]}) == ("1.0", {"1.0"})


def semtune(*words):
    """The JSON answer of a command, run in a process of its own."""
    words = [sys.executable, "-m", "semtune", *map(str, words), "--json"]
    return json.loads(subprocess.run(words, capture_output=True, check=True, timeout=120).stdout)


def test_the_command_line_opens_the_old_run():
    found = semtune("info", RUN)
    assert (found["kind"], found["steps"]["index"]["state"]) == ("run", "whole")
    answer = semtune("search", RUN, ANSWERS[0]["query"], "-k", "3")
    assert [(hit["id"], hit["score"], hit["title"]) for hit in answer["hits"]] == hits(ANSWERS[0]["hits"])
    compared = semtune("compare", RUN, OLD / "evaluation-base")
    assert [run["name"] for run in compared["runs"]] == ["run", "evaluation-base"]


FILES = {
    "contract": ("export/semtune.json", lambda run: contracts.load(run / "export", verify=False)),
    "index": ("index/manifest.json", lambda run: manifests.read(run / "index")),
    "dataset": ("prepare/prepare.json", lambda run: datasets.load(run / "prepare")),
    "evaluation": ("evaluate/metrics.json", read_saved),
    "step": ("index/step.json", lambda run: RunDirectory(run).record("index")),
}


@pytest.mark.parametrize("name", FILES)
def test_a_later_minor_version_is_read_and_a_later_major_one_refused(tmp_path, name):
    run = shutil.copytree(RUN, tmp_path / "run")
    file, load = FILES[name]
    today = formats.FORMATS[name].current
    values = json.loads((run / file).read_text())
    for number in (str(today), f"{today.major}.{today.minor + 7}"):
        added = {} if number == str(today) else {"a_key_of_tomorrow": [1], "another": {}}
        (run / file).write_text(json.dumps({**values, **added, "format": number}))
        assert load(run)
    (run / file).write_text(json.dumps({**values, "format": f"{today.major + 1}.0"}))
    with pytest.raises(Exception, match=rf"in format {today.major + 1}\.0, which is newer.*Install a newer Semtune"):
        load(run)
    with pytest.raises(formats.FORMATS[name].error):
        load(run)


def test_a_run_of_a_later_major_version_is_not_overwritten(tmp_path):
    run = RunDirectory(shutil.copytree(RUN, tmp_path / "run"))
    values = json.loads((run.root / "index" / "step.json").read_text())
    (run.root / "index" / "step.json").write_text(json.dumps({**values, "format": "2.0"}))
    with pytest.raises(InputError, match="Install a newer Semtune"):
        run.why_run("index", Key({}, {}, {}))


def test_the_golden_files_are_small():
    assert sum(path.stat().st_size for path in OLD.rglob("*") if path.is_file()) < 300_000
