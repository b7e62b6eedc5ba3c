"""Questions in, documents out: equal to exact search, refused in words, from many threads."""

import shutil
import subprocess
import sys
import textwrap
import threading
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from semtune import contract as contracts
from semtune.contract import Calibration
from semtune.encoders.load import load_encoder
from semtune.encoders.onnx import open_onnx
from semtune.encoders.toy import ToyEncoder
from semtune.errors import ContractError, InputError, ModelError
from semtune.index import manifest as manifests
from semtune.index.build import build_index
from semtune.index.settings import IndexSettings
from semtune.protocols import Encoder
from semtune.search.searcher import MAX_K, Searcher, SearchOptions, has_index, index_folder
from semtune.testing.exact_collection import ExactCollection
from semtune.testing.toy_corpus import toy_documents
from semtune.types import Document, Hit

QUESTIONS = [
    "how to mend a kettle",
    "Where do I keep the violin?",
    "wipe with a damp cloth",
    "日本",
    "x",
    "frost " * 200,
]


def passages():
    """A document for each section of the toy pages."""
    made = []
    for name, page in toy_documents(20).items():
        for number, section in enumerate(page.split("\n## ")[1:]):
            title, text = section.split("\n\n", 1)
            made.append(Document(f"{name}#{number}", text.strip(), title, {"page": name, "number": number}))
    return made


DOCUMENTS = passages()


@pytest.fixture(scope="session")
def run(exported, tmp_path_factory):
    """A run's folder with an exported model (with prompts) and an index."""
    root = tmp_path_factory.mktemp("search") / "run"
    shutil.copytree(exported("dense").folder, root / "export")
    (root / "config.yaml").write_text("name: toy\n")
    build_index(DOCUMENTS, open_onnx(root / "export"), root / "export", root / "index", IndexSettings())
    return root


@pytest.fixture(scope="session")
def searcher(run):
    opened = Searcher.open(run)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def truth(exported):
    """Question → every document's id and score, best first, by sentence-transformers and numpy alone."""
    model = SentenceTransformer(str(exported("dense").source), device="cpu")
    documents = model.encode_document([f"{d.title} {d.text}" for d in DOCUMENTS])

    def answer(question):
        scores = documents @ model.encode_query(question)
        return [(DOCUMENTS[row].id, float(scores[row])) for row in np.argsort(-scores, kind="stable")]

    return answer


def pairs(hits):
    return [(hit.id, hit.score) for hit in hits]


def same(hits, want):
    """Ids and scores are equal; where scores are closer than the encoders' rounding, the order may differ."""
    np.testing.assert_allclose([s for _, s in pairs(hits)], [s for _, s in want[: len(hits)]], atol=1e-5)
    scores = dict(want)
    np.testing.assert_allclose([s for _, s in pairs(hits)], [scores[i] for i, _ in pairs(hits)], atol=1e-5)
    assert len({hit.id for hit in hits}) == len(hits)


@pytest.mark.parametrize("question", QUESTIONS)
def test_answers_are_those_of_exact_search(searcher, truth, question):
    hits = searcher.search(question, k=7)
    assert len(hits) == 7
    same(hits, truth(question))


def test_a_hit_carries_its_whole_document(searcher):
    by_id = {d.id: d for d in DOCUMENTS}
    for hit in searcher.search("how to store a candle", k=10):
        document = by_id[hit.id]
        assert hit == Hit(document.id, hit.score, document.text, document.title, document.metadata)
        assert hit.as_dict() == {
            "id": document.id, "score": hit.score, "text": document.text, "title": document.title,
            "metadata": document.metadata,
        }  # fmt: skip
        assert isinstance(hit.score, float)


def test_many_questions_at_once_are_answered_as_alone(searcher):
    together = [answer.hits for answer in searcher.answer_many(QUESTIONS, SearchOptions(5))]
    for question, hits in zip(QUESTIONS, together, strict=True):
        alone = searcher.search(question, k=5)
        assert [hit.id for hit in hits] == [hit.id for hit in alone]
        np.testing.assert_allclose([h.score for h in hits], [h.score for h in alone], atol=1e-6)
    assert searcher.answer_many([]) == []


def test_k_has_bounds(searcher, truth):
    assert searcher.count == len(DOCUMENTS) == 80
    everything = searcher.search("kettle", k=MAX_K)
    same(everything, truth("kettle"))
    assert {hit.id for hit in everything} == {d.id for d in DOCUMENTS}
    assert len(searcher.search("kettle", k=1)) == 1
    for k in (0, -1, MAX_K + 1):
        with pytest.raises(InputError, match=f"k is {k}; allowed: 1 to {MAX_K}"):
            searcher.search("kettle", k=k)


