"""Documents come into a local index and leave it; what did not change is not encoded."""

import json

import numpy as np
import pytest

import semtune
from semtune.dataset import read_documents
from semtune.errors import ConfigError, ContractError, GateError, InputError, ModelError


def texts(index, ids):
    return [document.text for document in semtune.get(index, ids).documents]


def answers(index, query, k=3):
    searcher = semtune.Searcher.open(index)
    try:
        return [hit.id for hit in searcher.search(query, k=k)]
    finally:
        searcher.close()


def counts(done):
    return done.added, done.updated, done.unchanged, done.deleted


def test_notes_need_no_training_pairs(static_model, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "note.txt").write_text("buy milk today")
    made = semtune.index(str(static_model()), tmp_path / "one", tmp_path / "a")
    assert (made.count, answers(tmp_path / "a", "milk")) == (1, ["note.txt#1"])
    (tmp_path / "one" / "note.txt").unlink()
    (tmp_path / "one" / "page.md").write_text("# Only a kettle\n")
    assert semtune.index(str(static_model()), tmp_path / "one", tmp_path / "b").count == 1
    found = semtune.get(tmp_path / "b", ["page.md#1"]).documents[0]
    assert (found.title, found.text, answers(tmp_path / "b", "kettle")) == ("Only a kettle", "", ["page.md#1"])


def test_sync_takes_over_new_changed_and_removed_files(index, notes):
    before = semtune.verify(index).count
    done = semtune.sync(index, notes)
    assert (counts(done), done.encoded) == ((0, 0, before, 0), 0)
    (notes / "new.md").write_text("# The glacier\n\nA glacier is a river of ice.\n")
    kettle = (notes / "kettle.md").read_text()
    (notes / "kettle.md").write_text(kettle.replace("Keep the kettle", "Always keep the kettle"))
    (notes / "violin.md").unlink()
    done = semtune.sync(index, notes)
    gone = 5  # a violin has an introduction and four sections
    assert done.deleted_files == {"violin.md": gone}
    # the section after the changed one only moved in its file, so it keeps its vector
    assert (counts(done), done.encoded) == ((1, 2, before - gone - 2, gone), 2)
    assert answers(index, "glacier ice", 1) == ["new.md#1"]
    assert "Always keep" in texts(index, ["kettle.md#4"])[0]
    assert not any(id_.startswith("violin") for id_ in answers(index, "violin", 1000))
    assert semtune.verify(index).ok


def test_an_index_after_sync_is_one_built_anew(index, notes, static_model, tmp_path):
    (notes / "short.txt").write_text("buy bread and a violin\n")
    (notes / "title.md").unlink()
    semtune.sync(index, notes)
    semtune.index(str(static_model()), notes, tmp_path / "fresh")
    for place in (index, tmp_path / "fresh"):
        semtune.dump(place, place.with_suffix(".jsonl"), vectors=place.with_suffix(".npy"))
    old, new = (read_documents(place.with_suffix(".jsonl")) for place in (index, tmp_path / "fresh"))
    assert sorted(old, key=lambda d: d.id) == sorted(new, key=lambda d: d.id)
    vectors = [np.load(place.with_suffix(".npy")) for place in (index, tmp_path / "fresh")]
    order = [np.argsort([d.id for d in documents]) for documents in (old, new)]
    np.testing.assert_array_equal(vectors[0][order[0]], vectors[1][order[1]])


def test_sync_does_not_empty_an_index(index, notes):
    count = semtune.verify(index).count
    for page in list(notes.glob("*.md"))[1:]:
        page.unlink()
    with pytest.raises(GateError, match="more than half"):
        semtune.sync(index, notes)
    assert semtune.verify(index).count == count
    done = semtune.sync(index, notes, allow_many_deletions=True)
    assert done.count == count - done.deleted < count / 2
    for page in notes.iterdir():
        page.unlink()
    with pytest.raises(InputError, match="is empty"):  # as a folder that is not mounted
        semtune.sync(index, notes, allow_many_deletions=True)
    assert semtune.verify(index).count == done.count


def test_sync_keeps_what_cannot_be_read(index, notes):
    (notes / "kettle.md").write_bytes(b"\x00\x01\x02" * 100)
    done = semtune.sync(index, notes)
    assert done.kept == 5
    assert done.deleted == 0
    assert sum(done.left_out.values()) == 1


def test_rows_of_a_table_stay_when_a_folder_is_synced(index, notes, tmp_path):
    (tmp_path / "extra.csv").write_text("title,body,lang\nA,hello world,de\nB,,en\n")
    assert counts(semtune.add(index, tmp_path / "extra.csv"))[0] == 2
    done = semtune.sync(index, notes)
    assert (done.deleted, done.elsewhere) == (0, 2)
    (tmp_path / "extra.csv").write_text("title,body,lang\nA,hello world,de\n")
    done = semtune.sync(index, tmp_path / "extra.csv", allow_many_deletions=True)
    assert counts(done) == (0, 0, 1, 1)  # and no note was deleted


