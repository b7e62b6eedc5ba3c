"""What each command answers with `--json`, against independent values."""

import json
import shutil
from dataclasses import asdict

import numpy as np
import pytest

from semtune import contract as contracts
from semtune.config import load_config, parse_config
from semtune.dataset import read_documents
from semtune.encoders.onnx import open_onnx
from semtune.index import manifest as manifests
from toy_run import QUESTION, STEPS, contents


@pytest.fixture(scope="module")
def encoder(done):
    return open_onnx(done / "export")


def cosines(encoder, documents, query):
    return encoder.encode([d.content for d in documents]).vectors @ encoder.encode([query], "query").vectors[0]


def test_run_through_the_shell_tells_its_steps(shell, config, run, tmp_path):
    answer = shell("run", config(), "--json", cwd=tmp_path)
    assert answer.code == 0
    found = answer.json
    assert found["name"] == "toy"
    assert found["path"] == str(run)
    assert [(step["step"], step["status"]) for step in found["steps"]] == [(step, "unchanged") for step in STEPS]
    assert [step["path"] for step in found["steps"]] == [str(run / step) for step in STEPS]
    metrics = json.loads((run / "evaluate" / "metrics.json").read_text())
    for key in ("verdict", "sentence", "gain", "interval", "p_value"):
        assert found[key] == metrics["verdict"][key]
    assert found["answers"] == json.loads((run / "search" / "answers.json").read_text())
    assert "• train: unchanged (nothing it depends on changed)" in answer.err
    assert "Traceback" not in answer.err


