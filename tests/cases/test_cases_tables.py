"""Tables in the shapes that public sets and everyday programs give them; each was once refused or misread."""

import json
from pathlib import Path

import pytest

from semtune.errors import InputError
from semtune.prepare.build.for_evaluation import load_for_evaluation
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.read_source import read_source
from semtune.prepare.readers.sniff import sniff
from semtune.prepare.readers.tables.column_texts import column_texts
from semtune.prepare.readers.tables.table import read_table
from semtune.prepare.settings import PrepareSettings
from semtune.progress import QUIET
from semtune.types import ScoredPair

FILES = Path(__file__).parent / "files" / "tables"
SETTINGS = PrepareSettings()
TOPICS = (
    "kettle descaling", "bicycle chain oiling", "sourdough starter feeding", "tent pole repair", "piano tuning",
    "bee hive inspection", "tyre pressure check", "window frost", "coffee grinder burr", "garden hose leak",
    "lamp dimmer wiring", "knife sharpening", "cactus repotting", "boiler pressure", "violin bow rosin", "sail reefing",
    "camera sensor dust", "aquarium filter", "printer banding", "hedge trimming", "compost smell", "roof gutter",
    "radio static", "zip repair",
)  # fmt: skip


def question(number):
    return f"How do I handle {TOPICS[number % 24]}, case {number}?"


def answer(number):
    topic = TOPICS[number % 24]
    return (
        f"To deal with {topic}, start in the morning and lay out tool number {number}. The {topic} needs a slow hand, "
        f"because haste breaks parts. When you finish the {topic}, write the date in the log and wait {number + 3} "
        "hours before the next round."
    )


FORTY = [(question(n), answer(n)) for n in range(40)]


def read(path, tally=None, settings=SETTINGS):
    return read_table(Path(path), settings, tally or Tally())


def pairs(path, tally=None, settings=SETTINGS):
    return [(row.anchor, *(d.content for d in row.positives)) for row in read(path, tally, settings).pairs]


@pytest.mark.parametrize(
    "name",
    [
        "concat.jsonl", "pretty_stream.jsonl", "trailing_comma.jsonl", "dict_of_lists.json", "llamaindex.json",
        "texts_pair.jsonl", "set.jsonl", "messages.jsonl", "sharegpt.jsonl", "flag_scores.jsonl",
    ],
)  # fmt: skip
def test_forty_pairs_are_read_in_every_shape(name):
    tally = Tally()
    assert pairs(FILES / name, tally) == FORTY
    assert tally.dropped == {}
    assert sniff(FILES / name).counts == {"rows": 40}


@pytest.mark.parametrize("name", ["pipe.csv", "sep_line.csv"])
def test_other_separators(name):
    assert pairs(FILES / name) == [(f"Wie geht {TOPICS[n % 24]} Fall {n}?", answer(n)) for n in range(40)]


def test_the_full_format_of_flag_embedding():
    tally = Tally()
    row = read(FILES / "flag_scores.jsonl", tally).pairs[0]
    assert (row.anchor, row.negatives) == (question(0), (answer(7), answer(7)))
    assert tally.warnings == [
        "flag_scores.jsonl: the column 'prompt' holds instructions for a model ('Represent this'); it is not used."
    ]


def test_lists_spelled_out_in_cells():
    tally = Tally()
    found = pairs(FILES / "pyrepr_list.csv", tally)
    assert found[:2] == [(question(0), answer(0), answer(1)), (question(1), answer(1), answer(2))]
    assert [len(row) for row in found] == [3] * 40
    assert tally.counts["cells with a list as text, read as a list"] == 40


def test_answers_that_are_their_questions_are_left_out():
    tally = Tally()
    assert pairs(FILES / "same.csv", tally) == FORTY[:10]
    assert tally.dropped == {"answer that equals its question": {"count": 40, "example": question(0)}}


def test_a_name_that_stands_twice_in_the_header_can_be_chosen():
    with pytest.raises(InputError, match=r"'document' and 'document\.2' could both be the positive\. The header has"):
        read(FILES / "dup_cols.csv")
    roles = PrepareSettings(roles={"positive": "document", "negative": "document.2"})
    rows = read(FILES / "dup_cols.csv", settings=roles).pairs
    assert [(row.anchor, row.positives[0].text) for row in rows] == FORTY
    assert rows[0].negatives == (answer(1),)


