"""The whole way with a static backbone, made by `distil --to static`: documents are cut alike everywhere, torch is not needed to serve."""

import json
import subprocess
import sys

import pytest

import semtune
from semtune import contract as contracts
from semtune.io import read_json
from toy_run import STEPS, settings


@pytest.fixture(scope="module")
def run(toy_model, toy_folder, tmp_path_factory):
    root = tmp_path_factory.mktemp("static")
    semtune.distil(str(toy_model), "static", root / "table", dim=16)
    given = settings(root, root / "table", toy_folder, train={"learning_rate": 0.01, "max_steps": 3})
    return root, given, semtune.run(given)


def test_every_step_runs_and_the_verdict_is_on_what_is_served(run):
    root, _, report = run
    assert [(step.step, step.status) for step in report.steps] == [(step, "done") for step in STEPS]
    assert report.result("export")["min_cosine"] > 0.9999
    evaluated = report.result("evaluate")
    assert evaluated["runtime"] == "static-fp32"
    assert set(evaluated["systems"]) == {"tuned", "base", "bm25"}
    metrics = read_json(root / "runs" / "toy" / "evaluate" / "metrics.json")
    assert {model["runtime"] for name, model in metrics["models"].items() if name != "bm25"} == {"static-fp32"}
    assert report.result("index")["recall@10"] == 1.0
    assert len(report.as_dict()["answers"][0]["base"]) == 3


def test_documents_are_cut_where_they_are_elsewhere(run, toy_folder, tmp_path):
    root, _, _ = run
    contract = contracts.load(root / "table")
    assert (contract.max_length, contract.passage_length) == (contracts.NO_LIMIT, contracts.UNLIMITED_PASSAGE)
    record = read_json(root / "runs" / "toy" / "prepare" / "step.json")
    assert record["key"]["arguments"]["max_length"] == contracts.UNLIMITED_PASSAGE
    semtune.prepare(toy_folder, tmp_path / "data", model=str(root / "table"))
    alone, within = (tmp_path / "data" / "corpus.jsonl"), root / "runs" / "toy" / "prepare" / "corpus.jsonl"
    assert alone.read_bytes() == within.read_bytes()


def test_it_is_searched_without_torch_and_onnxruntime(run):
    root, _, _ = run
    code = (
        "import sys\n"
        "for name in ('torch', 'onnxruntime', 'transformers', 'sentence_transformers'): sys.modules[name] = None\n"
        "from semtune.cli.main import main\n"
        f"sys.argv = ['semtune', 'search', {str(root / 'runs' / 'toy')!r}, 'how to mend a kettle', '--json']\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["hits"]) == 10


def test_a_second_run_changes_nothing(run):
    _, given, _ = run
    assert {step.status for step in semtune.run(given).steps} == {"unchanged"}