@pytest.mark.parametrize("query", ["", "   ", "\n\t\u2003"])
def test_an_empty_question_is_refused(searcher, query):
    with pytest.raises(InputError, match=r"The query is empty\. Give at least one word"):
        searcher.search(query)
    with pytest.raises(InputError, match="The query is empty"):
        searcher.answer_many(["kettle", query])


def test_many_threads_get_the_same_answers(searcher):
    want = {question: pairs(searcher.search(question, k=5)) for question in QUESTIONS}
    wrong: list[object] = []

    def work(number):
        try:
            for turn in range(8):
                question = QUESTIONS[(number + turn) % len(QUESTIONS)]
                found = pairs(searcher.search(question, k=5))
                assert [i for i, _ in found] == [i for i, _ in want[question]]
                np.testing.assert_allclose([s for _, s in found], [s for _, s in want[question]], atol=1e-6)
        except BaseException as error:  # a thread's failure must reach the test
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_index_folder_and_its_run_are_the_same(run, searcher):
    assert index_folder(run) == index_folder(run / "index") == run / "index"
    opened = Searcher.open(run / "index")
    assert opened.search("kettle", 5) == searcher.search("kettle", 5)
    assert isinstance(opened.encoder, Encoder)
    assert opened.encoder.runtime == "onnx-fp32"


def test_a_moved_run_still_opens(run, searcher, tmp_path):
    shutil.copytree(run, tmp_path / "first" / "run")
    (tmp_path / "first").rename(tmp_path / "second")
    moved = Searcher.open(tmp_path / "second" / "run")
    assert moved.search("kettle", 5) == searcher.search("kettle", 5)


def test_a_run_opens_by_a_relative_path(run, searcher, monkeypatch):
    from pathlib import Path

    monkeypatch.chdir(run.parent)
    assert Searcher.open(Path("run")).search("kettle", 3) == searcher.search("kettle", 3)
    monkeypatch.chdir(run / "index")
    assert Searcher.open(Path()).search("kettle", 3) == searcher.search("kettle", 3)


def test_another_place_of_the_same_model_serves(run, exported, searcher, tmp_path):
    shutil.copytree(run / "index", tmp_path / "index")
    with pytest.raises(ModelError):
        Searcher.open(tmp_path / "index")  # its model lay beside it
    opened = Searcher.open(tmp_path / "index", model=str(exported("dense").folder))
    assert opened.search("kettle", 5) == searcher.search("kettle", 5)
    by_torch = Searcher.open(tmp_path / "index", model=str(exported("dense").source))
    assert by_torch.encoder.runtime == "torch-fp32"  # the same fingerprint: the same vectors
    same(by_torch.search("kettle", 5), pairs(searcher.search("kettle", 80)))


def test_another_model_is_refused_also_at_equal_dimension(run, exported):
    with pytest.raises(ContractError, match=r"built with the model .*their vectors cannot be compared.*semtune index"):
        Searcher.open(run, model=str(exported("mean").folder))
    collection = ExactCollection.empty(64)
    with pytest.raises(ContractError, match="cannot be compared"):
        Searcher(ToyEncoder(salt="x"), collection)


def test_folders_without_index_are_refused_with_the_next_step(tmp_path, run):
    with pytest.raises(
        InputError, match=r"There is no folder /.*none\. Give an index made by `semtune index`, or a run"
    ):
        Searcher.open(tmp_path / "none")
    with pytest.raises(InputError, match=r"is not an index: it has no manifest\.json"):
        Searcher.open(tmp_path)
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(InputError, match=r"has no index yet\. Continue it with `semtune run .*config\.yaml`"):
        Searcher.open(tmp_path)
    assert [has_index(path) for path in (run, run / "index", run / "export", tmp_path, tmp_path / "none")] == [
        True, True, False, True, False,
    ]  # fmt: skip


def test_an_index_of_which_the_database_is_gone_is_refused_in_words(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "index" / "index.sqlite").unlink()
    with pytest.raises(InputError, match=r"its index\.sqlite is missing. Build it again with `semtune index`"):
        Searcher.open(tmp_path / "run")


def test_milvus_answers_as_the_local_back_end_does(run, searcher, tmp_path):
    uri = str(tmp_path / "x.db")
    build_index(
        DOCUMENTS, searcher.encoder, run / "export", tmp_path / "index", IndexSettings(backend="milvus", uri=uri)
    )
    opened = Searcher.open(tmp_path / "index")
    for question in QUESTIONS:
        same(opened.search(question, 6), pairs(searcher.search(question, 80)))
    assert opened.answer_many([]) == []
    opened.close()


