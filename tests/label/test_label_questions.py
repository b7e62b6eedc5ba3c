"""Questions from every kind of file: each once, counted, and nothing lost."""

import json

import pytest

from semtune.errors import InputError
from semtune.label.questions import read_questions


@pytest.fixture
def read(tmp_path):
    def get(name, text, column=""):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return read_questions([tmp_path / name], column)

    return get


def asked(found):
    return [(one.text, one.asked) for one in found.by_key.values()]


def test_a_text_file_has_a_question_a_line(read):
    found = read(
        "q.txt", "\ufeffhow do I mend a kettle?\n\nHow do I  mend a KETTLE?\nlists, of things\n---\n東京の駅は\n"
    )
    assert asked(found) == [("how do I mend a kettle?", 2), ("lists, of things", 1), ("東京の駅は", 1)]
    assert (found.read, found.merged, found.left_out) == (4, 1, {"empty question": 2})


@pytest.mark.parametrize(
    ("name", "text", "column", "want"),
    [
        ("a.csv", 'question,answer\n"one, two",x\nthree four,y\n', "", ["one, two", "three four"]),
        ("b.csv", "id;query;n\n1;one two;5\n2;three;1\n", "", ["one two", "three"]),
        ("c.csv", "how do I mend it?\nwhere is it\n", "", ["how do I mend it?", "where is it"]),
        ("d.csv", "said,thought\none,two\n", "thought", ["two"]),
        ("e.jsonl", '{"_id": "7", "text": "one"}\n{"query": "two"}\n', "", ["one", "two"]),
        ("f.json", '[{"question": "one"}, {"question": "two"}]', "", ["one", "two"]),
        ("g.jsonl", '{"prompt": "search well", "query": "one"}\n', "", ["one"]),
        ("h.tsv", "Query\tTimes\none\t3\n", "", ["one"]),
    ],
)
def test_a_table_has_a_column_of_questions(read, name, text, column, want):
    assert [text for text, _ in asked(read(name, text, column))] == want


def test_counts_ids_and_metadata_of_a_table_are_kept(read):
    found = read("q.csv", "query,count\nread a zip,3\nREAD a zip,4\nwrite,\n")
    assert asked(found) == [("read a zip", 7), ("write", 1)]
    rows = [{"_id": 0, "text": "one", "metadata": {"source": "heading"}}, {"_id": "b", "text": "two"},
            {"_id": "b", "text": "three"}]  # fmt: skip
    found = read("q.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    one, two, three = found.by_key.values()
    assert (one.id, dict(one.metadata), two.id) == ("0", {"source": "heading"}, "b")
    assert three.id.startswith("q-")  # "b" is taken


def test_a_log_gives_what_was_searched(read):
    lines = [
        '10.0.0.1 - - [01/Nov/2026] "GET /search?q=read+a%20zip&k=5 HTTP/1.1" 200 9',
        '10.0.0.1 - - [01/Nov/2026] "GET /search?k=5&q=Read+a+zip HTTP/1.1" 200 9',
        '10.0.0.1 - - [01/Nov/2026] "GET /search?q= HTTP/1.1" 422 9',
        '10.0.0.1 - - [01/Nov/2026] "GET /health HTTP/1.1" 200 9',
    ]
    found = read("access.log", "\n".join(lines))
    assert asked(found) == [("read a zip", 2)]
    assert found.left_out == {"empty question": 1, "log line without a search": 1}
    assert asked(read("plain.log", "read a zip\nwrite\n")) == [("read a zip", 1), ("write", 1)]


def test_feedback_counts_dislikes(read):
    rows = [("zip it", "a", False), ("zip it", "b", True), ("Zip it", "c", False), ("csv", "a", True)]
    text = "".join(json.dumps({"query": q, "id": d, "useful": u, "time": "x"}) + "\n" for q, d, u in rows)
    found = list(read("feedback.jsonl", text).by_key.values())
    assert [(one.text, one.asked, one.disliked) for one in found] == [("zip it", 3, 2), ("csv", 1, 0)]
    assert all(one.id.startswith("q-") for one in found)  # the id is that of an answer


def test_what_gives_no_question_is_counted(read):
    text = '{"query": "' + "x" * 2001 + '"}\n{"query": "half \\ud800"}\n{"query": ["a"]}\nbroken\n{"query": "fine"}\n'
    found = read("q.jsonl", text)
    assert asked(found) == [("fine", 1)]
    assert found.left_out == {
        "question longer than 2,000 characters": 1, "question with half a character": 1,
        "question that is not a text": 1, "bad row: not valid JSON": 1,
    }  # fmt: skip


def test_several_files_are_one_list(tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "queries.jsonl").write_text('{"_id": "x", "text": "Two"}\n{"_id": "y", "text": "three"}\n')
    found = read_questions([tmp_path / "a.txt", tmp_path / "set"])
    assert asked(found) == [("one", 1), ("two", 2), ("three", 1)]


@pytest.mark.parametrize(
    ("name", "text", "column", "words"),
    [
        (
            "q.csv",
            "a,b\n1,2\n",
            "",
            r"unclear which column holds the question\. Found: a, b\. Name it, e\.g\. --column a",
        ),
        ("q.csv", "question,query\n1,2\n", "", "unclear which column"),
        ("q.csv", "question,b\n1,2\n", "quest", r"no column 'quest'\. Did you mean 'question'\?"),
        ("q.txt", "one\n", "text", "is not a table, so it has no columns"),
        ("q.txt", " \n", "", "is empty"),
    ],
)
def test_an_unclear_file_is_refused_in_words(read, name, text, column, words):
    with pytest.raises(InputError, match=words):
        read(name, text, column)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"nowhere does not exist\. Give a file of questions"):
        read_questions([tmp_path / "nowhere"])
    with pytest.raises(InputError, match=r"is a folder without queries\.jsonl"):
        read_questions([tmp_path])
