"""Properties of readers, chunking and column roles: nothing crashes, and no text is lost without being counted.

The texts are soups: numbered words among pieces of mark-up in any order. Each word of a soup must be in a heading, a
text or a document, or be counted as left out. Comments, scripts and addresses are no text, so the soups put no word
into them.
"""

import csv
import io
import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prepare_parts import WordTokenizer

from semtune.errors import SemtuneError
from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.chunk import chunk
from semtune.prepare.passages.for_index import documents_of
from semtune.prepare.readers.documents.folder import as_sections
from semtune.prepare.readers.documents.html import LEFT_OUT, read_html
from semtune.prepare.readers.documents.markdown import read_markdown
from semtune.prepare.readers.documents.markdown.reader import FRONT_MATTER
from semtune.prepare.readers.documents.outline import read_outline
from semtune.prepare.readers.documents.plain_text import read_plain
from semtune.prepare.readers.documents.rst import LEFT_OUT as LEFT_OUT_OF_RST
from semtune.prepare.readers.documents.rst import read_rst
from semtune.prepare.readers.documents.section_positions import SECTION_GAP
from semtune.prepare.readers.files.decode import to_text
from semtune.prepare.readers.tables.column_roles import ALIASES, find_roles
from semtune.prepare.readers.tables.table import read_table
from semtune.prepare.readers.tables.table_rows import UNUSED_COLUMN
from semtune.prepare.settings import PrepareSettings
from semtune.text import tidy

MARKDOWN = [
    "# ", "## ", "- ", "1. ", "**", "*", "`", "```\n", "~~~\n", "> ", "| ", " | ", "---\n", "===\n", "\n", "\n\n", "[",
    "](http://x.y)", "[^1]: ", "[^1]", "![", "<b>", "</b>", "<div>", "</div>", "<details>", "<summary>", "</summary>",
    "</details>", "<pre>", "</pre>", "<!-- ", "{#id}", "{.c}", "    ", "\t", ": ", "&amp;", "<x>", "~~", "\\", "- [ ] ",
    "<script>", "? ", "Q: ", "A: ", "<br>", "|---|---|\n", "\n---\n", "+++\n", "title: ",
]  # fmt: skip
RST = [
    "\n", "\n\n", "====\n", "----\n", ".. note:: ", ".. code:: py\n", ".. image:: ", ".. ", ".. _a: ", ".. [1] ", "::\n\n",
    "    ", "  ", "* ", "- ", "**", "*", "``", "`", "`_", ":ref:`", "` <x>`_", "|", "| ", ":param x: ", " : ", ".. custom:: ",
    ".. toctree::\n", ".. figure:: a.png\n", "   :alt: ", ".. function:: ", "1. ", "+---+\n", "::", ".. |x| replace:: ",
    ".. list-table:: ", ".. only:: ", ".. glossary::\n", "\n====\n", "\n----\n",
]  # fmt: skip
HTML = [
    "<p>", "</p>", "<h1>", "</h1>", "<h2>", "</h2>", "<ul>", "</ul>", "<li>", "</li>", "<dl>", "<dt>", "</dt>", "<dd>",
    "</dd>", "</dl>", "<table>", "<tr>", "<td>", "</td>", "</tr>", "</table>", "<b>", "</b>", "<pre>", "</pre>", "<div>",
    "</div>", "<details>", "<summary>", "</summary>", "</details>", "<br>", "<nav>", "</nav>", "<a href=x>", "</a>",
    "<main>", "</main>", "<section>", "</section>", "<svg>", "</svg>", "<form>", "</form>", "<button>", "&amp;", "&lt;",
    "\n", "<span hidden>", "</span>", "<article>", "</article>", "<blockquote>", "<math>", "<th>", "<caption>", "?",
    "<p>" + "long " * 60 + "</p>",
]  # fmt: skip
WORD = re.compile(r"w\d+q")
FEW = 60  # examples in the usual tests


