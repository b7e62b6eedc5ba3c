import pytest

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.tables.column_roles import find_roles
from semtune.prepare.readers.tables.table import read_table, scale_scores
from semtune.prepare.settings import PrepareSettings
from semtune.types import Document, ScoredPair

SETTINGS = PrepareSettings()


@pytest.mark.parametrize(
    ("columns", "kind", "roles"),
    [
        (["question", "answer"], "pairs", {"anchor": "question", "positive": "answer"}),
        (["Answer", "Query", "hard negative"], "pairs", {"anchor": "Query", "positive": "Answer"}),
        (["sent1", "sent2", "score"], "scored", {"sentence1": "sent1", "sentence2": "sent2", "score": "score"}),
        (["Text1", "text 2", "label"], "scored", {"sentence1": "Text1", "sentence2": "text 2", "score": "label"}),
        (["sentence1", "sentence2"], "pairs", {"anchor": "sentence1", "positive": "sentence2"}),
        (["query", "text", "title"], "pairs", {"anchor": "query", "positive": "text", "title": "title"}),
        (["_id", "title", "body"], "documents", {"id": "_id", "title": "title", "text": "body"}),
        (["heading", "body"], "documents", {"title": "heading", "text": "body"}),
        (["title", "heading", "text"], "documents", {"title": "title", "heading": "heading", "text": "text"}),
        (["passage"], "documents", {"text": "passage"}),
        (["query", "passage", "score"], "scored", {"sentence1": "query", "sentence2": "passage", "score": "score"}),
    ],
)  # fmt: skip
def test_roles_by_name(columns, kind, roles):
    found = find_roles(columns, {}, "f.csv")
    assert (found.kind, found.columns) == (kind, roles)


def test_given_roles_win_and_wrong_ones_are_refused():
    found = find_roles(["subject", "answer", "question"], {"anchor": "subject"}, "f.csv")
    assert found.columns == {"anchor": "subject", "positive": "answer"}
    with pytest.raises(InputError, match="Did you mean 'subject'"):
        find_roles(["subject", "answer"], {"anchor": "subjct"}, "f.csv")


def test_unclear_columns_are_refused_with_what_was_found():
    with pytest.raises(InputError, match=r"Found: foo, bar\. Allowed: \(query, document"):
        find_roles(["foo", "bar"], {}, "f.csv")
    with pytest.raises(InputError, match="'query' and 'question' could both be the anchor"):
        find_roles(["query", "question", "answer"], {}, "f.csv")


def test_jsonl_with_lists_and_numbered_negatives(write_jsonl):
    path = write_jsonl(
        "a.jsonl",
        [
            {"query": "q  one", "pos": ["a", "b"], "neg": ["c"], "negative_1": "d"},
            {"query": "q two", "pos": "e", "neg": []},
        ],
    )
    rows = read_table(path, SETTINGS, Tally())
    assert [(r.anchor, r.positives, r.negatives) for r in rows.pairs] == [
        ("q one", (Document("", "a"), Document("", "b")), ("c", "d")),
        ("q two", (Document("", "e"),), ()),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_and_quotes(tmp_path, delimiter):
    path = tmp_path / "a.csv"
    rows = [["question", "answer"], ["What, then?", '"Two\nlines; ""quoted"""'], ["Why\tnot", "So, it is; yes"]]
    quoted = [[cell if cell.startswith('"') else f'"{cell}"' for cell in row] for row in rows]
    path.write_text("\n".join(delimiter.join(row) for row in quoted))
    found = read_table(path, SETTINGS, Tally())
    assert [(r.number, r.anchor, r.positives[0].text) for r in found.pairs] == [
        (2, "What, then?", 'Two\nlines; "quoted"'),
        (4, "Why not", "So, it is; yes"),
    ]


def test_tsv_with_stray_quotes(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('query\tdocument\n"odd\tone two\nhe said "x"\tthree\nplain\tfour\n')
    found = read_table(path, SETTINGS, Tally())
    assert [(r.anchor, r.positives[0].text) for r in found.pairs] == [
        ('"odd', "one two"),
        ('he said "x"', "three"),
        ("plain", "four"),
    ]


def test_headerless_stsb_is_recognised_and_scaled(tmp_path):
    path = tmp_path / "sts.csv"
    path.write_text('A b.,"C, d.",2.5\r\nE.,F.,5.0\r\nG.,H.,0\r\n')
    found = read_table(path, SETTINGS, Tally())
    assert found.kind == "scored"
    assert scale_scores([found.scored], "sts.csv", Tally(), 0.1) == [
        [ScoredPair("A b.", "C, d.", 0.5), ScoredPair("E.", "F.", 1.0), ScoredPair("G.", "H.", 0.0)]
    ]


def test_scores_of_all_files_decide_the_scale():
    tally = Tally()
    small, large = [ScoredPair("a", "b", 0.5)], [ScoredPair("c", "d", 4.0), ScoredPair("e", "f", 7.0)]
    assert scale_scores([small, large], "x", tally, 0.5) == [[ScoredPair("a", "b", 0.1)], [ScoredPair("c", "d", 0.8)]]
    assert tally.dropped == {"bad row: score outside 0 to 5": {"count": 1, "example": "x:2: 7.0"}}
    assert scale_scores([small], "x", Tally(), 0.1) == [small]


def test_bad_rows_are_counted_with_their_line(write_jsonl):
    path = write_jsonl("a.jsonl", [{"query": f"q{i}", "document": f"d{i}"} for i in range(40)])
    with path.open("a") as out:
        out.write('{"query": "x"\n[1]\n{"query": "", "document": "d"}\n')
    tally = Tally()
    assert len(read_table(path, SETTINGS, tally).pairs) == 40
    assert {reason: entry["example"] for reason, entry in tally.dropped.items()} == {
        "bad row: not valid JSON": 'a.jsonl:41: {"query": "x"',
        "bad row: not a JSON object": "a.jsonl:42: [1]",
        "bad row: no query": "a.jsonl:43: {'query': '', 'document': 'd'}",
    }
    with pytest.raises(InputError, match=r"3 of 43 rows cannot be used \(first: line 41"):
        read_table(path, PrepareSettings(max_bad_share=0.05), Tally())


def test_rows_of_wrong_width_are_bad(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("query,document\n" + "q,d\n" * 20 + "q,d,e\n")
    tally = Tally()
    read_table(path, SETTINGS, tally)
    assert tally.dropped == {"bad row: expected 2 columns": {"count": 1, "example": "a.csv:22: 3: q,d,e"}}


def test_empty_missing_and_binary_files_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    with pytest.raises(InputError, match="No such file"):
        read_table(path, SETTINGS, Tally())
    path.write_text("")
    with pytest.raises(InputError, match="is empty"):
        read_table(path, SETTINGS, Tally())
    path.write_text("query,document\n")
    with pytest.raises(InputError, match="has no usable row"):
        read_table(path, SETTINGS, Tally())
    path.write_bytes(b"\x00\x01")
    with pytest.raises(InputError, match="is not text"):
        read_table(path, SETTINGS, Tally())


def test_the_example_of_roles_names_columns_that_would_do():
    row = {
        "_id": "x" * 90,
        "gloss": "an entity that has physical existence",
        "words": ["physical entity"],
        "more": [{"a": 1}],
    }
    with pytest.raises(InputError, match=r"e\.g\. roles: \{anchor: gloss, positive: words\}\."):
        find_roles(list(row), {}, "a.jsonl", [row])
