import json
import re

import pytest

from semtune.dataset import load, save
from semtune.errors import GateError, InputError
from semtune.prepare.build.dataset import prepare
from semtune.prepare.build.for_evaluation import load_for_evaluation
from semtune.prepare.readers.sniff import sniff
from semtune.prepare.readers.source_kind import hash_source
from semtune.prepare.settings import PrepareSettings
from semtune.types import Document, Pair, ScoredPair


@pytest.fixture
def guide(tmp_path):
    folder = tmp_path / "guide"
    folder.mkdir()
    for name in ("Apples", "Pears", "Plums", "Cherries"):
        (folder / f"{name}.md").write_text(
            f"# All about {name}\n\nIn the old garden {name} are grown, and {name} are sold.\n\n## Storing {name} in winter\n\n"
            f"Keep {name} cool and dry in boxes. Turn {name} over once in a week. Throw rotten {name} away at once.\n\n"
            f"## See also\n\nThe book about {name} and other fruit.\n"
        )
    return folder


def test_headings_ask_and_are_not_in_the_judged_passage(guide, tokenizer):
    data = prepare(guide, tokenizer, 24, PrepareSettings(), 0)
    by_id = {document.id: document for document in data.corpus}
    served = {document.id: document for document in data.documents}
    assert served["Pears.md#2"].title == "All about Pears > Storing Pears in winter"
    assert by_id["Pears.md#2"].title == ""
    # Limit 24 less 2 special tokens and 8 for the title leaves 14: one sentence of 8 tokens a passage.
    assert by_id["Pears.md#2"].text == "Keep Pears cool and dry in boxes."
    assert by_id["Pears.md#2(2)"].text == "Turn Pears over once in a week."
    assert max(tokenizer.lengths([d.content for d in data.documents])) <= 24
    queries = {query.text: id_ for id_, query in data.queries.items()}
    query = queries["Storing Pears in winter"]
    rows = [qrels[query] for qrels in data.qrels.values() if query in qrels]
    assert rows == [{"Pears.md#2": 1, "Pears.md#2(2)": 1, "Pears.md#2(3)": 1}]
    assert len(queries) == 8  # two a document; "See also" asks nothing
    assert data.report["dropped"]["question: uninformative heading"]["count"] == 4
    assert "Pears.md#3" in by_id  # but its passage makes the search harder
    assert set(data.qrels) == {"train", "dev", "test"}
    assert data.report["leaks"]["found"] == 0


def test_a_document_is_in_one_split_only(guide, tokenizer):
    data = prepare(guide, tokenizer, 24, PrepareSettings(), 3)
    homes = {}
    for split, qrels in data.qrels.items():
        for row in qrels.values():
            for id_ in row:
                homes.setdefault(id_.partition("#")[0], set()).add(split)
    assert sorted(homes) == ["Apples.md", "Cherries.md", "Pears.md", "Plums.md"]
    assert all(len(splits) == 1 for splits in homes.values())


def test_the_same_input_gives_the_same_bytes(guide, tokenizer, tmp_path):
    for name in ("one", "two"):
        save(prepare(guide, tokenizer, 24, PrepareSettings(), 5), tmp_path / name)
    one, two = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.*") if p.is_file()}
        for n in ("one", "two")
    )
    assert one == two
    assert load(tmp_path / "one").report["seed"] == 5


def test_limits_are_counted(guide, tokenizer):
    data = prepare(guide, tokenizer, 24, PrepareSettings(max_pairs=3, max_passages=18, pairs_per_section=1), 0)
    assert len(data.pairs["train"]) == 3
    assert len(data.corpus) == 18
    assert data.report["dropped"]["passage beyond max_passages=18"]["count"] == 2
    assert "training pair beyond max_pairs=3" in data.report["dropped"]


