"""A query student and its teacher as one model: what is learned, opened, indexed together and refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from train_parts import SETTINGS, deep_teacher, retrieval_set, similarity_set

import model_makes as makes
from model_variants import PROMPTS, VARIANTS, write_variant
from semtune import contract as contracts
from semtune.dataset import Dataset
from semtune.encoders.load import load_encoder
from semtune.encoders.static import StaticEncoder
from semtune.encoders.torch import TorchEncoder
from semtune.errors import ConfigError, ContractError, InputError, ModelError
from semtune.export.build import export_model
from semtune.index import manifest as manifests
from semtune.index.build import build_index
from semtune.index.settings import IndexSettings
from semtune.search.searcher import Searcher
from semtune.testing.toy_corpus import toy_documents
from semtune.testing.toy_model import write_toy_model
from semtune.train.distil.job import DistillationJob
from semtune.train.distil.publish import publish
from semtune.train.distil.query_pair import document_part, write_pair
from semtune.train.distil.query_student import to_query
from semtune.train.distil.query_texts import query_texts
from semtune.train.distil.static_student import to_static
from semtune.types import Document, Pair, Query, ScoredPair

LEARN = SETTINGS.replace(num_train_epochs=6, learning_rate=0.003)
TEXTS = ["mend the kettle", "a dry cupboard", "Who made the VIOLIN and where?"]


def job(teacher, work, **arguments):
    return DistillationJob(teacher, "toy", work, 0, arguments)


def words(texts):
    return [len(text.split()) for text in texts]


def cosines(one, other):
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return deep_teacher(tmp_path_factory.mktemp("teacher") / "toy")


@pytest.fixture(scope="module")
def published(teacher, tmp_path_factory):
    """A trained pair in its own folder: what was made, the folder and the contract."""
    place = tmp_path_factory.mktemp("pair")
    made = to_query(job(teacher, place / "w"), retrieval_set(), "layers", None, LEARN)
    query = shutil.copytree(made.query, place / "query")
    contract = publish(made, job(teacher, place / "w"), place / "pair", {"to": "query"}, ["a line"])
    return replace(made, query=query), place / "pair", contract


@pytest.fixture(scope="module")
def served(teacher, published, tmp_path_factory):
    """The exports of the teacher and of the pair."""
    place = tmp_path_factory.mktemp("served")
    return [export_model(at, ["onnx"], place / name).folder for name, at in (("t", teacher), ("p", published[1]))]


def index(model, folder):
    documents = [Document(name, text) for name, text in toy_documents(12).items()]
    return build_index(documents, load_encoder(str(model)), model, folder, IndexSettings())


def test_questions_come_before_headings_and_short_sentences_before_long_ones():
    long = "One two three " * 15 + "end."
    data = Dataset(
        corpus=[
            Document("1", f"A short one. {long} Another.", "A heading"),
            Document("2", "A short one. The  Tested question?", "The tested QUESTION?"),
        ],
        queries={"t": Query("t", "a question of train"), "x": Query("x", "the tested question?")},
        qrels={"train": {"t": {"1": 1}}, "test": {"x": {"2": 1}}},
        pairs={"train": [Pair("an anchor", "A positive. a heading"), Pair("an anchor", " ")]},
    )
    wanted = ["an anchor", "a question of train", "A heading", "A short one.", "Another.", "A positive. a heading"]
    assert query_texts(data, words) == [*wanted, long]
    assert query_texts(data, words, 7) == query_texts(data, words, 9, 7) == [*wanted, long]
    assert query_texts(data, words, 9, 6) == query_texts(data, words, 9, 2) == wanted
    assert query_texts(data, words, 6) == wanted
    assert query_texts(data, words, 4) == wanted[:4]
    assert query_texts(data, words, 1) == ["an anchor"]
    data.queries, data.qrels, data.pairs = {}, {}, {}
    assert query_texts(data, words)[:2] == ["A heading", "The tested QUESTION?"]


def test_sentences_are_taken_from_the_whole_corpus():
    data = Dataset(corpus=[Document(str(at), f"Sentence number {at}.") for at in range(100)])
    assert query_texts(data, words, 4) == [f"Sentence number {at}." for at in (0, 25, 50, 75)]
    scored = Dataset(scored={"train": [ScoredPair("one", "two", 0.5)], "dev": [ScoredPair("three", "one", 1.0)]})
    assert query_texts(scored, words) == ["two"]  # "one" is held out


def test_the_student_comes_near_its_teacher(teacher, published):
    made, folder, contract = published
    assert made.facts["cosine"] > made.facts["cosine_before"] + 0.02
    assert (made.facts["layers"], made.facts["query_encoder"]) == ([1, 4], "layers")
    assert json.loads((made.query / "config.json").read_text())["num_hidden_layers"] == 2
    mine, theirs = (TorchEncoder.load(at).encode(TEXTS, "query").vectors for at in (made.query, teacher))
    assert cosines(mine, theirs).max() < 0.99999
    assert contract.pooling == "router"
    assert contract.base == "toy"
    assert "queries are read by the teacher's layers 1, 4, taught on" in (folder / "README.md").read_text()


def test_the_pair_opens_in_sentence_transformers_and_gives_the_parts_vectors(teacher, published):
    made, folder, _ = published
    model = SentenceTransformer(str(folder), device="cpu")
    alone = SentenceTransformer(str(teacher), device="cpu")
    np.testing.assert_array_equal(model.encode_document(TEXTS), alone.encode_document(TEXTS))
    np.testing.assert_array_equal(model.encode(TEXTS), alone.encode(TEXTS))  # without a task: the teacher
    queries = SentenceTransformer(str(made.query), device="cpu").encode_query(TEXTS)
    np.testing.assert_allclose(model.encode_query(TEXTS), queries, atol=1e-6)
    hold_to_the_library(load_encoder(str(folder)), model)


def hold_to_the_library(encoder, model):
    assert cosines(encoder.encode(TEXTS, "query").vectors, model.encode_query(TEXTS)).min() > 0.99999
    assert cosines(encoder.encode(TEXTS, "document").vectors, model.encode_document(TEXTS)).min() > 0.99999


@pytest.mark.parametrize("name", VARIANTS)
def test_the_document_part_of_every_kind_of_teacher_is_that_teacher(name, tmp_path):
    folder = write_variant(name, tmp_path / name)
    pair = tmp_path / "pair"
    write_pair(folder, folder, pair)
    whole, wanted = contracts.load(pair), contracts.load(folder)
    assert whole.document_fingerprint == whole.parts["document"].fingerprint == wanted.fingerprint
    assert whole.fingerprint != wanted.fingerprint
    assert document_part(wanted, "toy").fingerprint == wanted.fingerprint
    assert (whole.prompts, whole.normalize, whole.dimension) == (wanted.prompts, wanted.normalize, wanted.dimension)
    for role in ("query", "document"):
        np.testing.assert_array_equal(*(TorchEncoder.load(at).encode(TEXTS, role).vectors for at in (pair, folder)))


@pytest.mark.parametrize("make", [makes.truncated, makes.old_layout, makes.without_special_tokens])
def test_teachers_of_other_makes_keep_their_fingerprint_too(make, tmp_path):
    folder = make(tmp_path / "model")
    write_pair(folder, folder, tmp_path / "pair")
    assert contracts.load(tmp_path / "pair").document_fingerprint == contracts.load(folder).fingerprint
    mine, theirs = (TorchEncoder.load(at).encode(TEXTS).vectors for at in (tmp_path / "pair", folder))
    np.testing.assert_array_equal(mine, theirs)


def test_an_adapter_as_teacher_keeps_its_fingerprint_by_the_contract(tmp_path):
    folder = makes.adapter(tmp_path / "adapter", makes.toy(tmp_path / "base"), whole=True)
    short = SETTINGS.replace(max_steps=2)
    made = to_query(job(folder, tmp_path / "w"), retrieval_set(), "layers", 1, short)
    contract = publish(made, job(folder, tmp_path / "w"), tmp_path / "pair", {}, [])
    assert contract.document_fingerprint == contracts.load(folder).fingerprint
    mine, theirs = (TorchEncoder.load(at).encode(TEXTS).vectors for at in (tmp_path / "pair", folder))
    np.testing.assert_allclose(mine, theirs, atol=1e-6)


@pytest.mark.slow
def test_the_exported_parts_keep_vectors_and_fingerprints(teacher, published, served, tmp_path):
    _, folder, contract = published
    hold_to_the_library(load_encoder(str(served[1])), SentenceTransformer(str(folder), device="cpu"))
    assert load_encoder(str(served[1])).runtime == "onnx-fp32"
    np.testing.assert_array_equal(*(load_encoder(str(at)).encode(TEXTS).vectors for at in served))
    hold_both_indexes(served, contracts.load(teacher), tmp_path)
    assert contracts.load(served[1]) == replace(contract, exports=contracts.load(served[1]).exports)
    assert contracts.load(served[1] / "document").fingerprint == contracts.load(teacher).fingerprint
    assert contracts.load(served[1] / "query").fingerprint == contract.parts["query"].fingerprint


def test_without_its_contract_the_pair_has_the_same_fingerprints(teacher, published, tmp_path):
    copy = shutil.copytree(published[1], tmp_path / "copy")
    (copy / contracts.FILE).unlink()
    made = contracts.load(copy)
    assert made.fingerprint == published[2].fingerprint
    assert made.document_fingerprint == contracts.load(teacher).fingerprint


def test_an_index_of_either_is_searched_by_both(teacher, published, tmp_path):
    hold_both_indexes((teacher, published[1]), contracts.load(teacher), tmp_path)


def hold_both_indexes(models, contract, tmp_path):
    """An index of the teacher and one of the pair give the answers that brute force gives, whoever asks."""
    theirs, ours = index(models[0], tmp_path / "t"), index(models[1], tmp_path / "p")
    assert theirs.fingerprint == ours.fingerprint == contract.fingerprint
    found = {}
    for name in ("t", "p"):
        for who, model in zip(("teacher", "pair"), models, strict=True):
            searcher = Searcher.open(tmp_path / name, str(model))
            found[name, who] = [(hit.id, hit.score) for hit in searcher.search("mend the kettle", 5)]
            searcher.close()
    assert found["t", "teacher"] == found["p", "teacher"]
    assert found["t", "pair"] == found["p", "pair"]
    assert found["t", "teacher"] != found["t", "pair"]
    query = load_encoder(str(models[1])).encode(["mend the kettle"], "query").vectors[0]
    texts = toy_documents(12)
    by_hand = load_encoder(str(models[0])).encode(list(texts.values())).vectors @ query
    order = np.argsort(-by_hand)[:5]
    assert [name for name, _ in found["t", "pair"]] == [list(texts)[at] for at in order]
    np.testing.assert_allclose([score for _, score in found["t", "pair"]], by_hand[order], atol=1e-5)


def test_an_index_of_another_model_is_refused_also_at_equal_dimension(teacher, published, tmp_path):
    _, folder, contract = published
    other = write_toy_model(tmp_path / "other", toy_documents(20).values(), layers=4, seed=9)
    made = index(other, tmp_path / "index")
    assert made.dimension == contract.dimension
    with pytest.raises(ContractError, match="their vectors cannot be compared"):
        Searcher.open(tmp_path / "index", str(folder))
    index(folder, tmp_path / "pair-index")
    for model in (other, published[0].query):  # the student alone embeds documents in another way
        with pytest.raises(ContractError, match="their vectors cannot be compared"):
            Searcher.open(tmp_path / "pair-index", str(model))


def test_an_older_index_of_a_router_names_the_whole_model_and_still_opens(tmp_path):
    folder = makes.router(tmp_path / "router", static_queries=True)
    made = index(folder, tmp_path / "index")
    whole = contracts.load(folder)
    assert made.fingerprint == whole.parts["document"].fingerprint
    manifests.write(replace(made, fingerprint=whole.fingerprint), tmp_path / "index")
    assert Searcher.open(tmp_path / "index").search("kettle", 1)


def test_a_table_reads_queries_in_the_teacher_s_space(teacher, tmp_path):
    made = to_query(job(teacher, tmp_path / "w"), retrieval_set(), "static", None, LEARN.replace(learning_rate=0.02))
    assert made.facts["cosine"] > made.facts["cosine_before"] + 0.02
    assert made.how.startswith("queries are read by a table of 32 numbers per token, taught on ")
    assert load_encoder(str(made.query)).runtime == "static-fp32"
    model = SentenceTransformer(str(made.folder), device="cpu")
    np.testing.assert_allclose(
        model.encode_query(TEXTS), StaticEncoder(made.query).encode(TEXTS, "query").vectors, atol=1e-5
    )
    contract = publish(made, job(teacher, tmp_path / "w"), tmp_path / "pair", {}, [])
    assert (contract.parts["query"].pooling, contract.parts["document"].pooling) == ("static", "mean")
    assert contract.document_fingerprint == contracts.load(teacher).fingerprint


def test_a_student_reads_capitals_as_its_teacher(tmp_path):
    folder = write_variant("roberta", tmp_path / "roberta")  # its settings lower the capitals that its tokenizer knows
    copy = job(folder, tmp_path / "w").stage("start", lambda: SentenceTransformer(str(folder), device="cpu"), folder)
    mine, theirs = (SentenceTransformer(str(at), device="cpu").encode_query(TEXTS) for at in (copy, folder))
    np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("better", ["layers", pytest.param("static", marks=pytest.mark.slow)])
def test_both_kinds_are_tried_and_the_better_on_dev_is_taken(teacher, tmp_path, better):
    asked = []

    def judge(folder):
        asked.append(folder)
        kind = "static" if load_encoder(str(folder)).runtime == "static-fp32" else "layers"
        return 0.7 if kind == better else 0.6

    short = SETTINGS.replace(max_steps=2)
    made = to_query(job(teacher, tmp_path / "w"), retrieval_set(), None, None, short, judge)
    assert made.facts["query_encoder"] == better
    other = {"layers": "static", "static": "layers"}[better]
    assert made.facts["query_encoders"] == {better: 0.7, other: 0.6}
    assert (load_encoder(str(made.query)).runtime == "static-fp32") == (better == "static")
    assert len(asked) == 2
    assert ("layers" in made.facts) == (better == "layers")


@pytest.mark.slow
def test_what_cannot_be_tried_is_left_out(teacher, tmp_path):
    short, data = SETTINGS.replace(max_steps=2), retrieval_set()
    flat = write_toy_model(tmp_path / "flat", toy_documents(20).values(), layers=1)
    only = to_query(job(flat, tmp_path / "w"), data, None, None, short, lambda _: 0.5)
    assert (only.facts["query_encoder"], only.facts["query_encoders"]) == ("static", {})
    for layers, judge in ((None, None), (1, lambda _: 0.5)):  # no dev split; layers were asked for
        made = to_query(job(teacher, tmp_path / f"w{layers}"), data, None, layers, short, judge)
        assert made.facts["query_encoder"] == "layers"


def test_queries_are_learned_with_the_teacher_s_prompt(tmp_path):
    folder = write_toy_model(tmp_path / "t", toy_documents(20).values(), layers=3, prompts=PROMPTS)
    made = to_query(job(folder, tmp_path / "w"), retrieval_set(), "layers", 2, SETTINGS.replace(max_steps=2))
    asked = np.load(tmp_path / "w" / "targets.npy")
    first = retrieval_set().pairs["train"][0].anchor
    np.testing.assert_allclose(asked[0], TorchEncoder.load(folder).encode([first], "query").vectors[0], atol=1e-5)
    assert contracts.describe(made.folder).prompts == PROMPTS


@pytest.mark.parametrize("similarity", ["cosine", pytest.param("dot", marks=pytest.mark.slow)])
def test_a_teacher_whose_vectors_are_cut_is_learned_from(similarity, tmp_path):
    folder = makes.truncated(tmp_path / "model", similarity=similarity)
    made = to_query(job(folder, tmp_path / "w"), retrieval_set(), "layers", 1, SETTINGS.replace(max_steps=4))
    contract = publish(made, job(folder, tmp_path / "w"), tmp_path / "pair", {}, [])
    assert contract.dimension == contracts.load(folder).dimension == 12
    encoder = load_encoder(str(tmp_path / "pair"))
    assert encoder.encode(TEXTS, "query").vectors.shape == encoder.encode(TEXTS).vectors.shape == (3, 12)


@pytest.mark.slow
def test_data_without_questions_is_enough(teacher, tmp_path):
    data = Dataset(corpus=[Document(name, text) for name, text in toy_documents(6).items()])
    made = to_query(job(teacher, tmp_path / "w"), data, "layers", 1, SETTINGS.replace(max_steps=2))
    assert made.facts["texts"] > 20
    scored = to_query(job(teacher, tmp_path / "w2"), similarity_set(), "layers", 1, SETTINGS.replace(max_steps=2))
    assert scored.facts["texts"] > 20


def test_what_cannot_teach_a_query_student_is_refused(teacher, published, tmp_path):
    data = retrieval_set()
    table = to_static(job(teacher, tmp_path / "table"), None, None, SETTINGS).folder
    with pytest.raises(ModelError, match="toy is a static model already"):
        job(table, tmp_path / "w")
    with pytest.raises(
        ModelError, match=r"toy is a Router model.* the model that reads its documents; it was made from"
    ):
        job(published[1], tmp_path / "w")
    with pytest.raises(ConfigError, match=r"--layers is 4; allowed: 1 to 3, since the teacher has 4"):
        to_query(job(teacher, tmp_path / "w"), data, "layers", 4, LEARN)
    with pytest.raises(InputError, match="0 questions, headings and sentences to learn from"):
        to_query(job(teacher, tmp_path / "w"), Dataset(), "layers", None, LEARN)
    flat = write_toy_model(tmp_path / "flat", layers=1)
    with pytest.raises(ModelError, match=r"only one layer, so none can be left out.* --query-encoder static"):
        to_query(job(flat, tmp_path / "w"), data, "layers", None, LEARN)


@pytest.mark.slow
def test_a_killed_query_student_continues_and_ends_the_same(teacher, tmp_path, monkeypatch):
    short = LEARN.replace(num_train_epochs=1)
    whole = to_query(job(teacher, tmp_path / "whole"), retrieval_set(), "layers", 2, short)
    from semtune.train.monitor.training_monitor import TrainingMonitor

    saved = TrainingMonitor.on_save

    def die(self, args, state, control, **others):
        saved(self, args, state, control, **others)
        if state.global_step >= state.max_steps // 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TrainingMonitor, "on_save", die)
        with pytest.raises(KeyboardInterrupt):
            to_query(job(teacher, tmp_path / "killed"), retrieval_set(), "layers", 2, short)
    again = to_query(job(teacher, tmp_path / "killed"), retrieval_set(), "layers", 2, short)
    np.testing.assert_array_equal(
        *(TorchEncoder.load(made.folder).encode(TEXTS, "query").vectors for made in (whole, again))
    )


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.model
def test_two_layers_of_minilm_learn_the_claims_of_scifact(real_data, tmp_path):
    import semtune

    data = semtune.load_dataset(real_data / "scifact")
    data.qrels["test"] = dict(list(data.qrels["test"].items())[:60])
    data.qrels["train"] = dict(list(data.qrels["train"].items())[:400])
    judged = {document for row in data.qrels["test"].values() for document in row}
    data.corpus = [document for document in data.corpus if document.id in judged]
    from semtune import dataset as datasets

    datasets.save(data, tmp_path / "data")
    settings = semtune.TrainSettings(max_steps=60, per_device_train_batch_size=32)
    made = semtune.distil("all-MiniLM-L6-v2", "query", tmp_path / "pair", data=tmp_path / "data", settings=settings)
    assert made.facts["cosine"] > made.facts["cosine_before"] + 0.2
    quality = made.facts["quality"]
    assert quality["n"] == 60
    assert quality["kept"] > 0.7
    assert made.facts["one_query"]["student"]["p50"] < made.facts["one_query"]["teacher"]["p50"]
    teacher = load_encoder("all-MiniLM-L6-v2")
    assert made.contract.document_fingerprint == teacher.contract.fingerprint