def holds(check, *strategies, examples):
    """Check a property with examples that are the same in every run."""
    limits = settings(
        max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    limits(given(*strategies)(check))()


def both_tiers(many):
    return pytest.mark.parametrize("examples", [FEW, pytest.param(many, marks=pytest.mark.slow)])


def soups(pieces, most=30):
    """Texts of numbered words and pieces of mark-up."""
    piece = st.one_of(st.just("W "), st.sampled_from(pieces))
    return st.lists(piece, max_size=most).map(lambda parts: numbered("".join(parts)))


def numbered(text):
    parts = text.split("W ")
    return parts[0] + "".join(f"w{n}q {part}" for n, part in enumerate(parts[1:]))


def words_of(outline):
    return {word for path, text in outline for word in WORD.findall(" ".join([*path, text]))}


def lost_lines(text, outline):
    """The lines of a text with a word that is not in the outline."""
    found = words_of(outline)
    return [line for line in text.split("\n") if set(WORD.findall(line)) - found]


@both_tiers(1000)
def test_markdown_loses_no_word(examples):
    def check(text):
        tally = Tally()
        assert len(lost_lines(text, read_markdown(text, tally))) <= tally.counts.get(FRONT_MATTER, 0)

    holds(check, soups(MARKDOWN), examples=examples)


@both_tiers(1000)
def test_rst_loses_no_word(examples):
    def check(text):
        tally = Tally()
        assert len(lost_lines(text, read_rst(text, tally))) <= tally.counts.get(LEFT_OUT_OF_RST, 0)

    holds(check, soups(RST), examples=examples)


@both_tiers(1000)
def test_html_loses_no_word(examples):
    def check(text):
        tally = Tally()
        lost = set(WORD.findall(text)) - words_of(read_html(text, tally))
        assert len(lost) <= tally.counts.get(LEFT_OUT, 0)

    holds(check, soups(HTML), examples=examples)


@both_tiers(1000)
def test_plain_text_keeps_its_letters(examples):
    def check(text):
        found = to_text(text.encode())
        assert found is None or letters(read_plain(found.text)[0][1]) == letters(text)
        assert found is not None or not text or any(ord(char) < 32 for char in text)

    holds(check, st.text(st.characters(codec="utf-8", exclude_characters="\0")), examples=examples)


def letters(text):
    return [char for char in text if char.isalnum()]


@both_tiers(1000)
@pytest.mark.parametrize("suffix", [".txt", ".md", ".html", ".rst", ".docx", ".odt", ".pdf", ".eml", ".ipynb", ".xml"])
def test_any_bytes_are_read_or_counted(suffix, examples):
    def check(data):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"a{suffix}")
            path.write_bytes(data)
            tally = Tally()
            assert read_outline(path, path.name, tally) or tally.dropped

    holds(check, st.binary() | st.text().map(str.encode), examples=examples // 4)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
CELLS = st.lists(
    st.sampled_from(["W ", '"', "'", ",", "\n", "\t", ";", "|", "<b>", "</b>", "[", "]", "é", "1"]), max_size=6
)
NAMES = st.sampled_from(sorted({name for names in ALIASES.values() for name in names})) | TEXTS


def table_of(rows):
    """Rows of cells with numbered words."""
    whole = numbered("\x00".join("\x01".join("".join(cell) for cell in row) for row in rows))
    return [row.split("\x01") for row in whole.split("\x00")]


TABLES = st.integers(1, 4).flatmap(
    lambda width: st.tuples(
        st.lists(NAMES, min_size=width, max_size=width),
        st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=5).map(table_of),
    )
)


def read_words(name, data):
    """The words of a table as it is read, and how many things were left out; None if it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data.encode())
        tally = Tally()
        try:
            found = read_table(path, PrepareSettings(max_bad_share=1.0), tally)
        except SemtuneError:
            return None
    left_out = sum(entry["count"] for entry in tally.dropped.values()) + tally.counts.get(UNUSED_COLUMN, 0)
    return set(WORD.findall(repr(found))), left_out


@both_tiers(1000)
def test_csv_loses_no_word(examples):
    def check(table):
        names, rows = table
        out = io.StringIO(newline="")
        csv.writer(out).writerows([names, *rows])
        found = read_words("a.csv", out.getvalue())
        assert found is None or rows_lost(rows, found[0]) <= found[1]

    holds(check, TABLES, examples=examples)


@both_tiers(1000)
def test_jsonl_loses_no_word(examples):
    def check(table):
        names, rows = table
        rows = [dict(zip(names, row, strict=True)) for row in rows]
        found = read_words("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        assert found is None or rows_lost([row.values() for row in rows], found[0]) <= found[1]

    holds(check, TABLES, examples=examples)


def rows_lost(rows, words):
    return sum(bool(set(WORD.findall(" ".join(row))) - words) for row in rows)


@both_tiers(1000)
def test_roles_are_columns_or_are_asked_for(examples):
    def check(columns, sample):
        rows = [dict.fromkeys(columns, cell) for cell in sample]
        try:
            found = find_roles(columns, {}, "a.csv", rows)
        except SemtuneError:
            return
        used = [*found.columns.values(), *found.negatives]
        assert set(used) <= set(columns)
        assert len(set(used)) == len(used)

    holds(check, st.lists(NAMES, unique=True, max_size=6), st.lists(st.none() | TEXTS, max_size=3), examples=examples)


PROSE = [
    ". ",
    "? ",
    "\n",
    "\n\n",
    "- ",
    "    ",
    "```\n",
    "e.g. ",
    "。",
    "，",
    "漢字",
    "é",
    "x" * 30,
    "| ",
    "\t",
    "\u2028",
    "\x1c",
]


@both_tiers(1000)
def test_passages_hold_the_whole_text_and_know_their_place(examples):
    def check(text, limit, overlap):
        tokenizer = WordTokenizer()
        (passages,) = chunk([text], [""], tokenizer, limit, overlap=overlap)
        assert all(length <= limit for length in tokenizer.lengths([passage.text for passage in passages]))
        for passage in passages:
            assert bare(text[passage.start : passage.end]) == bare(passage.text)
        covered = {place for passage in passages for place in range(passage.start, passage.end)}
        assert not any(char.strip() and place not in covered for place, char in enumerate(text))

    tidied = st.text(max_size=80).map(tidy)  # as readers give it
    holds(check, soups(PROSE, 60) | tidied, st.integers(3, 20), st.integers(0, 2), examples=examples)


def bare(text):
    return "".join(text.split())


@both_tiers(1000)
def test_an_index_holds_every_word_at_its_place(examples):
    def check(text, limit):
        outline = read_markdown(text)
        document = SECTION_GAP.join(body for _, body in outline)
        found = documents_of(as_sections("a.md", outline), WordTokenizer(), limit, PrepareSettings())
        held = {word for each in found for word in WORD.findall(f"{each.title} {each.text}")}
        assert held == words_of(outline)
        for each in found:
            if span := each.metadata.get("span"):
                assert bare(document[slice(*span)]) == bare(each.text)

    holds(check, soups(MARKDOWN, 50), st.integers(8, 24), examples=examples)