def test_words_are_labels_of_pairs():
    data = load_for_evaluation(FILES / "bool_labels.csv")
    assert data.scored["test"] == [
        ScoredPair("How do I oil a chain?", "What is the way to oil a chain?", 1.0),
        ScoredPair("How do I oil a chain?", "Where does the cat sleep?", 0.0),
        ScoredPair("How to sharpen a knife?", "What is the best way to sharpen knives?", 1.0),
        ScoredPair("How to sharpen a knife?", "Who won the cup?", 0.0),
    ]
    assert data.report["warnings"] == [
        "bool_labels.csv: in the column 'is_duplicate', 'True' was taken as a match and 'False' as none."
    ]


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("yes", "no"), "yes"), (("No", "YES"), "YES"), (("not duplicate", "duplicate"), "duplicate"),
        (("similar", "dissimilar"), "similar"), (("irrelevant", "relevant"), "relevant"), (("t", "f"), "t"),
        (("duplicate", "x"), "duplicate"), (("oils", "different"), "oils"), (("paraphrase", "not_paraphrase"), "paraphrase"),
        (("Gleich", "nicht"), None), (("same", "match"), None), (("a", "b"), None), (("red", "green", "blue"), None),
    ],
)  # fmt: skip
def test_two_words_with_a_clear_meaning(tmp_path, words, match):
    path = tmp_path / "a.csv"
    lines = [f"one {n},two {n},{words[n % len(words)]}" for n in range(6)]
    path.write_text("\n".join(["sentence1,sentence2,label", *lines]))
    if match is None:
        with pytest.raises(InputError, match=r"neither numbers nor two words with a clear meaning: '.*Write 1 for"):
            read(path)
        return
    tally = Tally()
    assert [row.score for row in read(path, tally).scored] == [float(words[n % 2] == match) for n in range(6)]
    assert f"{match!r} was taken as a match" in tally.warnings[0]


def test_words_among_numbers_and_late_words(tmp_path):
    path = tmp_path / "late.csv"
    path.write_text("sentence1,sentence2,score\n" + "a,b,True\n" * 150 + "a,c,False\n" * 150)
    assert [row.score for row in read(path).scored] == [1.0] * 150 + [0.0] * 150
    path.write_text("sentence1,sentence2,score\n" + "a,b,0.5\n" * 30 + "a,c,much\n")
    tally = Tally()
    assert len(read(path, tally).scored) == 30
    assert tally.dropped == {"bad row: score is not a number": {"count": 1, "example": "late.csv:32: much"}}


def test_what_a_judged_json_has_beside_its_answers(tmp_path):
    path = tmp_path / "judged.json"
    corpus = {"d1": {"title": "Tin", "text": "A metal."}, "d2": "Zinc.", "d3": "Iron.", "d4": "Gold."}
    judged = {"q1": {"d1": 2, "d2": 0}, "q2": ["d9"], "q3": ["d3", "d2"], "q8": ["d3"]}
    queries = {"q1": "What is tin?", "q2": "Why?", "q3": "Which?"}
    path.write_text(json.dumps({"queries": queries, "corpus": corpus, "relevant_docs": judged}))
    tally = Tally()
    labels = read_source(path, "table", SETTINGS, tally, QUIET)
    assert {document.content for document in labels.corpus} == {"Tin A metal.", "Zinc.", "Iron.", "Gold."}
    assert [query.text for query in labels.queries.values()] == ["What is tin?", "Which?"]
    assert list(labels.negatives.values()) == [("Zinc.",)]
    assert {reason: entry["count"] for reason, entry in tally.dropped.items()} == {
        "judgement of a document that is not in the corpus": 1,
        "question without a document that answers it": 1,
        "judgement of a question that is not among the queries": 1,
    }