def test_a_passage_in_many_documents_asks_nothing_and_joins_nothing(guide, tokenizer):
    for path in guide.iterdir():
        path.write_text(path.read_text() + f"\n## Rights to {path.stem}\n\nAll rights are reserved by the town.\n")
    data = prepare(guide, tokenizer, 24, PrepareSettings(), 0)
    assert [d.text for d in data.corpus].count("All rights are reserved by the town.") == 1
    assert not any(query.text.startswith("Rights to") for query in data.queries.values())
    assert data.report["counts"]["groups"] == 4


def test_a_question_shared_by_two_documents_joins_them(guide, tokenizer):
    for name in ("Apples", "Pears"):
        path = guide / f"{name}.md"
        path.write_text(path.read_text() + f"\n## Feeding the birds\n\nGive {name} to the birds in the morning.\n")
    data = prepare(guide, tokenizer, 24, PrepareSettings(), 0)
    assert data.report["counts"]["groups"] == 3
    rows = [
        row
        for qrels in data.qrels.values()
        for id_, row in qrels.items()
        if data.queries[id_].text == "Feeding the birds"
    ]
    assert rows == [{"Apples.md#4": 1, "Pears.md#4": 1}]


def test_texts_without_headings_ask_by_their_own_sentences(tmp_path, tokenizer):
    for name in ("red", "blue", "green", "white"):
        lines = [f"The {name} {thing} stands near the river bank." for thing in ("house", "tree", "barn")]
        (tmp_path / f"{name}.txt").write_text(" ".join(lines))
    data = prepare(tmp_path, tokenizer, 64, PrepareSettings(), 0)
    texts = {document.id: document for document in data.corpus}
    asked = {id_: query.text for id_, query in data.queries.items() if query.metadata["source"] == "cloze"}
    for split in data.qrels.values():
        for query, row in split.items():
            if query not in asked:
                continue
            (id_,) = row
            sentence, rest = asked[query], texts[id_].text
            assert sentence not in rest
            assert len(re.findall("stands near", rest)) == 2
            assert sentence in next(d.text for d in data.documents if d.id == id_)
    assert len(asked) == 4
    assert "inverse cloze" in " ".join(data.report["counts"])


def test_one_document_is_trained_on_with_a_warning(guide, tokenizer):
    data = prepare(guide / "Pears.md", tokenizer, 24, PrepareSettings(), 0)
    assert set(data.pairs) == {"train"}
    assert any("cannot be evaluated" in warning for warning in data.report["warnings"])


def test_texts_that_teach_nothing_are_refused(tmp_path, tokenizer):
    (tmp_path / "a.txt").write_text("A short text of one line")
    with pytest.raises(InputError, match="No training pair could be made"):
        prepare(tmp_path, tokenizer, 24, PrepareSettings(), 0)


def test_pairs_of_a_table(write_jsonl, tokenizer):
    path = write_jsonl(
        "faq.jsonl",
        [{"question": f"q{i}", "answer": f"a{i // 2}", "negative": f"n{i}"} for i in range(40)],
    )
    data = prepare(path, tokenizer, 24, PrepareSettings(), 0)
    assert sorted(d.text for d in data.corpus) == sorted([f"a{i}" for i in range(20)] + [f"n{i}" for i in range(40)])
    everything = [pair for pairs in data.pairs.values() for pair in pairs]
    assert Pair("q7", "a3", ("n7",)) in everything
    assert data.report["counts"]["groups"] == 20  # two questions share an answer
    assert data.report["leaks"]["found"] == 0


def beir(folder, qrels):
    folder.mkdir()
    (folder / "qrels").mkdir()
    (folder / "corpus.jsonl").write_text(
        "".join(json.dumps({"_id": f"d{i}", "title": "T", "text": f"text {i}"}) + "\n" for i in range(30))
    )
    (folder / "queries.jsonl").write_text(
        "".join(json.dumps({"_id": f"q{i}", "text": f"query {i}"}) + "\n" for i in range(30))
    )
    for split, rows in qrels.items():
        lines = "".join(f"{q}\t{d}\t{grade}\n" for q, d, grade in rows)
        (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + lines)
    return folder