def test_run_for_people_ends_with_a_summary_and_what_to_do_next(semtune, config, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    answer = semtune("run", config())
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert f'Search: semtune search {run} "your question"' in lines
    assert f"Serve:  semtune serve {run} --port 8080" in lines
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    table = [row for row in rows if len(row) == 5]
    assert [row[:3] for row in table] == [[step, "unchanged", "0.0"] for step in STEPS]
    assert [table[STEPS.index(step)][4] for step in ("train", "evaluate")] == ["train/model", "evaluate/report.html"]
    evaluated = json.loads((run / "evaluate" / "step.json").read_text())["result"]
    assert " ".join(evaluated["sentence"].split()) in " ".join(answer.out.split())
    assert f"“{QUESTION}”" in answer.out


def test_questions_and_places_with_brackets_are_shown_as_they_are(semtune, config, run, monkeypatch, tmp_path):
    monkeypatch.setattr("semtune.search.step.base_answers", lambda _inputs, questions, *_rest: [[] for _ in questions])
    (tmp_path / "[red]").mkdir()
    shutil.move(tmp_path / "runs", tmp_path / "[red]" / "runs")
    question = "how to close the [/b] tag of [bold] text"
    path = config(search={"questions": [question]}, runs_dir=str(tmp_path / "[red]" / "runs"))
    answer = semtune("run", path)
    assert answer.code == 0, answer.err
    assert f"“{question}”" in answer.out
    assert f"{tmp_path / '[red]' / 'runs' / 'toy'}" in "".join(answer.out.split())


def test_run_s_options_reach_the_pipeline(semtune, config, run):
    before = contents(run)
    answer = semtune("run", config(), "train.max_steps=2", "--seed", "5", "--dry-run", "--json")
    assert answer.code == 0
    steps = {step["step"]: step for step in answer.json["steps"]}
    assert steps["prepare"]["reason"] == "arguments changed: seed: 13 → 5"
    assert steps["train"]["reason"] == "arguments changed: max_steps: -1 → 2, seed: 13 → 5"
    assert {step["status"] for step in steps.values()} == {"would run"}
    assert contents(run) == before
    answer = semtune("run", config(), "--rerun", "always", "--dry-run")
    assert "▸ export: would run (requested (--rerun always))" in answer.err


def test_the_gate_s_exit_code_is_the_command_s(semtune, config, run):
    answer = semtune("run", config(evaluate={"gate": True, "min_queries": 11}), "--json")
    assert (answer.code, answer.json["verdict"]) == (2, "cannot-judge")
    assert [step["step"] for step in answer.json["steps"]] == STEPS[:4]
    assert "The gate (evaluate.gate) stopped the run here" in answer.err


def test_search_gives_the_nearest_documents(semtune, done, encoder):
    answer = semtune("search", done, QUESTION, "-k", "5", "--json")
    assert answer.code == 0
    assert answer.json["query"] == QUESTION
    documents = read_documents(done / "prepare" / "documents.jsonl")
    scores = cosines(encoder, documents, QUESTION)
    best = np.argsort(-scores, kind="stable")[:5]
    hits = answer.json["hits"]
    assert [hit["score"] for hit in hits] == pytest.approx(scores[best], abs=1e-5)
    for hit, row in zip(hits, best, strict=True):
        d = documents[row]
        assert hit == {
            "id": d.id,
            "score": hit["score"],
            "text": d.text,
            "title": d.title,
            "metadata": d.metadata,
            "highlight": hit["highlight"],
            "source_highlight": hit["source_highlight"],
        }
        start, end = hit["highlight"]
        assert 0 <= start < end <= len(d.text)
    plain = semtune("search", done, QUESTION, "-k", "1")
    assert plain.out.startswith(f" 1. {hits[0]['score']:.3f}  {hits[0]['title']}\n    {hits[0]['text'][:50]}")
    assert (len(semtune("search", done, QUESTION, "--json").json["hits"]), plain.err) == (10, "")
    assert len(semtune("search", done, QUESTION, "-k", "1000", "--json").json["hits"]) == len(documents)


def test_evaluate_gives_the_run_s_own_numbers(semtune, done):
    answer = semtune("evaluate", done, done, "--json")
    assert answer.code == 0
    metrics = json.loads((done / "evaluate" / "metrics.json").read_text())["systems"]["tuned"]
    assert {key: answer.json[key] for key in metrics} == pytest.approx(metrics, abs=1e-6)
    assert "ndcg@10" in metrics
    assert answer.json["queries"] == 10
    assert (answer.json["runtime"], answer.json["model"], answer.json["dataset"]) == ("onnx-fp32", str(done), str(done))


def test_evaluate_of_scored_pairs_is_spearman_s(semtune, done, encoder, tmp_path):
    from scipy.stats import spearmanr

    rows = [
        ("the kettle", "a teapot", 4),
        ("the loom", "frost", 0),
        ("a violin", "the violin", 5),
        ("glue", "a clamp", 2),
    ]
    table = tmp_path / "pairs.csv"
    twice = 8 * "a,b,1\n" + "a,b,many\n"  # and a row without a score
    table.write_text("sentence1,sentence2,score\n" + "".join(f"{a},{b},{s}\n" for a, b, s in rows) + twice)
    rows += 8 * [("a", "b", 1)]
    one, two = (encoder.encode([row[side] for row in rows], "query").vectors for side in (0, 1))
    expected = spearmanr((one * two).sum(axis=1), [row[2] for row in rows]).statistic
    answer = semtune("evaluate", done, table, "--json")
    assert answer.code == 0
    assert answer.json["spearman"] == pytest.approx(expected, abs=1e-9)
    assert answer.json["pairs"] == 12
    assert answer.json["left_out"] == {"bad row: score is not a number": 1}
    assert "left out of the data: 1 × bad row: score is not a number" in answer.err
    assert answer.json["warnings"][0] == "12 pairs are too few; at least 20 are needed. Label more."


def test_evaluate_against_another_gives_a_verdict_and_its_exit_code(semtune, done, tmp_path):
    words = ["evaluate", done, done / "prepare", "--against", "bm25", "--json"]
    answer = semtune(*words, "-o", tmp_path / "report")
    assert (answer.code, answer.json["verdict"]) == (2, "cannot-judge")
    answer = semtune(*words, "--min-queries", "5", "-o", tmp_path / "report")
    assert answer.code == {"ship": 0, "promising": 0, "do-not-ship": 1, "cannot-judge": 2}[answer.json["verdict"]]
    written = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert {key: answer.json[key] for key in ("gain", "interval", "p_value", "sentence")} == {
        key: written["verdict"][key] for key in ("gain", "interval", "p_value", "sentence")
    }
    names = sorted(path.name for path in (tmp_path / "report").iterdir())
    assert names == ["bm25.trec", "metrics.json", "per_query.jsonl", "report.html", "summary.md", "tuned.trec"]
    assert answer.json["gain"] == pytest.approx(
        written["systems"]["tuned"]["ndcg@10"] - written["systems"]["bm25"]["ndcg@10"]
    )


def test_prepare_writes_the_run_s_data_set(semtune, done, toy_model, toy_folder, tmp_path):
    for _ in range(2):  # a data set is replaced without asking
        answer = semtune("prepare", toy_folder, "-o", tmp_path / "set", "--model", toy_model, "--json")
        assert answer.code == 0
    report = json.loads((tmp_path / "set" / "prepare.json").read_text())
    assert report.pop("format") == "1.0"
    assert answer.json == {"path": str(tmp_path / "set"), "rows": {"train": 40, "dev": 10, "test": 10}, **report}
    expected = contents(done / "prepare")
    made = contents(tmp_path / "set")
    expected.pop("step.json")
    assert made.pop("report.html") != expected.pop("report.html")  # its title is the folder's name
    assert made == expected
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_index_encode_and_info_agree_with_the_encoder(semtune, done, encoder, tmp_path):
    texts = ["how to mend a kettle", "ünï", "the loom " * 100]
    (tmp_path / "a.txt").write_text("\n".join(texts) + "\n")
    answer = semtune("encode", done, tmp_path / "a.txt", "-o", tmp_path / "a.npy", "--json")
    assert answer.code == 0
    vectors = np.load(tmp_path / "a.npy")
    made = encoder.encode(texts)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, made.vectors, atol=1e-6)
    assert answer.json["seconds"] > 0
    assert answer.json == {
        "path": str(tmp_path / "a.npy"),
        "texts": 3,
        "rows": 3,
        "runtime": encoder.runtime,
        "fingerprint": encoder.contract.fingerprint,
        "shards": 1,
        "resumed": 0,
        "left_out": {},
        "examples": {},
        "seconds": answer.json["seconds"],
        "dimension": 32,
        "tokens": made.tokens,
        "truncated": 1,
        "cut_tokens": made.cut_tokens,
        "column": None,
        "empty": 0,
        "warnings": [],
    }
    (tmp_path / "b.jsonl").write_text('{"text": "ünï", "id": 4}\n')
    assert semtune("encode", done, tmp_path / "b.jsonl", "-o", tmp_path / "b.npy", "--role", "query").code == 0
    np.testing.assert_allclose(np.load(tmp_path / "b.npy"), encoder.encode(["ünï"], "query").vectors, atol=1e-6)

    (tmp_path / "corpus.jsonl").write_text('{"_id": "x", "title": "", "text": "ünï"}\n')
    answer = semtune("index", done, tmp_path / "corpus.jsonl", "-o", tmp_path / "index", "--json")
    assert answer.json["query_ms"] > 0
    assert answer.json | {"query_ms": 0.0} == {"path": str(tmp_path / "index"), **manifest(tmp_path / "index")}
    assert (answer.json["count"], answer.json["fingerprint"]) == (1, encoder.contract.fingerprint)
    told = semtune("info", tmp_path / "index", "--json").json
    statistics = told.pop("statistics")
    assert (statistics["documents"], statistics["deleted"], statistics["delta"]) == (1, 0, 0)
    assert told == {"kind": "index", "path": str(tmp_path / "index"), **manifest(tmp_path / "index")}
    (hit,) = semtune("search", tmp_path / "index", "ünï", "--json").json["hits"]
    assert (hit["id"], hit["text"]) == ("x", "ünï")
    assert hit["score"] == pytest.approx(1.0, abs=1e-6)


