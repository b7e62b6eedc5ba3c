import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prepare_parts import WordTokenizer

from semtune.dataset import load, save
from semtune.errors import ConfigError, InputError
from semtune.prepare.build.dataset import prepare
from semtune.prepare.passages.chunk import chunk
from semtune.prepare.passages.spans import document_text, passage_text
from semtune.prepare.settings import PrepareSettings
from semtune.sentences import sentences

PROSE = "Die Äpfel sind reif. Wer hat z. B. am 3. Oktober Zeit? 今天下雨，我们在家。你好吗？「はい。」と言った。 He left…\n\n"
CODE = "    def f(x):\n        return x + 1\n\n```\na = {'b': 1}\n```\n\n- one item\n- two items\n"


class MarkTokenizer:
    """A token a character in Chinese and Japanese, else a word or mark; long words are several tokens."""

    def lengths(self, texts, role="document"):
        found = [
            re.findall(r"[\u3040-\u30ff\u4e00-\u9fff]|\w+?(?=[\u3040-\u30ff\u4e00-\u9fff]|\b)|[^\w\s]", t)
            for t in texts
        ]
        return [2 + sum(-(-len(word) // 7) for word in words) for words in found]


def bare(text):
    return "".join(text.split())


texts = st.lists(
    st.one_of(
        st.sampled_from(
            [PROSE, CODE, "表" * 40, "，。", "x" * 50, " ", "\n", "\t", "Weiter. ", "です。\n", "a.b_c(d)[0]; "]
        ),
        st.text(alphabet="aÄ漢か，。.!? \n-`", max_size=30),
    ),
    max_size=8,
).map("".join)


@settings(deadline=None, max_examples=150)
@given(texts, st.integers(6, 40), st.integers(0, 3))
def test_no_passage_is_too_long_no_text_is_lost_and_spans_point_back(text, limit, overlap):
    tokenizer = MarkTokenizer()
    (plain,) = chunk([text], [""], tokenizer, limit)
    assert "".join(bare(part.text) for part in plain) == bare(text)  # all of it, in order
    (parts,) = chunk([text], [""], tokenizer, limit, overlap=overlap)
    assert all(length <= limit for length in tokenizer.lengths([part.text for part in parts]))
    assert [bare(text[part.start : part.end]) for part in parts] == [bare(part.text) for part in parts]
    starts, ends = [part.start for part in parts], [part.end for part in parts]
    assert starts == sorted(set(starts))
    assert ends == sorted(set(ends))
    covered = {i for part in parts for i in range(part.start, part.end)}
    assert all(i in covered or character.isspace() for i, character in enumerate(text))


def test_overlap_repeats_the_last_sentences_where_they_fit():
    text = "One two three. Four five six. Seven eight nine. Ten eleven twelve."
    (parts,) = chunk([text], [""], WordTokenizer(), 14, overlap=1)  # three sentences of 4 tokens fit
    assert [part.text for part in parts] == [
        "One two three. Four five six. Seven eight nine.",
        "Seven eight nine. Ten eleven twelve.",
    ]
    assert [(part.start, part.end) for part in parts] == [(0, 47), (30, 66)]
    (alone,) = chunk([text], [""], WordTokenizer(), 6, overlap=2)  # one fits: nothing can be repeated
    assert [part.text for part in alone] == text.replace(". ", ".|").split("|")
    with pytest.raises(ConfigError, match=r"chunk_overlap: .*found -1"):
        PrepareSettings(chunk_overlap=-1)


def test_german_dates_and_small_letters_end_no_sentence():
    assert sentences("Am 3. Oktober kam Dr. Ö. Huber, z. B. über Köln usw. über Bonn. Ü ist ein Umlaut.") == [
        "Am 3. Oktober kam Dr. Ö. Huber, z. B. über Köln usw. über Bonn.",
        "Ü ist ein Umlaut.",
    ]
    assert sentences("यह एक है। वह दो है।") == ["यह एक है।", "वह दो है।"]


def test_a_long_chinese_sentence_is_cut_at_its_clauses():
    (parts,) = chunk(["今天下雨，我们在家，明天出去"], [""], MarkTokenizer(), 9)
    assert [part.text for part in parts] == ["今天下雨，", "我们在家，", "明天出去"]


def test_a_passage_is_found_again_in_its_file(tmp_path, tokenizer):
    folder = tmp_path / "guide"
    folder.mkdir()
    for name in ("Apples", "Pears", "Plums"):
        body = " ".join(f"Keep {name} number {i} cool and dry in a box." for i in range(9))
        (folder / f"{name}.md").write_text(
            f"# On {name}\n\nIn the garden {name} grow.\n\n## Storing {name}\r\n\r\n{body}\n\n{CODE}"
        )
        (folder / f"{name}.html").write_text(
            f"<title>{name} cake</title><nav>menu</nav><h1>{name} cake</h1><p>Bake <b>{name}</b> &amp; butter\n slowly.</p>"
            f"<h2>Serving {name} cake</h2><ul><li>Cut the {name} cake.<li>Eat it with {name} cream.</ul><script>no()</script>"
        )
        (folder / f"{name}.txt").write_bytes(
            f"Some {name}\twere sold.\r\n\r\n\r\nOthers   were {name} kept for the winter.".encode()
        )
    save(prepare(folder, tokenizer, 40, PrepareSettings(chunk_overlap=1), 0), tmp_path / "data")
    found = load(tmp_path / "data")
    assert {d.metadata["source"] for d in found.to_index} == {path.name for path in folder.iterdir()}
    for document in found.to_index:
        assert bare(passage_text(folder, document.metadata)) == bare(document.text)
    assert len({d.id for d in found.to_index if d.metadata["headings"][-1:] == ["Storing Pears"]}) > 2
    text = document_text(folder / "Pears.html")
    assert text.startswith("Bake Pears & butter slowly.\n\n- Cut the Pears cake.")
    (folder / "Pears.txt").write_text("Short.")
    gone = next(d for d in found.to_index if d.metadata["source"] == "Pears.txt")
    with pytest.raises(InputError, match="has changed since"):
        passage_text(folder, gone.metadata)
    with pytest.raises(InputError, match="has no span"):
        passage_text(folder, {"source": "topics/x"})
