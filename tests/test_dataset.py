import json

import pytest

from semtune.dataset import Dataset, load, read_documents, read_qrels, read_queries, save, write_qrels
from semtune.errors import InputError
from semtune.types import Document, Pair, Query, ScoredPair

WHOLE = Dataset(
    corpus=[Document("d1", "text\nof one", "Title", {"page": 3}), Document("7", "ü\u2028x")],
    queries={"q1": Query("q1", "what?", {"lang": "en"}), "q2": Query("q2", "why?")},
    qrels={"train": {"q1": {"d1": 1, "7": 0}}, "test": {"q2": {"7": 2}}},
    pairs={
        "train": [Pair("a", "b", ("n1", "n2")), Pair("c", "d")],
        "dev": [Pair("e", "f")],
    },
    scored={"test": [ScoredPair("s", "t", 0.25)]},
    documents=[Document("d1", "served")],
    report={"seed": 3},
)


def test_a_data_set_comes_back_as_it_was(tmp_path):
    save(WHOLE, tmp_path)
    assert load(tmp_path) == WHOLE
    assert load(tmp_path).to_index == [Document("d1", "served")]
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")) == [
        "corpus.jsonl",
        "dev.jsonl",
        "documents.jsonl",
        "prepare.json",
        "qrels/test.tsv",
        "qrels/train.tsv",
        "queries.jsonl",
        "test.jsonl",
        "train.jsonl",
    ]


def test_the_files_are_those_of_beir(tmp_path):
    save(WHOLE, tmp_path)
    assert json.loads((tmp_path / "corpus.jsonl").read_text().splitlines()[0]) == {
        "_id": "d1",
        "title": "Title",
        "text": "text\nof one",
        "metadata": {"page": 3},
    }
    assert (tmp_path / "qrels" / "train.tsv").read_text() == "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\t7\t0\n"
    rows = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert rows == [
        {"anchor": "a", "positive": "b", "negative_1": "n1", "negative_2": "n2"},
        {"anchor": "c", "positive": "d"},
    ]


def test_without_documents_the_corpus_is_indexed(tmp_path):
    save(Dataset(corpus=[Document("1", "a")]), tmp_path)
    assert not (tmp_path / "documents.jsonl").exists()
    assert load(tmp_path).to_index == [Document("1", "a")]


def test_beir_s_own_habits_are_read(tmp_path):
    (tmp_path / "corpus.jsonl").write_text('{"_id": 5, "title": null, "text": "a", "metadata": null}\n\n{"id": "x"}\n')
    assert read_documents(tmp_path / "corpus.jsonl") == [Document("5", "a"), Document("x", "")]
    (tmp_path / "queries.jsonl").write_text('{"_id": 1, "text": "q", "metadata": {"a": 1}, "topic": "b"}\n')
    assert list(read_queries(tmp_path / "queries.jsonl")) == [Query("1", "q", {"topic": "b", "a": 1})]
    (tmp_path / "test.jsonl").write_text('{"anchor": 1, "positive": "p", "negative": "n", "note": "x"}\n')
    assert load(tmp_path).pairs == {"test": [Pair("1", "p", ("n",))]}


@pytest.mark.parametrize(
    "text",
    [
        "query-id\tcorpus-id\tscore\nq 1\td1\t1\nq 1\td2\t0\nq2\td1\t2\n",
        "q 1\td1\t1\r\nq 1\td2\t0.0\r\n\r\nq2\td1\t2\r\n",
        "q 1\t0\td1\t1\nq 1\t0\td2\t0\nq2\t0\td1\t2\n",
    ],
)
def test_qrels_of_beir_and_trec_are_the_same(tmp_path, text):
    path = tmp_path / "test.tsv"
    path.write_bytes(text.encode())
    wanted = {"q 1": {"d1": 1, "d2": 0}, "q2": {"d1": 2}}
    assert read_qrels(path) == wanted
    write_qrels(path, wanted)
    assert read_qrels(path) == wanted


def test_trec_s_qrels_may_have_spaces(tmp_path):
    (tmp_path / "qrels.txt").write_text("q1 0 d1 1\nq1 Q0 d2 -1\n")
    assert read_qrels(tmp_path / "qrels.txt") == {"q1": {"d1": 1, "d2": -1}}


@pytest.mark.parametrize(
    "line", ["q1\td1", "q1\td1\thigh", "q1\td1\t0.5", "q1\td1\tnan", "q1\td1\tinf", "a\tb\tc\td\t1"]
)
def test_a_wrong_line_of_qrels_is_named(tmp_path, line):
    path = tmp_path / "test.tsv"
    path.write_text(f"query-id\tcorpus-id\tscore\nq1\td1\t1\n{line}\n")
    with pytest.raises(InputError) as error:
        read_qrels(path)
    assert str(error.value) == f"{path}:3: expected query-id, corpus-id, score (a whole number); found {line!r}."


def test_qrels_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "test.tsv").write_bytes(b"q1\td1\t1\n\xff\td1\t1\n")
    with pytest.raises(InputError, match=r"test\.tsv:2 is not text in UTF-8 \(invalid start byte\)"):
        read_qrels(tmp_path / "test.tsv")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"text": "a"}, r"row 2: no '_id'\. Found the keys \['text'\]\."),
        ({"_id": "", "text": "a"}, r"row 2: no '_id'"),
        ({"_id": "1", "text": "a"}, r"the id '1' occurs more than once\. Ids must be unique\."),
    ],
)
def test_documents_have_ids_of_their_own(tmp_path, row, words):
    path = tmp_path / "corpus.jsonl"
    path.write_text('{"_id": 1, "text": "x"}\n' + json.dumps(row) + "\n")
    with pytest.raises(InputError, match=words):
        read_documents(path)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"question": "a", "answer": "b"},
            r"train\.jsonl:1: expected \(anchor, positive\), \(sentence1, sentence2, score\), .* or \(text, label\); found \['answer', 'question'\]\.",
        ),
        (
            {"sentence1": "a", "sentence2": "b", "score": "high"},
            r"train\.jsonl:1: score must be a number .* found 'high'",
        ),
        ({"sentence1": "a", "sentence2": "b", "score": None}, r"train\.jsonl:1: score must be a number .* found None"),
    ],
)
def test_rows_of_another_shape_are_named(tmp_path, row, words):
    (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(InputError, match=words):
        load(tmp_path)


def test_what_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a folder"):
        load(tmp_path / "nowhere")
    (tmp_path / "queries.jsonl").write_text('{"_id": "1", "text": "x"}\n')
    with pytest.raises(InputError) as error:
        load(tmp_path)
    assert str(error.value).startswith(f"{tmp_path} is not a data set: expected corpus.jsonl")
    assert str(error.value).endswith(f"Make one with `semtune prepare {tmp_path} -o DATASET`.")