def test_beir_train_loses_what_it_shares_with_test(tmp_path, tokenizer):
    train = [(f"q{i}", f"d{i}", 1) for i in range(20)] + [("q0", "d29", 1), ("q1", "d28", 0)]
    folder = beir(
        tmp_path / "b", {"train": train, "test": [("q20", "d0", 1), ("q21", "d28", 2), ("q22", "nowhere", 1)]}
    )
    data = prepare(folder, tokenizer, 24, PrepareSettings(), 0)
    assert data.qrels["test"] == {"q20": {"d0": 1}, "q21": {"d28": 2}}
    train_rows = data.qrels["train"] | data.qrels["dev"]
    assert train_rows["q0"] == {"d29": 1}  # d0 answers q20
    assert train_rows["q1"] == {"d1": 1, "d28": 0}  # judged irrelevant: no leak
    assert data.qrels["dev"].keys().isdisjoint(data.qrels["train"])
    assert {name: data.report["leaks"][name] for name in ("checked", "removed", "found", "examples")} == {
        "checked": True,
        "removed": 1,
        "found": 0,
        "examples": {},
    }
    assert data.report["dropped"]["judgement of an unknown document"] == {
        "count": 1,
        "example": "qrels/test.tsv: q22 nowhere",
    }
    assert Document("d3", "text 3", "T") in data.corpus


def test_shared_documents_can_be_kept_and_are_counted(tmp_path, tokenizer):
    folder = beir(tmp_path / "b", {"train": [(f"q{i}", f"d{i}", 1) for i in range(20)], "test": [("q20", "d0", 1)]})
    data = prepare(folder, tokenizer, 24, PrepareSettings(dev_share=0, shared_documents="keep"), 0)
    assert data.qrels["train"]["q0"] == {"d0": 1}
    assert {sort: n for sort, n in data.report["leaks"]["by_sort"].items() if n} == {"document": 1, "text": 1}


def test_beir_with_test_only_is_split_anew_but_evaluated_as_it_is(tmp_path, tokenizer):
    folder = beir(tmp_path / "b", {"test": [(f"q{i}", f"d{i}", 1) for i in range(30)]})
    data = prepare(folder, tokenizer, 24, PrepareSettings(), 0)
    assert sum(len(qrels) for qrels in data.qrels.values()) == 30
    assert "cannot be compared with published ones" in data.report["warnings"][0]
    whole = load_for_evaluation(folder)
    assert whole.qrels == {"test": {f"q{i}": {f"d{i}": 1} for i in range(30)}}


def test_beir_where_nothing_fits_is_refused(tmp_path, tokenizer):
    folder = beir(tmp_path / "b", {"test": [("x", "d1", 1)]})
    with pytest.raises(InputError, match="no judgement matches"):
        prepare(folder, tokenizer, 24, PrepareSettings(), 0)


def test_scored_pairs_by_split(tmp_path, tokenizer):
    (tmp_path / "train.csv").write_text("sentence1,sentence2,score\na,b,5\nd,c,1\ne,f,2\nc,g,3\n")
    (tmp_path / "test.csv").write_text("sentence1,sentence2,score\nC,D,4\n")
    source = {"train": str(tmp_path / "train.csv"), "test": str(tmp_path / "test.csv")}
    data = prepare(source, tokenizer, 24, PrepareSettings(dev_share=0), 0)
    assert data.scored["train"] == [ScoredPair("a", "b", 1.0), ScoredPair("e", "f", 0.4), ScoredPair("c", "g", 0.6)]
    assert data.scored["test"] == [ScoredPair("C", "D", 0.8)]
    assert data.report["dropped"]["training row: pair occurs in dev or test"] == {"count": 1, "example": "d | c"}
    assert data.report["counts"]["training rows kept with one sentence that occurs in dev or test"] == 1
    assert [d.text for d in data.corpus] == ["a", "b", "e", "f", "c", "g", "D"]  # "C" is "c"
    assert not data.qrels