def test_conversations_of_several_turns(tmp_path):
    path = tmp_path / "chat.jsonl"
    turns = [
        ("system", "Be kind."), ("user", "Hi?"), ("assistant", "Hello."), ("user", "Lost?"), ("user", "Why?"),
        ("assistant", [{"type": "text", "text": "So."}, {"type": "image_url"}]), ("tool", "x"), ("user", "Bye?"),
    ]  # fmt: skip
    rows = [
        {"messages": [{"role": role, "content": said} for role, said in turns]},
        {"messages": [{"role": "assistant", "content": "Alone."}]},
        [{"from": "human", "value": "A?"}, {"from": "gpt", "value": "B."}],
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    tally = Tally()
    loose = PrepareSettings(max_bad_share=0.5)
    found = read(path, tally, loose).pairs
    assert [(row.anchor, row.positives[0].text) for row in found] == [("Hi?", "Hello."), ("Why?", "So."), ("A?", "B.")]
    assert [row.group for row in found] == [f"conversation chat.jsonl:{number}" for number in (1, 1, 3)]
    assert {reason: entry["count"] for reason, entry in tally.dropped.items()} == {
        "turn of 'system', not used": 1,
        "turn of 'tool', not used": 1,
        "turn of a user without an answer": 2,
        "answer without the turn of a user before it": 1,
        "bad row: conversation without a question and its answer": 1,
    }


ONE = '{"query": "q1", "document": "d1"}'
TWO = '{"query": "q2", "document": "d2"}'
BOTH = [("q1", "d1"), ("q2", "d2")]


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE}{TWO}", f"{ONE} {TWO}\n", f"{ONE},\n{TWO},\n", f"[{ONE},\n{TWO},\n]\n", f"[\n{ONE},\n{TWO}\n]",
        f"[{ONE},{TWO}]", f"{ONE}\n,{TWO}", f"{ONE}\n\n\n{TWO}", '{"query":\n"q1",\n"document": "d1"}\n' + TWO,
        json.dumps([json.loads(ONE), json.loads(TWO)], indent=2), f"\ufeff{ONE}\r\n{TWO}\r\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_json_is_read_where_it_is_clear(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    assert pairs(path) == BOTH
    assert sniff(path).counts == {"rows": 2}


@pytest.mark.parametrize(
    ("text", "example", "count"),
    [
        (f'{ONE}\n{{"query": "x"\n{TWO}', 'a.jsonl:2: {"query": "x"', 1),
        (f'{ONE}\n{{"query": "x\n{TWO}', 'a.jsonl:2: {"query": "x', 1),
        (f'{ONE}\n{{"query": \n  "x",\n  oops\n}}\n{TWO}', 'a.jsonl:2: {"query": ', 1),
        (f"{ONE}\nnothing\nnone\n{TWO}", "a.jsonl:2: nothing", 2),
        (f"{ONE} oops\n{TWO}", "a.jsonl:1: oops", 1),
        (f"{ONE}\n{TWO}\n{{", "a.jsonl:3: {", 1),
        (f"{ONE}\n{'[' * 100_000}\n{TWO}", "a.jsonl:2: [[[", 1),
        (f"{ONE}\n{'9' * 5000}\n{TWO}", "a.jsonl:2: 999", 1),
    ],
)
def test_a_broken_value_does_not_take_its_neighbours_along(tmp_path, text, example, count):
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    tally = Tally()
    assert pairs(path, tally, PrepareSettings(max_bad_share=0.9)) == BOTH
    (entry,) = tally.dropped.values()
    assert (entry["count"], entry["example"][: len(example)]) == (count, example)


def test_mistakes_in_json_are_named_by_line_and_column(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(f'{ONE}\n{{"query": "q2" "document": "d2"}}\n')
    with pytest.raises(
        InputError, match=r"first: line 2: not valid JSON \(line 2, column 16: expecting ',' delimiter, near"
    ):
        read(path)
    path = tmp_path / "a.json"
    path.write_text(f'[\n  {ONE},\n  {{"query": "q2", document: "d2"}}\n]')
    with pytest.raises(InputError, match=r"not valid JSON: line 3, column 19: expecting property name .*Mend it there"):
        read(path)
    path.write_text(f"[\n  {ONE},\n")
    with pytest.raises(InputError, match=r"not valid JSON: line \d, column \d+: .*the text ends here"):
        read(path)
    path.write_text('{"query": ["a", "b"], "document": ["c"]}')
    with pytest.raises(InputError, match=r"lists of different lengths \(query: 2, document: 1\)"):
        read(path)


@pytest.mark.parametrize(
    "value",
    [
        {"query": {"0": "q1", "1": "q2"}, "document": {"0": "d1", "1": "d2"}},
        {"columns": ["query", "document"], "index": [0, 1], "data": [["q1", "d1"], ["q2", "d2"]]},
        {"x": {"query": "q1", "document": "d1"}, "y": {"query": "q2", "document": "d2"}},
        [["q1", "d1"], ["q2", "d2"]],
        [{"set": ["q1", "d1"]}, {"set": ["q2", "d2"]}],
    ],
)
def test_json_as_pandas_and_others_write_it(tmp_path, value):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value))
    assert pairs(path) == BOTH


