"""Sources that are partly or wholly bad, given by a user: never a traceback, nothing lost in silence."""

import json
import os
import shutil
import subprocess
import sys

import pytest

PAIRS = [f"what is thing {i},the thing {i} of many" for i in range(20)]
MARKS = {
    i: f"# Page {i} of them\n\n## How to grow plant {i}\n\nPut the seed {i * 7} in wet soil and wait {i} days.\n"
    for i in range(8)
}


def table(*lines):
    return "\n".join(("question,answer", *PAIRS, *lines)).encode()


def objects(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def scores(*lines):
    rows = (f"the one {i},the other {i},{i % 6}" for i in range(20))
    return "\n".join(("sentence1,sentence2,score", *rows, *lines)).encode()


def inference(label):
    rows = [{"premise": f"p {i} of it", "hypothesis": f"h {i} of it", "label": i % 3} for i in range(20)]
    return objects(*rows, {"premise": "p", "hypothesis": "h", "label": label})


def texts(*ids):
    return objects(
        *({"_id": i, "title": f"title of thing {n}", "text": f"text {n} of many words"} for n, i in enumerate(ids))
    )


# name of the file → (its content, the reason → how many rows, the example)
BAD_ROWS = {
    "shape.csv": (table("one cell", "a,b,c,d"), "bad row: expected 2 columns", 2, "shape.csv:22: 1: one cell"),
    "long.csv": (table(f"q,{'x' * 5_000_000}"), "bad row: line longer than 4,194,304 characters", 1, "long.csv:22: q,xx"),
    "long.jsonl": (
        objects(*({"query": f"q{i}", "document": f"d {i}"} for i in range(20)), {"query": "q", "document": "x" * 5_000_000}),
        "bad row: line longer than 4,194,304 characters", 1, "long.jsonl:21: ",
    ),
    "scores.csv": (scores("a,b,9"), "bad row: score outside 0 to 5", 1, "scores.csv:21: 9.0"),
    "words.csv": (scores("a,b,much"), "bad row: score is not a number", 1, "words.csv:22: much"),
    "labels.jsonl": (
        inference(7), "bad row: label is not one of entailment, neutral, contradiction or 0, 1, 2", 1, "labels.jsonl:21: 7",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_few_bad_rows_are_counted_and_too_many_refused(semtune, toy_model, tmp_path, name):
    content, reason, count, example = BAD_ROWS[name]
    (tmp_path / name).write_bytes(content)
    answer = semtune("prepare", tmp_path / name, "-o", tmp_path / "out", "--model", toy_model, "--json")
    assert answer.code == 0, answer.err
    dropped = answer.json["dropped"][reason]
    assert dropped["count"] == count
    assert dropped["example"].startswith(example)
    assert f"left out: {count} {reason}, e.g. {example[:30]}" in answer.err
    refused = semtune(
        "prepare", tmp_path / name, "-o", tmp_path / "out2", "--model", toy_model, "--set", "max_bad_share=0.01"
    )
    assert refused.code == 2
    assert f"{count} of " in refused.error
    assert "rows cannot be used (first: line " in refused.error
    assert not (tmp_path / "out2").exists()


def test_mixed_quoting_loses_nothing(semtune, toy_model, tmp_path):
    rows = [f'"what, is {i}",it is {i} of many' if i % 2 else f'what is {i},it\'s "no" {i} of many' for i in range(20)]
    (tmp_path / "a.csv").write_text("\n".join(("question,answer", *rows)))
    answer = semtune("prepare", tmp_path / "a.csv", "-o", tmp_path / "out", "--model", toy_model, "--json")
    assert (answer.json["dropped"], sum(answer.json["rows"].values())) == ({}, 20)


def test_judgements_that_point_nowhere(semtune, toy_model, tmp_path):
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_bytes(texts(*(f"d{i}" for i in range(20))))
    (folder / "queries.jsonl").write_bytes(objects(*({"_id": f"q{i}", "text": f"what is {i}"} for i in range(20))))
    judged = "".join(f"q{i}\td{i}\t1\n" for i in range(18))
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}q18\tnowhere\t1\nnobody\td3\t1\n")
    dropped = semtune("prepare", folder, "-o", tmp_path / "out", "--model", toy_model, "--json").json["dropped"]
    assert dropped["judgement of an unknown document"] == {"count": 1, "example": "qrels/test.tsv: q18 nowhere"}
    assert dropped["judgement of an unknown query"] == {"count": 1, "example": "qrels/test.tsv: nobody d3"}


@pytest.fixture
def folder(tmp_path):
    """Eight good pages and every bad file."""
    place = tmp_path / "docs"
    place.mkdir()
    for number, text in MARKS.items():
        (place / f"good{number}.md").write_text(text)
    (place / "broken.txt").write_bytes(
        "A line about the größe of things.\n".encode() + b"\xff\xfa and more words follow.\n"
    )
    (place / "binary.txt").write_bytes(bytes(range(256)) * 40)
    (place / "empty.md").write_text("")
    (place / "long.txt").write_text("word" * 500_000)
    (place / "deep.html").write_text("<body>" + "<div>" * 10_000 + "words at the bottom of it all" + "</div>" * 10_000)
    (place / "loop").symlink_to(".")
    (place / "itself.txt").symlink_to("itself.txt")
    (place / "dangling.txt").symlink_to("nowhere.txt")
    return place


def test_a_folder_with_every_bad_file(semtune, toy_model, folder, tmp_path):
    answer = semtune("prepare", folder, "-o", tmp_path / "out", "--model", toy_model, "--json")
    assert answer.code == 0, answer.err
    counts = {reason: (entry["count"], entry["example"]) for reason, entry in answer.json["dropped"].items()}
    assert counts["binary file"] == (1, "binary.txt")
    assert counts["empty file"] == (1, "empty.md")
    assert counts["symbolic link to a folder"] == (1, "loop")
    assert counts["broken link or special file"][0] == 2
    assert counts["file with a line longer than 1,048,576 characters"] == (1, "long.txt")
    corpus = (tmp_path / "out" / "corpus.jsonl").read_text()
    assert "words at the bottom" in corpus
    assert "größe of things" in corpus
    told = semtune("info", folder, "--json").json
    assert "1 × symbolic link to a folder, e.g. loop" in told["warnings"]


CAPABILITIES = ("--inh-caps=-dac_override,-dac_read_search", "--bounding-set=-dac_override,-dac_read_search")


@pytest.mark.slow
def test_what_may_not_be_read_is_counted(folder, toy_model, tmp_path):
    """As a user who is not root, or as root without its right to read everything."""
    before = ["setpriv", *CAPABILITIES] if os.geteuid() == 0 else []
    if before and not shutil.which("setpriv"):
        pytest.skip("root may read everything, and there is no setpriv")
    (folder / "locked.txt").write_text("words that none may read")
    (folder / "locked.txt").chmod(0)
    (folder / "closed").mkdir()
    (folder / "closed" / "a.txt").write_text("words that none may find")
    (folder / "inside.txt").symlink_to("closed/a.txt")
    (folder / "closed").chmod(0)
    words = ["prepare", folder, "-o", tmp_path / "out", "--model", toy_model, "--json"]
    done = subprocess.run(
        [*before, sys.executable, "-m", "semtune", *map(str, words)], capture_output=True, text=True, check=False
    )
    (folder / "closed").chmod(0o700)
    if before and "setpriv:" in done.stderr:
        pytest.skip(f"setpriv cannot take rights away here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    dropped = json.loads(done.stdout)["dropped"]
    assert dropped["unreadable file"] == {"count": 1, "example": "locked.txt (Permission denied)"}
    assert dropped["unreadable folder"]["count"] == 1
    assert dropped["broken link or special file"]["count"] == 3