def test_scored_pairs_without_splits_share_no_sentence(tmp_path, tokenizer):
    rows = "".join(f"s{i},s{i + 1},{i % 5}\n" if i % 3 else f"x{i},y{i},{i % 5}\n" for i in range(120))
    (tmp_path / "all.csv").write_text("sentence1,sentence2,score\n" + rows)
    data = prepare(tmp_path / "all.csv", tokenizer, 24, PrepareSettings(), 0)
    sides = [
        {t for row in data.scored[split] for t in (row.sentence1, row.sentence2)} for split in ("train", "dev", "test")
    ]
    assert sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2] == set()
    assert sum(len(rows) for rows in data.scored.values()) == 120
    assert len(load_for_evaluation(tmp_path / "all.csv").scored["test"]) == 120


def test_a_data_set_that_leaks_is_refused(guide, tokenizer, tmp_path):
    data = prepare(guide, tokenizer, 24, PrepareSettings(), 0)
    save(data, tmp_path / "good")
    assert prepare(tmp_path / "good", tokenizer, 24).pairs == data.pairs
    data.pairs["train"].append(data.pairs["test"][0])
    save(data, tmp_path / "bad")
    with pytest.raises(GateError, match="The data set leaks: train shares 2 text"):
        prepare(tmp_path / "bad", tokenizer, 24)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", r"There is no /.*nowhere"),
        ("python-doc", "Did you mean 'python-docs'"),
        ({"dev": "x.csv"}, "none for train"),
        ({"trian": "x.csv"}, "Did you mean 'train'"),
    ],
)
def test_sources_that_are_none_are_refused(source, message, tokenizer):
    with pytest.raises(InputError, match=message):
        prepare(source, tokenizer, 24)


def test_half_a_beir_folder_and_unknown_files_are_refused(tmp_path):
    (tmp_path / "corpus.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match=r"has no queries\.jsonl and no qrels"):
        sniff(tmp_path)
    (tmp_path / "a.xyz").write_text("x")
    with pytest.raises(InputError, match=r"cannot read files of type '\.xyz'"):
        sniff(tmp_path / "a.xyz")
    (tmp_path / "b.md").write_text("# T")
    with pytest.raises(InputError, match="nothing to evaluate a model on"):
        load_for_evaluation(tmp_path / "b.md")


def test_sniff(guide, tmp_path):
    found = sniff(guide)
    assert (found.kind, found.counts) == ("folder", {"files": 4, ".md files": 4})
    (tmp_path / "a.csv").write_text('question,answer\nq,"two\nlines"\nr,s\n')
    found = sniff(tmp_path / "a.csv")
    assert (found.kind, found.counts) == ("table", {"rows": 2})
    assert found.columns == {"anchor": "question", "positive": "answer"}
    found = sniff(beir(tmp_path / "b", {"test": [("q1", "d1", 1)]}))
    assert (found.kind, found.counts) == ("beir", {"documents": 30, "queries": 30, "test labels": 1})
    assert sniff("python-docs").kind == "python-docs"


def test_hash_follows_the_content(guide, tmp_path):
    before = hash_source(guide)
    assert hash_source(str(guide)) == before
    (guide / "new.txt").write_text("x")
    assert hash_source(guide) != before
    assert len(hash_source("python-docs")) == 64


def test_max_passages_takes_from_all_splits(tokenizer, write_jsonl):
    """Rows that are documents of one section each: what is kept must not be chosen by what splits."""
    rows = [
        {"_id": f"n{i}", "title": f"Thing number {i} of them", "text": f"The {i * 7} parts of it weigh {i * 31}."}
        for i in range(600)
    ]
    path = write_jsonl("rows.jsonl", rows)
    data = prepare(path, tokenizer, 64, PrepareSettings(max_passages=150), 3)
    assert len(data.corpus) == 150
    assert len(data.pairs["train"]) > 100