def test_add_writes_what_is_new_and_skips_what_is_there(index, tmp_path):
    more = tmp_path / "corpus.jsonl"
    rows = [{"_id": f"d{i}", "title": "", "text": f"kettle {i}", "metadata": {"page": i}} for i in range(3)]
    more.write_text("\n".join(map(json.dumps, rows)))
    before = semtune.verify(index).count
    assert counts(semtune.add(index, more)) == (3, 0, 0, 0)
    rows[1]["text"] = "lantern"
    rows[2]["metadata"] = {"page": 9}
    more.write_text("\n".join(map(json.dumps, rows)))
    done = semtune.add(index, more)
    assert (counts(done), done.encoded, done.count) == ((0, 2, 1, 0), 1, before + 3)


def test_rows_of_another_table_do_not_replace_documents_unasked(index, tmp_path):
    for name, text in (("a.csv", "hello"), ("b.csv", "good bye")):
        (tmp_path / name).write_text(f"title,body\nT,{text} you\nU,{text} me\n")
    semtune.add(index, tmp_path / "a.csv")
    with pytest.raises(InputError, match=r"2 ids .*'2' is in the index from a\.csv, and now comes from b\.csv"):
        semtune.add(index, tmp_path / "b.csv")
    assert texts(index, ["2"]) == ["hello you"]
    assert semtune.add(index, tmp_path / "b.csv", replace_others=True).updated == 2


def test_delete_by_id_and_by_filter(index, tmp_path):
    (tmp_path / "t.csv").write_text("title,body,lang,year\nA,one,de,1999\nB,two,de,2021\nC,three,en,2021\n")
    semtune.add(index, tmp_path / "t.csv")
    before = semtune.verify(index).count
    done = semtune.delete(index, ["short.txt#1", "nope", "short.txt#1"])
    assert (done.deleted, done.missing, done.count) == (1, ["nope"], before - 1)
    done = semtune.delete(index, where="lang=de and year=2021")
    assert (done.deleted, done.count) == (1, before - 2)
    assert semtune.get(index, ["2", "3", "4"]).missing == ["3"]
    with pytest.raises(ConfigError, match="Nothing was named"):
        semtune.delete(index)


def test_another_model_is_refused(index, notes, static_model):
    with pytest.raises(ContractError, match="fingerprint"):
        semtune.add(index, notes, model=str(static_model(1)))


def test_a_model_that_is_gone_is_named(index, notes, static_model, tmp_path):
    from dataclasses import replace

    from semtune.index import manifest as manifests

    manifests.write(replace(manifests.read(index), model=str(tmp_path / "gone")), index)
    with pytest.raises(ModelError, match="gone"):
        semtune.sync(index, notes)
    assert semtune.sync(index, notes, model=str(static_model())).added == 0
    found = semtune.verify(index)
    assert found.ok
    assert "no longer at" in found.warnings[0]


def test_verify_names_what_is_damaged(index):
    (index / "index.sqlite").write_bytes(b"x" * 10_000)
    found = semtune.verify(index)
    assert not found.ok
    assert "index.sqlite" in found.problems[0]


def test_a_dump_is_a_corpus(index, static_model, tmp_path):
    done = semtune.dump(index, tmp_path / "corpus.jsonl")
    made = semtune.index(str(static_model()), tmp_path / "corpus.jsonl", tmp_path / "again")
    assert made.count == done.count
    assert answers(tmp_path / "again", "mend the kettle") == answers(index, "mend the kettle")
    with pytest.raises(ConfigError, match="must end in"):
        semtune.dump(index, tmp_path / "x.csv")


def test_migrate_copies_value_by_value(index, tmp_path):
    done = semtune.migrate(index, tmp_path / "copy")
    assert (done.from_backend, done.to_backend) == ("local", "local")
    assert answers(tmp_path / "copy", "mend the kettle") == answers(index, "mend the kettle")
    assert semtune.verify(tmp_path / "copy").count == done.count
    with pytest.raises(InputError, match="already exists"):
        semtune.migrate(index, tmp_path / "copy")


def test_an_index_of_an_earlier_version_is_brought_into_todays_form(tmp_path):
    import shutil
    from pathlib import Path

    run = shutil.copytree(Path(__file__).parents[1] / "golden" / "v0_1_before_13" / "run", tmp_path / "run")
    with pytest.raises(InputError, match="semtune migrate"):
        semtune.delete(run, where="part=1")
    done = semtune.migrate(run, tmp_path / "new")
    assert (done.from_backend, done.to_backend) == ("faiss", "local")
    with (run / "index" / "documents.jsonl").open() as lines:
        assert done.count == sum(1 for _ in lines) == semtune.verify(tmp_path / "new").count
    assert semtune.delete(tmp_path / "new", where="part=1").deleted > 0


