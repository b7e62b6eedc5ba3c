"""Tables of every kind of file and every known shape, each from a small file as it really looks."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semtune.errors import InputError
from semtune.prepare.build.dataset import prepare
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.sniff import sniff
from semtune.prepare.readers.source_kind import find_kind, hash_source
from semtune.prepare.readers.tables import classes_to_pairs as classes
from semtune.prepare.readers.tables.classes_to_pairs import pair_classes
from semtune.prepare.readers.tables.split_tables import find_splits, split_of
from semtune.prepare.readers.tables.table import read_table
from semtune.prepare.records import Labelled, PairRow
from semtune.prepare.settings import PrepareSettings
from semtune.types import Document, ScoredPair

SETTINGS = PrepareSettings()
QA = [{"question": f"What is {word}?", "answer": f"{word} is a thing."} for word in ("tin", "zinc", "iron")]
PAIRS = [(row["question"], row["answer"]) for row in QA]


def pairs(path, settings=SETTINGS, tally=None):
    return [(r.anchor, *(d.text for d in r.positives)) for r in read_table(path, settings, tally or Tally()).pairs]


def schema(table, **names):
    features = {column: {"names": list(labels), "_type": "ClassLabel"} for column, labels in names.items()}
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def save_arrow(folder, table):
    """What `save_to_disk` of `datasets` writes."""
    folder.mkdir(parents=True)
    with pa.ipc.new_stream(str(folder / "data-00000-of-00001.arrow"), table.schema) as out:
        out.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    (folder / "dataset_info.json").write_text("{}")


def test_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(QA), path)
    assert pairs(path) == PAIRS
    found = sniff(path)
    assert (found.description, found.counts) == ("a table of questions with the texts that answer them", {"rows": 3})
    path.write_bytes(b"PAR1 broken")
    with pytest.raises(InputError, match=r"Cannot read .*a\.parquet as Parquet"):
        read_table(path, SETTINGS, Tally())


def test_saved_hugging_face_folders(tmp_path, tokenizer):
    rows = [{"anchor": f"q{i} {i * 7}", "positive": f"d{i} {i * 13}"} for i in range(40)]
    save_arrow(tmp_path / "one", pa.Table.from_pylist(rows))
    for part, chosen in {"train": rows[:30], "validation": rows[30:35], "test": rows[35:], "extra": rows[:1]}.items():
        save_arrow(tmp_path / "many" / part, pa.Table.from_pylist(chosen))
    (tmp_path / "many" / "dataset_dict.json").write_text('{"splits": ["train", "validation", "test", "extra"]}')
    found = sniff(tmp_path / "many")
    assert found.counts == {"train": 30, "dev": 5, "test": 5}
    assert found.description == (
        "a saved Hugging Face data set with 3 tables of questions with the texts that answer them"
    )
    assert found.warnings == ("1 × split that is not train, dev or test, e.g. extra",)
    assert sniff(tmp_path / "one").counts == {"rows": 40}
    data = prepare(tmp_path / "many", tokenizer, 32, PrepareSettings(), 0)
    assert [len(data.pairs[split]) for split in ("train", "dev", "test")] == [30, 5, 5]
    assert data.report["dropped"]["split that is not train, dev or test"] == {"count": 1, "example": "extra"}
    (tmp_path / "one" / "data-00000-of-00001.arrow").unlink()
    with pytest.raises(InputError, match=r"is incomplete: data-00000-of-00001\.arrow is missing"):
        find_kind(tmp_path / "one")


def test_arrow_file_format_and_broken_ones(tmp_path):
    path = tmp_path / "a.arrow"
    table = pa.Table.from_pylist(QA)
    with pa.ipc.new_file(str(path), table.schema) as out:
        out.write_table(table)
    assert pairs(path) == PAIRS
    path.write_bytes(b"no arrow")
    with pytest.raises(InputError, match=r"as Arrow"):
        read_table(path, SETTINGS, Tally())


def test_parquet_by_split_in_data(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "README.md").write_text("# About")
    for name in ("train-00000-of-00002", "train-00001-of-00002", "validation-00000-of-00001", "test"):
        pq.write_table(pa.Table.from_pylist(QA), tmp_path / "data" / f"{name}.parquet")
    tally = Tally()
    assert {part: [p.name for p in paths] for part, paths in find_splits(tmp_path, tally).items()} == {
        "train": ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"],
        "dev": ["validation-00000-of-00001.parquet"],
        "test": ["test.parquet"],
    }
    assert tally.dropped == {"file that is not one of the tables": {"count": 1, "example": "README.md"}}
    assert sniff(tmp_path).counts == {"train": 6, "dev": 3, "test": 3}
    assert [split_of(n) for n in ("train.csv", "val_1.csv", "dev", "testing", "trains.csv")] == [
        "train", "dev", "dev", None, None,
    ]  # fmt: skip


def test_a_folder_of_documents_is_no_folder_of_tables(tmp_path):
    (tmp_path / "a.md").write_text("# A\nText.")
    (tmp_path / "test.csv").write_text("a,b\n1,2\n")
    assert find_kind(tmp_path) == "folder"


def test_json_list_of_objects_and_packed_tables(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([*QA, "x"]))
    tally = Tally()
    assert pairs(path, PrepareSettings(max_bad_share=0.5), tally) == PAIRS
    assert tally.dropped == {"bad row: not a JSON object": {"count": 1, "example": 'a.json:4: "x"'}}
    path.write_text(json.dumps({"data": QA}))
    assert pairs(path) == PAIRS
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, QA)).encode()))
    assert pairs(tmp_path / "b.jsonl.gz") == PAIRS
    assert sniff(tmp_path / "b.jsonl.gz").counts == {"rows": 3}
    lines = "question,answer\n" + "".join(f'{q},"{a}"\n' for q, a in PAIRS)
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(lines.encode()))
    assert pairs(tmp_path / "c.csv.gz") == PAIRS
    assert sniff(tmp_path / "c.csv.gz").counts == {"rows": 3}


def test_squad(tmp_path):
    path = tmp_path / "dev-v2.0.json"
    answer = {"text": "Paris", "answer_start": 0}
    asked = [
        {"id": "1", "question": "Where is it?", "answers": [answer], "is_impossible": False},
        {"id": "2", "question": "Who is it?", "answers": [], "is_impossible": True},
    ]
    value = {
        "version": "v2.0",
        "data": [{"title": "Tower", "paragraphs": [{"context": "Paris has it.", "qas": asked}]}],
    }
    path.write_text(json.dumps(value))
    tally = Tally()
    rows = read_table(path, SETTINGS, tally).pairs
    assert rows == [PairRow(1, "Where is it?", (Document("", "Paris has it."),), (), "Tower")]
    assert tally.dropped == {"question without an answer in its paragraph": {"count": 1, "example": "Who is it?"}}
    assert sniff(path).description == (
        "a table of questions with the texts that answer them (questions in SQuAD's shape)"
    )


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"a": 1}\n{"a": 2', r"is not valid JSON: line 2, column 1: extra data, near"),
        ("{", "is not valid JSON"),
        ("[" * 200_000, "nested too deep"),
        ('{"a": 1}', r"no rows.*found an object with a"),
        ("3", "found int"),
        ("[]", "has no JSON object"),
        ('[{"x": 1, "y": 2}]', r"cannot tell what the columns are\. Found: x, y"),
    ],
)
def test_json_of_no_known_shape_is_refused(tmp_path, text, match):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=match):
        read_table(tmp_path / "a.json", SETTINGS, Tally())


def test_inference_by_names_words_and_numbers(tmp_path, write_jsonl):
    rows = [
        ("A man eats.", "Somebody eats.", "entailment", 0),
        ("A man eats.", "A man is old.", "neutral", 1),
        ("A man eats.", "A man sleeps.", "contradiction", 2),
        ("A dog runs.", "A dog sits.", "contradiction", 2),
        ("A dog runs.", "It is a dog.", "-", -1),
    ]
    wanted = [PairRow(1, "A man eats.", (Document("", "Somebody eats."),), ("A man sleeps.",))]
    snli = write_jsonl("snli.jsonl", [{"gold_label": w, "sentence1": p, "sentence2": h} for p, h, w, _ in rows])
    multi = write_jsonl("nli.jsonl", [{"premise": p, "hypothesis": h, "label": n} for p, h, _, n in rows])
    words = write_jsonl("words.jsonl", [{"sentence1": p, "sentence2": h, "label": w} for p, h, w, _ in rows])
    for path in (snli, multi, words):
        tally = Tally()
        assert read_table(path, SETTINGS, tally).pairs == wanted
        assert {reason: entry["count"] for reason, entry in tally.dropped.items()} == {
            "neutral pair, not used": 1,
            "negative pair whose first text has no positive": 1,
            "pair without an agreed label": 1,
        }
    assert sniff(multi).description.startswith(
        "a table of premises with hypotheses: those that follow become positives"
    )
    turned = pa.Table.from_pylist([{"premise": p, "hypothesis": h, "label": (2, 1, 0, -1)[n]} for p, h, _, n in rows])
    pq.write_table(schema(turned, label=("contradiction", "neutral", "entailment")), tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet", SETTINGS, Tally()).pairs == wanted


def test_inference_labels_out_of_range_are_bad_rows(write_jsonl):
    path = write_jsonl("a.jsonl", [{"premise": "A.", "hypothesis": "B.", "label": label} for label in (0, 7, "x")])
    tally = Tally()
    with pytest.raises(InputError, match=r"2 of 3 rows cannot be used .first: line 2: label is not one of entailment"):
        read_table(path, SETTINGS, tally)


def test_quora_as_scores_and_as_pairs(tmp_path):
    path = tmp_path / "quora.tsv"
    path.write_text(
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n0\t1\t2\tHow old?\tWhat age?\t1\n"
        "1\t1\t3\tHow old?\tHow tall?\t0\n2\t4\t5\tWhy?\tWhen?\t0\n"
    )
    assert read_table(path, SETTINGS, Tally()).scored == [
        ScoredPair("How old?", "What age?", 1.0),
        ScoredPair("How old?", "How tall?", 0.0),
        ScoredPair("Why?", "When?", 0.0),
    ]
    assert sniff(path).warnings == (
        "The score 'is_duplicate' is 0 or 1. To train on the matching pairs instead of the scores, set roles: "
        "{anchor: question1, positive: question2}.",
    )
    chosen = PrepareSettings(roles={"anchor": "question1", "positive": "question2"})
    tally = Tally()
    assert read_table(path, chosen, tally).pairs == [
        PairRow(2, "How old?", (Document("", "What age?"),), ("How tall?",))
    ]
    assert tally.dropped == {"negative pair whose first text has no positive": {"count": 1, "example": "Why? | When?"}}


def test_flag_embedding_and_triplets(write_jsonl):
    flag = write_jsonl("flag.jsonl", [{"query": "q", "pos": ["a", "b"], "neg": ["c", "d"], "prompt": "Find it"}])
    tally = Tally()
    assert read_table(flag, SETTINGS, tally).pairs[0].anchor == "q"
    assert tally.warnings == [
        "flag.jsonl: the column 'prompt' holds instructions for a model ('Find it'); it is not used."
    ]
    flag = write_jsonl("flag.jsonl", [{"query": "q", "pos": ["a", "b"], "neg": ["c", "d"], "pos_scores": [1, 1]}])
    assert read_table(flag, SETTINGS, Tally()).pairs == [
        PairRow(1, "q", (Document("", "a"), Document("", "b")), ("c", "d"))
    ]
    allnli = write_jsonl("allnli.jsonl", [{"anchor": "a", "positive": "b", "negative": "c"}])
    assert read_table(allnli, SETTINGS, Tally()).pairs == [PairRow(1, "a", (Document("", "b"),), ("c",))]


def test_triples_without_header_go_by_the_name(tmp_path):
    text = 'what is "tin\tTin is a metal.\tZinc is one too.\nwhat is zinc\tZinc is a metal.\tTin is one too.\n'
    (tmp_path / "triples.train.small.tsv").write_text(text)
    rows = read_table(tmp_path / "triples.train.small.tsv", SETTINGS, Tally()).pairs
    assert [(r.anchor, r.positives[0].text, r.negatives) for r in rows] == [
        ('what is "tin', "Tin is a metal.", ("Zinc is one too.",)),
        ("what is zinc", "Zinc is a metal.", ("Tin is one too.",)),
    ]
    found = sniff(tmp_path / "triples.train.small.tsv")
    assert found.counts == {"rows": 2}
    assert found.description.endswith("(triples without a header)")


def test_columns_without_header_are_called_by_number(tmp_path):
    path = tmp_path / "deu-eng.tsv"
    path.write_text("Hallo.\tHello.\nTschüss.\tBye.\n")
    assert pairs(path, PrepareSettings(roles={"anchor": "1", "positive": "2"})) == [
        ("Hallo.", "Hello."),
        ("Tschüss.", "Bye."),
    ]
    with pytest.raises(InputError, match=r"Found: Hallo\., Hello\."):
        read_table(path, SETTINGS, Tally())
    with pytest.raises(InputError, match="gives the column '3' for positive, but there is no such column"):
        read_table(path, PrepareSettings(roles={"anchor": "1", "positive": "3"}), Tally())


TMX = """<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="en" datatype="plaintext"/><body>
<tu><tuv xml:lang="de-DE"><seg>Hallo &amp; <bpt i="1">&lt;b&gt;</bpt>willkommen<ept i="1">&lt;/b&gt;</ept>.</seg></tuv>
<tuv xml:lang="en-GB"><seg>Hello and
welcome.</seg></tuv><tuv xml:lang="fr"><seg>Bienvenue.</seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>Alone.</seg></tuv></tu>
</body></tmx>"""


def test_tmx(tmp_path):
    path = tmp_path / "memory.tmx"
    path.write_text(TMX)
    tally = Tally()
    loose = PrepareSettings(max_bad_share=0.5)
    assert pairs(path, loose, tally) == [("Hello and welcome.", "Hallo & willkommen.", "Bienvenue.")]
    assert tally.dropped == {"bad row: unit without two segments": {"count": 1, "example": "memory.tmx:2: Alone."}}
    (tmp_path / "packed.tmx.gz").write_bytes(gzip.compress(TMX.encode()))
    assert pairs(tmp_path / "packed.tmx.gz", loose) == pairs(path, loose)
    assert sniff(path).description.endswith("(a translation memory)")
    path.write_text('<!DOCTYPE tmx [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]><tmx>&b;</tmx>')
    with pytest.raises(InputError, match="defines XML entities"):
        read_table(path, SETTINGS, Tally())
    path.write_text(TMX[:-20])
    with pytest.raises(InputError, match="not well-formed"):
        read_table(path, SETTINGS, Tally())


def test_two_files_of_lines(tmp_path):
    german, english = tmp_path / "tatoeba.deu-eng.deu", tmp_path / "tatoeba.deu-eng.eng"
    german.write_text("Hallo.\nTschüss.\n")
    with pytest.raises(InputError, match=r"one half of a pair of files; the other half, tatoeba\.deu-eng\.eng"):
        find_kind(german)
    english.write_text("Hello.\nBye.\n")
    assert find_kind(german) == "table"
    assert pairs(german) == [("Hallo.", "Hello."), ("Tschüss.", "Bye.")]
    assert pairs(english) == [("Hello.", "Hallo."), ("Bye.", "Tschüss.")]
    assert sniff(german).counts == {"rows": 2}
    before = hash_source(german)
    english.write_text("Hello.\nBye!\n")
    assert hash_source(german) != before
    english.write_text("Hello.\n")
    with pytest.raises(InputError, match="not translations line by line"):
        read_table(german, SETTINGS, Tally())


def test_html_in_cells_becomes_text(write_jsonl):
    answer = "<div><p>Wash &amp; dry.</p><ul><li>one</li><li>two</li></ul></div>"
    path = write_jsonl(
        "a.jsonl", [{"question": "How?", "answer": answer}, {"question": "Tag?", "answer": "Use <b>x</b>"}]
    )
    tally = Tally()
    assert pairs(path, SETTINGS, tally) == [("How?", "Wash & dry.\n\n- one\n- two"), ("Tag?", "Use <b>x</b>")]
    assert tally.counts == {"cells with HTML, read as text": 1, "rows": 2}


def test_classes_are_paired_within_their_label(tmp_path, monkeypatch):
    path = tmp_path / "train.csv"
    path.write_text("text,category\n" + "".join(f"{word} {i},{word}\n" for word in ("card", "cash") for i in range(8)))
    rows = read_table(path, SETTINGS, Tally())
    assert (rows.kind, rows.classes[0], len(rows.classes)) == ("classes", Labelled(2, "card 0", "card"), 16)
    assert sniff(path).description == "a table of texts with a class, for a classifier on top of the embeddings"
    made = pair_classes(rows.classes, Tally())
    assert [(len(row.positives), row.group) for row in made] == [(6, "class card")] * 2 + [(6, "class cash")] * 2
    for row in made:
        texts = {document.text for document in row.positives}
        assert row.anchor not in texts
        assert {text.split()[0] for text in texts} == {row.anchor.split()[0]}
        assert row.positives[0].metadata == {"label": row.anchor.split()[0]}
    monkeypatch.setattr(classes, "ANSWERS", 2)
    extra = [Labelled(90, "Card 0", "card"), Labelled(91, "lonely", "x"), Labelled(92, "what", "oos")]
    tally = Tally()
    assert [len(row.positives) for row in pair_classes([*rows.classes, *extra], tally)] == [2, 2, 2, 2]
    assert {reason: entry["count"] for reason, entry in tally.dropped.items()} == {
        "duplicate text in its class": 1,
        "text without a class (out of scope)": 1,
        "text beyond 10 questions and 2 answers of a class": 8,
        "text that is the only one of its class": 1,
    }


def test_class_numbers_take_the_names_of_the_file(tmp_path):
    table = pa.Table.from_pylist([{"text": "a", "label": 1}, {"text": "b", "label": 0}, {"text": "c", "label": 5}])
    pq.write_table(schema(table, label=("card", "cash")), tmp_path / "a.parquet")
    tally = Tally()
    rows = read_table(tmp_path / "a.parquet", PrepareSettings(max_bad_share=0.5), tally)
    assert [row.label for row in rows.classes] == ["cash", "card"]
    assert tally.dropped == {"bad row: label is not one of 0 to 1": {"count": 1, "example": "a.parquet:3: 5"}}


def test_texts_with_title_or_by_role_are_documents(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("title,text,category\nA,Long text.,x\n")
    assert read_table(path, SETTINGS, Tally()).kind == "documents"
    path.write_text("text,label\nLong text.,x\n")
    assert read_table(path, PrepareSettings(roles={"text": "text"}), Tally()).kind == "documents"
    assert read_table(path, SETTINGS, Tally()).kind == "classes"


def test_labelled_texts_by_split_in_json(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"train": [["pay it", "pay"]], "oos_val": [["hm", "oos"]]}))
    rows = read_table(tmp_path / "a.json", SETTINGS, Tally())
    assert rows.classes == [Labelled(1, "pay it", "pay"), Labelled(2, "hm", "oos")]
    assert sniff(tmp_path / "a.json").description.endswith("(labelled texts by split)")
