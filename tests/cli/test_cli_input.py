"""Bad input: a clear message, exit code 2, and nothing left that could be taken for whole."""

import shutil

import pytest
import yaml

from semtune.index import manifest as manifests
from semtune.testing.toy_model import write_toy_model
from toy_run import contents


@pytest.fixture
def place(tmp_path, toy_model, toy_folder, done, monkeypatch):
    """A working directory with bad things in it, and links to good ones."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "columns.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "few.csv").write_text("question,answer\nwhat,that\n")
    (tmp_path / "broken.jsonl").write_text('{"_id": "1", "text": "x"}\n{"_id": \n')
    (tmp_path / "numbers.jsonl").write_text('{"text": null}\n{"text": 7}\n')
    (tmp_path / "latin.jsonl").write_bytes('{"_id": "1", "text": "é"}\n'.encode("latin-1"))
    (tmp_path / "twice.jsonl").write_text('{"_id": "1", "text": "x"}\n{"_id": 1, "text": "y"}\n')
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "config_only").mkdir()
    (tmp_path / "config_only" / "config.json").write_text('{"model_type": "bert", "hidden_size": 32}')
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    (tmp_path / "mine" / "manifest.json").write_text('{"name": "of another program"}')
    for name, target in (("toy", toy_model), ("pages", toy_folder), ("run", done)):
        (tmp_path / name).symlink_to(target)
    return tmp_path


CASES = {
    "prepare nowhere -o new --model toy": "There is no {}/nowhere. Give a folder of texts",
    "prepare empty -o new --model toy": "{}/empty is empty: no file to read in it.",
    "prepare columns.csv -o new --model toy": "columns.csv: cannot tell what the columns are. Found: a, b.",
    "prepare picture.png -o new --model toy": "{}/picture.png: cannot read files of type '.png'.",
    "prepare pages run -o new --model toy": "2 sources were given: pages, run. Give one folder or file",
    "prepare train=nowhere.csv -o new --model toy": "There is no {}/nowhere.csv.",
    "prepare pages -o new --model empty": "empty is not a model folder: it has no modules.json, config.json",
    "prepare pages -o new --model config_only": "config_only has no tokenizer files.",
    "prepare pages -o new --model ./nowhere": "There is no model folder {}/nowhere.",
    "train nowhere --model toy -o new": "There is no {}/nowhere.",
    "train empty --model toy -o new": "{}/empty is empty: no file to read in it.",
    "train columns.csv --model toy -o new": "columns.csv: cannot tell what the columns are. Found: a, b.",
    "train run --model empty -o new": "empty is not a model folder",
    "train run --model toy -o new --set epochs=2": "--set: unknown key 'train.epochs'.",
    "train run --model toy -o new --set max_steps=0": "--set: train.max_steps: input should be -1 (no limit) or greater than 0",
    "evaluate empty run": "empty is not a model folder",
    "evaluate run nowhere": "There is no {}/nowhere.",
    "evaluate run empty": "empty has nothing to evaluate a model on",
    "evaluate run columns.csv": "columns.csv: cannot tell what the columns are.",
    "evaluate run run --runtime onxx": "Unknown runtime 'onxx'. Allowed: auto, static, onnx, openvino, onnx-int8, torch. Did you mean 'onnx'?",
    "evaluate run run --against empty": "empty is not a model folder",
    "export empty -o new": "empty is not a model folder",
    "export toy -o new --format onx": "format.0: input should be 'onnx' or 'torchscript' (found 'onx'). Did you mean 'onnx'?",
    "export toy -o new --format ,": "name at least one format (onnx, torchscript)",
    "export toy -o new --precision int4": "precision.0: input should be 'fp32', 'int8' or 'auto' (found 'int4'). Did you mean 'int8'?",
    "index empty run -o new": "empty is not a model folder",
    "index run nowhere -o new": "{}/nowhere does not exist; there is nothing to index.",
    "index run empty -o new": "{}/empty is empty: no file to read in it.",
    "index run columns.csv -o new": "columns.csv: cannot tell what the columns are.",
    "index run run -o new --backend loca": "Unknown index backend 'loca'. Allowed: local, milvus. Did you mean 'local'?",
    "index run run -o new --backend milvus": "the milvus backend needs a uri",
    "encode run nowhere.txt -o new.npy": "{}/nowhere.txt does not exist or is not a file.",
    "encode run few.csv -o new.txt": "new.txt ends in .txt, which is not known. Allowed: .npy (one array), .parquet (one table), or a name without",
    "encode run few.csv -o new.npy --role both": "--role is 'both'. Allowed: query, document.",
    "encode run numbers.jsonl -o new.npy": "numbers.jsonl has no text that can be read (1 × no text; 1 × text is not a string but a number).",
    "encode run few.csv --column question -o mine": "mine already exists and is not a folder of vectors; nothing was overwritten.",
    "encode run picture.png -o new.npy": "picture.png has no text that can be read (1 × text is not valid UTF-8).",
    "search empty q": "empty is not an index: it has no manifest.json. Build one with `semtune index",
    "search nowhere q": "There is no folder {}/nowhere. Give an index",
    "search mine q": "mine/manifest.json is not the manifest of an index. Build an index with `semtune index MODEL CORPUS -o INDEX`.",
    "search run q --model toy": "This index was built with the model ",
    "search run q -k 0": "k is 0; allowed: 1 to 1000.",
    "serve empty": "empty is not a model folder",
    "serve mine": "mine/manifest.json is not the manifest of an index",
    "info empty": "{}/empty is empty: no file to read in it.",
    "info picture.png": "{}/picture.png: cannot read files of type '.png'.",
    "init nowhere": "There is no {}/nowhere.",
    "run nowhere.yaml": "There is no config file {}/nowhere.yaml. `semtune init FOLDER` writes one.",
    "run picture.png": "picture.png is not a text file in UTF-8.",
}


@pytest.mark.parametrize("command", CASES)
def test_bad_input_is_refused_in_words_and_leaves_nothing(semtune, place, command):
    before = sorted(path.name for path in place.iterdir())
    answer = semtune(*command.split(), "--json")
    assert (answer.code, answer.json) == (2, {"error": answer.error, "exit_code": 2})
    assert answer.error.startswith(CASES[command].format(place))
    assert "Traceback" not in answer.err
    assert sorted(path.name for path in place.iterdir()) == before


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        ("broken.jsonl", "corpus.jsonl:2 is not valid JSON"),
        ("latin.jsonl", "corpus.jsonl:1 is not valid JSON"),
        ("twice.jsonl", "corpus.jsonl: the id '1' occurs more than once. Ids must be unique."),
    ],
)
def test_a_broken_corpus_is_refused_with_its_line(semtune, place, corpus, message):
    (place / corpus).rename(place / "corpus.jsonl")
    answer = semtune("index", "run", "corpus.jsonl", "-o", "new")
    assert (answer.code, answer.error[: len(message)]) == (2, message)
    assert not (place / "new").exists()


def test_a_blank_question_is_refused(semtune, place):
    assert semtune("search", "run", " \n").error == "The query is empty. Give at least one word."


WRITERS = {
    "prepare pages --model toy -o {}": "a data set",
    "train run --model toy -o {}": "a model that semtune made",
    "export toy -o {}": "a model that semtune made",
    "index run run -o {}": "an index",
}


@pytest.mark.parametrize("target", ["mine", "run", "few.csv", "toy"])
@pytest.mark.parametrize("command", WRITERS)
def test_what_is_not_the_command_s_own_is_left_alone(semtune, place, done, command, target):
    if target == "run":
        (place / "run").unlink()
        shutil.copytree(done, place / "run")
    before = contents(place / target) if (place / target).is_dir() else (place / target).read_bytes()
    answer = semtune(*command.format(target).split())
    message = (
        f"{target} already exists and is not {WRITERS[command]}; nothing was overwritten. Give a new folder with -o."
    )
    assert (answer.code, answer.error) == (2, message)
    assert (contents(place / target) if (place / target).is_dir() else (place / target).read_bytes()) == before


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("prepare pages --model toy -o few.csv/new", "Cannot write few.csv: a file is in the way."),
        ("index run run -o few.csv/new", "Cannot write few.csv: a file is in the way."),
        ("encode run few.csv --column question -o few.csv/new.npy", "Cannot write few.csv: a file is in the way."),
        ("encode run few.csv --column question -o empty.npy", "Cannot write empty.npy: a folder is in the way."),
        ("evaluate run run -o few.csv", "Cannot write few.csv: a file is in the way."),
        ("init pages -o empty --force", "Cannot write empty: a folder is in the way."),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_in_words(semtune, place, command, words):
    (place / "empty.npy").mkdir()
    before = sorted(path.name for path in place.iterdir())
    answer = semtune(*command.split(), "--json")
    assert (answer.code, answer.json["exit_code"]) == (2, 2)
    assert answer.error.startswith(words)
    assert sorted(path.name for path in place.iterdir()) == before
    assert (place / "few.csv").read_text() == "question,answer\nwhat,that\n"


def test_a_typo_in_the_config_names_the_nearest_key(semtune, config, tmp_path):
    path = config(train={"num_train_epoch": 1})
    answer = semtune("run", path, "--json")
    assert answer.code == 2
    assert answer.json["error"].startswith(
        f"{path}: unknown key 'train.num_train_epoch'. Did you mean 'num_train_epochs'? Allowed in train: loss, "
    )
    assert not (tmp_path / "runs").exists()
    path.write_text(yaml.safe_dump({"name": "x", "prepare": {"source": "y"}}))
    assert semtune("run", path, "train.epochs").error == (
        "'train.epochs' is not an override. Write section.key=value, e.g. train.num_train_epochs=2."
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "empty"}, "empty is not a model folder"),
        ({"prepare": {"source": "nowhere"}}, "There is no {}/nowhere."),
        ({"prepare": {"source": "empty"}}, "{}/empty is empty"),
        ({"prepare": {"source": "columns.csv"}}, "columns.csv: cannot tell what the columns are."),
        ({"prepare": {"source": "few.csv"}}, "The data set has 1 training row; at least 2 are needed to train."),
    ],
)
def test_a_run_on_bad_input_has_no_whole_step_it_should_not(semtune, config, place, change, message):
    answer = semtune("run", config(**change), "--json")
    assert (answer.code, answer.json["exit_code"]) == (2, 2)
    assert answer.error.startswith(message.format(place))
    run = place / "runs" / "toy"
    whole = ["prepare"] if "training row" in message else []
    assert sorted(path.parent.name for path in run.glob("*/step.json")) == whole
    if run.exists():
        states = semtune("info", run, "--json").json["steps"]
        assert [step for step, facts in states.items() if facts["state"] == "whole"] == whole
        assert semtune("search", run, "q").error == (
            f"The run {run} has no index yet. Continue it with `semtune run {run / 'config.yaml'}`."
        )


def test_an_index_of_another_model_is_refused_at_equal_dimension(semtune, place, done):
    other = write_toy_model(place / "other", seed=5)
    answer = semtune("search", "run", "q", "--model", other, "--json")
    mine = manifests.read(done / "index")
    assert answer.code == 2
    assert f"(fingerprint {mine.fingerprint[:12]}), but 'other' has the fingerprint" in answer.json["error"]
    assert "their vectors cannot be compared" in answer.json["error"]
    served = semtune("serve", "run", "--model", other, "--port", "0")
    assert (served.code, served.error) == (2, answer.json["error"])


def test_a_second_run_at_once_is_refused(shell, config, run, tmp_path):
    from semtune.run_directory import RunDirectory

    with RunDirectory(run).locked():
        answer = shell("run", config(), "--json", cwd=tmp_path)
    assert (answer.code, answer.json["exit_code"]) == (2, 2)
    assert answer.json["error"].startswith("Another process (pid ")
    assert answer.json["error"].endswith(
        f") is working in {run}. Wait until it ends, or give this run another name (name=...)."
    )