@pytest.mark.parametrize(
    ("cell", "texts"),
    [
        ("['a', 'b']", ["a", "b"]), ('["a", "b, c"]', ["a", "b, c"]), ("['a' 'b']", ["a", "b"]),
        ("""['it\\'s', "that's"]""", ["it's", "that's"]), ("['a'\n 'b']", ["a", "b"]), ("['only']", ["only"]),
        ("array(['a', 'b'], dtype=object)", ["a", "b"]), ("['a\\nb']", ["a\nb"]), ("[1] see there", ["[1] see there"]),
        ("[sic]", ["[sic]"]), ("[1, 2]", ["[1, 2]"]), ("['open", ["['open"]), ("[]", ["[]"]),
    ],
)  # fmt: skip
def test_lists_of_python_numpy_and_json(tmp_path, cell, texts):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"query": "q", "pos": cell}))
    assert pairs(path) == [("q", *texts)]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("Wash it<br>and dry it.", "Wash it and dry it."), ("Salt &amp; pepper", "Salt & pepper"),
        ('See <a href="/x">the manual</a>.', "See the manual."), ("<b>One</b> and <i>two</i>", "One and two"),
        ("Use <b>x</b>", "Use <b>x</b>"), ("a < b and c > d", "a < b and c > d"), ("AT&T; R&D", "AT&T; R&D"),
        ("It&#39;s <p>one</p>", "It's\n\none"),
    ],
)  # fmt: skip
def test_html_in_cells(tmp_path, cell, text):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"query": "q", "document": cell}))
    assert pairs(path) == [("q", text)]


def test_titles_of_listed_passages_are_kept(tmp_path):
    path = tmp_path / "a.jsonl"
    passages = [{"docid": "1", "title": "Tin", "text": "A metal."}, {"docid": "2", "text": "Cheap."}]
    path.write_text(json.dumps({"query": "q", "positive_passages": passages}))
    assert pairs(path) == [("q", "Tin A metal.", "Cheap.")]


TWENTY_FOUR = [answer(n) for n in range(24)]


@pytest.mark.parametrize(
    ("name", "column"), [("body.csv", "body"), ("content.jsonl", "content"), ("page_content.jsonl", "page_content")]
)
def test_the_text_column_is_embedded_a_text_a_row(name, column):
    found = column_texts(FILES / name)
    assert (found.column, found.texts, found.empty) == (column, TWENTY_FOUR, 0)


def test_documents_of_a_dirty_table_all_stay():
    tally = Tally()
    sections = read(FILES / "dirty.jsonl", tally).sections
    assert len(sections) == 24
    assert [(s.id, s.path[0]) for s in sections[2:8]] == [
        ("SKU-2", "Sourdough Starter Feeding"), ("SKU-2~2", "Tent Pole Repair"), ("SKU-4", "Piano Tuning"),
        ("SKU-5", "Bee Hive Inspection"), ("SKU-6", "Tyre Pressure Check"), ("7", "Window Frost"),
    ]  # fmt: skip
    assert tally.dropped == {}
    found = column_texts(FILES / "dirty.jsonl")
    assert (len(found.texts), found.empty, found.texts[8]) == (24, 2, "ok")
    same = read(FILES / "beir_dup.jsonl").sections
    assert [(s.id, s.text) for s in same] == [(f"same~{n + 1}" if n else "same", t) for n, t in enumerate(TWENTY_FOUR)]


def test_an_unclear_column_is_asked_for():
    with pytest.raises(InputError, match=r"has 2 columns, .*: query, document\. Name it, e\.g\. --column query"):
        column_texts(FILES / "same.csv")
    assert column_texts(FILES / "same.csv", "document").texts[40:] == [answer(n) for n in range(10)]
    with pytest.raises(InputError, match=r"has no column 'documents'\. Did you mean 'document'\?"):
        column_texts(FILES / "same.csv", "documents")
