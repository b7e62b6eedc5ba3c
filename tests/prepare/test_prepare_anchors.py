import pytest

from semtune.prepare.questions.headings import clean_heading, from_headings
from semtune.text import contains, key, tidy, word_count


@pytest.mark.parametrize(
    ("path", "anchor"),
    [
        (("Guide to Milvus", "How to install it"), "How to install it"),
        (("Guide to Milvus", "Install"), "Guide to Milvus: Install"),
        (("Guide", "Milvus", "Install"), "Milvus: Install"),
        (("Guide to Milvus", "See also"), ""),
        (("Guide to Milvus", "2.1 Introduction"), ""),
        (("Index – F",), ""),
        (("Knoppix",), ""),
        (("os.path",), "os.path"),
        (("read_csv",), "read_csv"),
        (("3.1. Reading a file¶",), "Reading a file"),
        (("字符串方法",), "字符串方法"),
        (("参见",), ""),
        ((), ""),
        (("The “with” statement",), "The with statement"),
    ],
)
def test_question_of_a_heading(path, anchor):
    assert from_headings(path) == anchor


def test_a_heading_that_is_only_a_number_stays_as_it_is():
    assert clean_heading("2024") == "2024"


def test_words_are_counted_in_scripts_without_spaces():
    assert word_count("Python's os.path") == 2
    assert word_count("字符串方法") == 3


def test_key_ignores_case_and_white_space():
    assert key("  A\tbé\nSTRASSE ") == key("a BÉ straße") == "a bé strasse"


def test_contains_looks_at_word_borders():
    assert contains("the Zip File module", "zip file")
    assert not contains("the zipfile module", "zip")
    assert not contains("anything", " ")


def test_tidy_removes_control_characters_and_empty_lines():
    assert tidy("\ufeffa\x00b  \r\n\r\n\r\n\r\n  c\u200b\n") == "ab\n\n  c"