def manifest(folder):
    return json.loads(json.dumps(asdict(manifests.read(folder))))


def test_train_then_export_in_place(semtune, done, toy_model, tmp_path):
    out = tmp_path / "tuned"
    words = ["--set", "max_steps=2", "--set", "per_device_train_batch_size=8", "--seed", "3"]
    answer = semtune("train", done, "--model", toy_model, "-o", out, *words, "--json")
    assert answer.code == 0, answer.err
    contract = contracts.load(out)
    log = [json.loads(line) for line in (out / "training" / "log.jsonl").read_text().splitlines()]
    measured = [row["dev_ndcg@10"] for row in log if "dev_ndcg@10" in row]
    found = answer.json
    assert (found["path"], found["fingerprint"], found["metric"]) == (str(out), contract.fingerprint, "ndcg@10")
    assert (found["plan"]["steps"], found["plan"]["batch_size"], found["plan"]["rows"]) == (2, 8, 40)
    assert (found["start"], found["best"]) == (measured[0], max(measured[1:]))
    assert contract.fingerprint != contracts.load(toy_model).fingerprint
    assert (out / "training" / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["tuned"]

    for wrong, message in (
        (["export", done, "-o", out], f"{out} holds a model's weights, which an export would replace"),
        (["train", done, "--model", out, "-o", out], f"{out} is the model to be tuned; nothing was overwritten."),
    ):
        answer = semtune(*wrong)
        assert (answer.code, answer.error[: len(message)]) == (2, message)
    assert contracts.load(out) == contract

    answer = semtune("export", out, "--format", "onnx, torchscript", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["exports"] == {"onnx-fp32": "onnx/model.onnx", "torchscript-fp32": "torchscript/model.pt"}
    assert (answer.json["path"], answer.json["fingerprint"]) == (str(out), contract.fingerprint)
    parity = json.loads((out / "parity.json").read_text())
    assert answer.json["parity"] == parity
    assert min(proof["min_cosine"] for proof in parity.values()) > 0.9999
    info = semtune("info", out, "--json").json
    assert (info["kind"], info["fingerprint"], sorted(info["exports"])) == (
        "model",
        contract.fingerprint,
        ["onnx-fp32", "torchscript-fp32"],
    )


def test_info_knows_runs_data_sets_and_sources(semtune, run, toy_folder):
    (run / "index" / "index.sqlite").write_bytes(b"")
    answer = semtune("info", run, "--json")
    assert answer.json["kind"] == "run"
    assert {step: facts["state"] for step, facts in answer.json["steps"].items()} == {
        **dict.fromkeys(STEPS, "whole"),
        "index": answer.json["steps"]["index"]["state"],
    }
    assert "index.sqlite is damaged (no such table: meta)" in answer.json["steps"]["index"]["state"]
    assert answer.json["sentence"] == json.loads((run / "evaluate" / "step.json").read_text())["result"]["sentence"]
    found = semtune("info", run / "prepare", "--json").json
    assert (found["kind"], found["task"]) == ("data set", "retrieval")
    assert found["counts"] == {
        "corpus": 60,
        "queries": 60,
        "rows": {"train": 40, "dev": 10, "test": 10},
        "judged queries": {"train": 40, "dev": 10, "test": 10},
    }
    assert found["columns"] == {split: ["anchor", "positive"] for split in ("train", "dev", "test")}
    assert (found["source"], found["limit"], found["settings"]) == ("folder", 64, {})
    assert found["lengths"]["queries"] == {
        key: value for key, value in found["report"]["tokens"]["queries"].items() if key != "histogram"
    }
    assert found["leaks"] == {"held_out": 40, "found": 0, "removed": 0}
    told = semtune("info", run / "prepare").out
    assert "  rows: train 40, dev 10, test 10\n" in told
    assert "histogram" not in told
    found = semtune("info", toy_folder, "--json").json
    assert (found["kind"], found["counts"]) == ("source (folder)", {"files": 12, ".md files": 12})
    assert "kind: source (folder)" in semtune("info", toy_folder).out


def test_info_and_init_take_files_by_split_and_info_roles(semtune, tmp_path):
    parts = []
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text("ask,say\nq1,a1\nq2,a2\n")
        parts.append(f"{name}={tmp_path / name}.csv")
    assert "cannot tell what the columns are" in semtune("info", *parts).error
    found = semtune("info", *parts, "--set", "roles={anchor: ask, positive: say}", "--json").json
    assert (found["kind"], found["counts"]) == ("source (tables)", {"train": 2, "test": 2})
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text("question,answer\nq1,a1\nq2,a2\n")
    assert semtune("init", *parts, "-o", tmp_path / "a.yaml").code == 0
    assert load_config(tmp_path / "a.yaml").prepare.source == dict(part.split("=") for part in parts)


def test_init_shows_the_common_settings_and_stays_valid_when_uncommented(semtune, toy_folder, tmp_path):
    out = tmp_path / "a.yaml"
    assert semtune("init", toy_folder, "-o", out).code == 0
    text = out.read_text()
    assert "#   hard_negatives: 0  # " in text
    assert 10 <= len([line for line in text.splitlines() if line.startswith("#   ")]) <= 16
    assert "docs/config.md" in text
    out.write_text(text.replace("#   hard_negatives: 0", "  hard_negatives: 2"))
    assert load_config(out).prepare.hard_negatives == 2


@pytest.mark.parametrize(
    ("folder", "name"), [("_my docs (2)", "my-docs-2"), ("日本", "my-run"), ("..a..", "a"), ("Docs.v2", "Docs.v2")]
)
def test_init_s_file_runs_as_it_is(semtune, toy_folder, tmp_path, monkeypatch, folder, name):
    shutil.copytree(toy_folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    answer = semtune("init", folder, "--json")
    assert answer.code == 0
    assert {key: answer.json[key] for key in ("config", "name", "source", "kind")} == {
        "config": "semtune.yaml",
        "name": name,
        "source": folder,
        "kind": "folder",
    }
    assert load_config(tmp_path / "semtune.yaml") == parse_config({"name": name, "prepare": {"source": folder}})


def test_init_says_what_it_saw_and_leaves_a_config_alone(semtune, tmp_path, toy_model):
    table = tmp_path / "faq.csv"
    table.write_text("question,answer\nq1,a1\nq2,a2\n")
    out = tmp_path / "faq.yaml"
    answer = semtune("init", table, "-o", out, "--model", toy_model, "--json")
    assert answer.json["columns"] == {"anchor": "question", "positive": "answer"}
    assert answer.json["counts"] == {"rows": 2}
    assert "# a table of questions with the texts that answer them" in out.read_text()
    assert load_config(out).model == str(toy_model)
    out.write_text("mine")
    answer = semtune("init", table, "-o", out)
    assert (answer.code, answer.error) == (
        2,
        f"{out} already exists; nothing was overwritten. Give another file with -o, or --force.",
    )
    assert out.read_text() == "mine"
    assert semtune("init", table, "-o", out, "--force").code == 0
    assert load_config(out).name == "faq.csv"


def test_doctor_tells_the_machine_and_the_paths(semtune, monkeypatch):
    import platform

    import torch

    answer = semtune("doctor", "--json")
    assert answer.code == 0
    assert answer.json["machine"]["python"] == platform.python_version()
    assert answer.json["versions"]["torch"] == torch.__version__
    assert answer.json["paths"]["search, index"] == {"usable": True, "missing": []}
    monkeypatch.setattr("semtune.registry.installed", lambda module: module not in {"torch", "pymilvus"})
    told = semtune("doctor")
    assert "✗ milvus  missing pymilvus: pip install 'semtune[milvus]'" in told.out
    assert "✗ train, evaluate, export  missing torch: pip install 'semtune[train]'" in told.out
    assert "✓ search, index\n" in told.out
    assert "GPU: unknown (torch is not installed)" in told.out
