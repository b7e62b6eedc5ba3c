"""`semtune encode` on tables, and `semtune evaluate` on labels that are words."""

from pathlib import Path

import numpy as np
import pytest

FILES = Path(__file__).parents[1] / "cases" / "files" / "tables"


def test_a_table_gets_a_vector_a_row(semtune, toy_model, tmp_path):
    answer = semtune("encode", toy_model, FILES / "body.csv", "-o", tmp_path / "a.npy", "--json")
    assert (answer.code, answer.json["texts"], answer.json["column"], answer.json["empty"]) == (0, 24, "body", 0)
    assert np.load(tmp_path / "a.npy").shape == (24, 32)
    named = semtune("encode", toy_model, FILES / "body.csv", "-o", tmp_path / "b.npy", "--column", "doc", "--json")
    assert (named.code, named.json["column"]) == (0, "doc")
    assert not np.allclose(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"))


def test_rows_without_a_text_are_left_out_and_counted(semtune, toy_model, tmp_path):
    answer = semtune("encode", toy_model, FILES / "dirty.jsonl", "-o", tmp_path / "a.npy", "--json")
    assert (answer.code, answer.json["texts"], answer.json["empty"]) == (0, 23, 1)
    assert answer.json["left_out"] == {"no text": 1}
    assert np.load(tmp_path / "a.rows.npy").tolist() == [*range(5), *range(6, 24)]
    assert "warning: 1 of 24 rows were left out: no text (e.g. dirty.jsonl:6: {'id': 'SKU-5'" in answer.err
    assert "warning: dirty.jsonl: 1 of 23 texts are empty; their vectors say nothing." in answer.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("same.csv",), "same.csv has 2 columns, and it is unclear which of them to embed: query, document."),
        (("same.csv", "--column", "documant"), "same.csv has no column 'documant'. Did you mean 'document'?"),
    ],
)
def test_an_unclear_column_is_refused(semtune, toy_model, tmp_path, words, message):
    answer = semtune("encode", toy_model, FILES / words[0], *words[1:], "-o", tmp_path / "a.npy", "--json")
    assert answer.code == 2
    assert message in answer.error
    assert not (tmp_path / "a.npy").exists()


def test_words_as_labels_are_judged_and_said(semtune, toy_model):
    answer = semtune("evaluate", toy_model, FILES / "bool_labels.csv", "--json")
    assert answer.code == 0, answer.err
    said = "bool_labels.csv: in the column 'is_duplicate', 'True' was taken as a match and 'False' as none."
    assert answer.json["data_warnings"] == [said]
    assert f"warning: {said}" in answer.err