def test_no_index(tmp_path):
    with pytest.raises(InputError, match="is not an index"):
        semtune.verify(tmp_path)
    with pytest.raises(InputError, match="There is no folder"):
        semtune.get(tmp_path / "none", ["a"])


def test_ids_from_a_column_are_meant_and_numbers_can_be_compared(static_model, tmp_path):
    from semtune.search.searcher import Searcher

    header = "id,title,text,year,code\n"
    (tmp_path / "a.csv").write_text(header + "x,Tea,Put the kettle on.,2019,007\ny,Milk,Pour the milk.,2021,12\n")
    (tmp_path / "b.csv").write_text(header + "y,Milk,Pour the cold milk.,2021,12\nz,Cake,Cut the cake.,2023.5,1e3\n")
    semtune.index(str(static_model()), tmp_path / "a.csv", tmp_path / "index")
    made = semtune.add(tmp_path / "index", tmp_path / "b.csv")
    assert (made.added, made.updated, made.unchanged) == (1, 1, 0)
    searcher = Searcher.open(tmp_path / "index")
    found = searcher.search("milk", where="year>=2021")
    assert sorted((hit.id, hit.metadata["year"], hit.metadata["code"]) for hit in found) == [
        ("y", 2021, 12), ("z", 2023.5, "1e3"),
    ]  # fmt: skip
    assert [hit.id for hit in searcher.search("tea", where='code="007"')] == ["x"]  # no number: it keeps its zeros
    searcher.close()


def labelled(folder, dev=60):
    """A data set in BEIR's layout: each query asks by other forms for the one passage with its two words."""
    import json

    words = ["kettle", "lantern", "violin", "anvil", "barrel", "candle", "mirror", "ladder", "basket", "hammer"]
    (folder / "qrels").mkdir(parents=True)
    rows = [
        (f"d{at}", f"The {words[at % 10]} and part{at} of it, and the {words[(at // 10) % 10]}.") for at in range(60)
    ]
    corpus = "".join(json.dumps({"_id": name, "text": text}) + "\n" for name, text in rows)
    queries = "".join(
        json.dumps({"_id": f"q{at}", "text": f"{words[at % 10]}s of part{at}"}) + "\n" for at in range(60)
    )
    (folder / "corpus.jsonl").write_text(corpus)
    (folder / "queries.jsonl").write_text(queries)
    head = "query-id\tcorpus-id\tscore\n"
    (folder / "qrels" / "dev.tsv").write_text(head + "".join(f"q{at}\td{at}\t1\n" for at in range(dev)))
    return folder


def test_labelled_dev_queries_choose_how_the_index_is_searched(static_model, tmp_path):
    from contextlib import closing

    from semtune.evaluate.retrieval.bm25 import keyword_run
    from semtune.evaluate.retrieval.search_mode import choose_mode
    from semtune.evaluate.scores import score

    folder, model = labelled(tmp_path / "data"), static_model()
    made = semtune.index(str(model), folder, tmp_path / "made")
    data, encoder = semtune.load_dataset(folder), semtune.load_encoder(str(model))
    qrels = data.qrels["dev"]
    expected = choose_mode(score(encoder, data, "dev").run, keyword_run(data, qrels, 100), qrels)
    assert made.search_mode == expected.mode != "dense"
    assert made.search_mode_reason.startswith(
        f"Served: {made.search_mode} search, since it is better than vectors alone"
    )
    from semtune.cli.info import describe
    from semtune.prepare.settings import PrepareSettings

    told = describe(str(tmp_path / "made"), PrepareSettings())
    assert (told["search_mode"], told["search_mode_reason"]) == (made.search_mode, made.search_mode_reason)
    assert (told["recall_of"], told["recall_when"]) == (60, "")
    with closing(semtune.Searcher.open(tmp_path / "made")) as searcher:
        hit = searcher.search("kettles of part20", explain=True)[0]
    assert hit.explain["mode"] == made.search_mode


def test_without_labels_an_index_is_searched_by_vectors_and_says_why(index, static_model, tmp_path):
    from semtune.index import manifest as manifests

    none = "Served: dense search, since there are no labelled dev queries to choose another way with."
    assert manifests.read(index).search_mode_reason == none
    few = semtune.index(str(static_model()), labelled(tmp_path / "data", 10), tmp_path / "few")
    assert few.search_mode == "dense"
    assert "10 dev queries are too few" in few.search_mode_reason