ASK = textwrap.dedent("""
    import importlib.abc, json, sys
    from pathlib import Path

    class Poison(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in {"torch", "transformers", "sentence_transformers", "datasets"}:
                raise AssertionError(f"{name} was imported")

    sys.meta_path.insert(0, Poison())
    from semtune.search.searcher import Searcher

    hits = Searcher.open(Path(sys.argv[1])).search(sys.argv[2], 5)
    print(json.dumps([[hit.id, hit.score] for hit in hits]))
""")


def test_search_never_imports_torch(run, truth):
    import json

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ASK, str(run), "mend the kettle"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found, want = json.loads(done.stdout), truth("mend the kettle")[:5]
    np.testing.assert_allclose([score for _, score in found], [score for _, score in want], atol=1e-5)
    assert found[0][0] == want[0][0]


def test_a_minimum_score_and_the_probability_beside_each_hit(run, tmp_path):
    root = tmp_path / "run"
    shutil.copytree(run, root)
    contract = contracts.load(root / "export")
    thresholds = {"best-f1": 0.4, "p0.9": 2.0}
    contracts.save(
        replace(contract, thresholds=thresholds, calibration=Calibration(8.0, -3.0, "it is")), root / "export"
    )
    with closing(Searcher.open(root)) as opened:
        every = opened.search("how to mend a kettle", k=80)
        assert [hit.probability for hit in every] == pytest.approx([1 / (1 + np.exp(3 - 8 * h.score)) for h in every])
        kept = opened.search("how to mend a kettle", k=80, min_score="best-f1")
        assert kept == [hit for hit in every if hit.score >= 0.4]
        assert 0 < len(kept) < 80
        answers = opened.answer_many(["kettle", "violin"], SearchOptions(5, "p0.9"))
        assert [answer.hits for answer in answers] == [[], []]
        assert kept[0].as_dict()["probability"] == kept[0].probability
        with pytest.raises(InputError, match=r"no threshold 'p0.8'. .*best-f1 \(0.400\), p0.9 \(2.000\)"):
            opened.search("kettle", min_score="p0.8")


def test_an_answer_says_how_much_of_the_query_was_cut(searcher):
    tokenizer = searcher.encoder.tokenizer("query")
    limit = searcher.encoder.contract.max_length
    for question in QUESTIONS:
        answer = searcher.answer(question, SearchOptions(3))
        assert [hit.id for hit in answer.hits] == [hit.id for hit in searcher.search(question, k=3)]
        beyond = max(0, tokenizer.lengths([question], "query")[0] - limit)
        assert answer.cut_tokens == beyond
        assert any("were cut" in warning for warning in answer.warnings) == (beyond > 0)
    assert searcher.answer("frost " * 200).cut_tokens > 100
    assert any("cannot read this query" in warning for warning in searcher.answer("日本").warnings)


@pytest.mark.parametrize("rule", ["cut", "error", "window"])
def test_a_query_is_read_as_the_documents_were_unless_told_otherwise(run, exported, tmp_path, rule):
    model = exported("dense").folder
    encoder = load_encoder(str(model), truncate=rule)
    short = [Document("a", "a kettle"), Document("b", "a lantern")]
    build_index(short, encoder, model, tmp_path / "index", IndexSettings(truncate=rule))
    assert manifests.read(tmp_path / "index").truncate == rule
    for asked, used in ((None, rule), ("window", "window"), ("cut", "cut")):
        with closing(Searcher.open(tmp_path / "index", truncate=asked)) as opened:
            assert opened.encoder.truncate == used
            if used == "error":
                with pytest.raises(
                    InputError, match=r"the first: the query 'frost frost .* truncate: error forbids that"
                ):
                    opened.search("frost " * 200)
            else:
                assert opened.answer("frost " * 200).cut_tokens == (0 if used == "window" else 206 - 64)


def test_an_index_of_texts_that_may_not_be_cut_names_the_document(exported, tmp_path):
    model = exported("dense").folder
    long = [Document("a", "a kettle"), Document("b.txt", "kettle " * 100)]
    with pytest.raises(InputError, match=r"1 of 2 text is longer .* \(the first: b.txt\)"):
        build_index(long, load_encoder(str(model), truncate="error"), model, tmp_path / "x", IndexSettings())
    queries = ["a kettle", "frost " * 200]  # only measure the recall: the long one is left out
    strict = load_encoder(str(model), truncate="error")
    made = build_index(long[:1], strict, model, tmp_path / "x", IndexSettings(truncate="error"), queries=queries)
    assert made.recall_at_10 == 1
    cut = build_index(long, load_encoder(str(model)), model, tmp_path / "y", IndexSettings())
    assert (cut.truncated, cut.cut_tokens) == (1, 100 + 2 + 2 - 64)  # "all about" stands before each document
