from hypothesis import given
from hypothesis import strategies as st

from semtune.prepare.passages.chunk import chunk as cut
from semtune.sentences import join, sentences, units


def chunk(*args, **more):
    return [[part.text for part in parts] for parts in cut(*args, **more)]


def test_sentences_end_at_marks_but_not_at_abbreviations():
    text = 'Dr. Smith wrote it, e.g. for J. Doe. It works! "Does it?" he asked. Version 3.11 is out… Yes'
    assert sentences(text) == [
        "Dr. Smith wrote it, e.g. for J. Doe.",
        "It works!",
        '"Does it?" he asked.',
        "Version 3.11 is out…",
        "Yes",
    ]


def test_chinese_and_japanese_sentences_need_no_space():
    assert sentences("今天下雨。你好吗？「はい。」と言った。終わり") == [
        "今天下雨。",
        "你好吗？",
        "「はい。」",
        "と言った。",
        "終わり",
    ]
    assert join(units("今天下雨。你好吗？")) == "今天下雨。你好吗？"


def test_code_and_list_lines_stay_lines_and_wrapped_prose_is_joined():
    text = "A line that was\nwrapped. Next one.\n\n    x = 1\n    y = 2\n\n- first\n- second\n\n```\na\nb\n```"
    assert [(unit.gap, unit.text) for unit in units(text)] == [
        ("", "A line that was wrapped."),
        (" ", "Next one."),
        ("\n\n", "    x = 1"),
        ("\n", "    y = 2"),
        ("\n\n", "- first"),
        ("\n", "- second"),
        ("\n\n", "```"),
        ("\n", "a"),
        ("\n", "b"),
        ("\n", "```"),
    ]


def test_sentences_are_packed_up_to_the_limit(tokenizer):
    # Each sentence is 3 words and a full stop: 4 tokens. Limit 12 less 2 special tokens: two fit, three do not.
    text = "One two three. Four five six. Seven eight nine."
    assert chunk([text], [""], tokenizer, 12) == [["One two three. Four five six.", "Seven eight nine."]]


def test_the_header_takes_its_room(tokenizer):
    # Header of 3 tokens leaves 7 of 10: one sentence a passage.
    assert chunk(["One two three. Four five six."], ["a b c"], tokenizer, 12) == [["One two three.", "Four five six."]]


def test_a_long_header_takes_at_most_half(tokenizer):
    assert chunk(["One two three. Four five six."], ["w " * 50], tokenizer, 12) == [
        ["One two three.", "Four five six."]
    ]


def test_a_sentence_over_the_limit_is_cut_at_words(tokenizer):
    text = " ".join(f"w{i}" for i in range(10))
    assert chunk([text], [""], tokenizer, 6) == [["w0 w1 w2 w3 ", "w4 w5 w6 w7 ", "w8 w9"]]


def test_a_word_over_the_limit_is_halved(tokenizer):
    # Every mark is a token: 16 of them in one word, 4 fit.
    assert chunk(["!" * 16], [""], tokenizer, 6) == [["!!!!"] * 4]


def test_no_text_gives_no_passage(tokenizer):
    assert chunk(["", " \n "], ["", ""], tokenizer, 12) == [[], []]


@given(st.text(alphabet="ab .!?\n-`。 \t", max_size=200))
def test_units_lose_nothing_but_white_space(text):
    assert "".join(join(units(text)).split()) == "".join(text.split())


@given(st.text(alphabet="abc .!。\n", max_size=300), st.integers(4, 12))
def test_passages_fit_and_lose_nothing(text, limit):
    from prepare_parts import WordTokenizer

    tokenizer = WordTokenizer()
    (passages,) = chunk([text], [""], tokenizer, limit)
    assert "".join("".join(passages).split()) == "".join(text.split())
    assert all(length <= limit for length in tokenizer.lengths(passages))
