"""Index folders: what lies in them, what is refused, and that they are whole or not there."""

from contextlib import closing

import numpy as np
import pytest
from index_parts import DOCUMENTS, ODD, ask, documents_of, hold_answers, open_folder

from semtune.encoders.toy import ToyEncoder
from semtune.errors import ConfigError, ContractError, InputError
from semtune.index import build as building
from semtune.index import manifest as manifests
from semtune.index.build import build_index
from semtune.index.collection import Match
from semtune.index.documents import DocumentStore
from semtune.index.manifest import require_same_model
from semtune.index.settings import IndexSettings
from semtune.io import read_json, write_json
from semtune.types import Document

OTHERS = [Document(f"other {i}", f"{word} and nothing else") for i, word in enumerate(("bird", "kettle", "evening"))]
ENCODER = ToyEncoder(dimension=128)


class Broken(ToyEncoder):
    """The same model, breaking down or giving no numbers."""

    def __init__(self, value=None):
        super().__init__(dimension=128)
        self.value = value

    def encode(self, texts, role="document", progress=None):
        if self.value is None:
            raise RuntimeError("power cut")
        made = super().encode(texts, role, progress)
        made.vectors[-1, 3] = self.value
        return made


@pytest.fixture
def folder(kept, tmp_path):
    """An index of `DOCUMENTS`, with its model beside it."""
    (tmp_path / "model").mkdir()
    build_index(DOCUMENTS, ENCODER, tmp_path / "model", tmp_path / "index", kept.settings)
    return tmp_path / "index"


def test_documents_come_back_whole_in_any_order(folder):
    assert manifests.read(folder).count == len(DOCUMENTS)
    assert documents_of(folder) == DOCUMENTS
    with closing(open_folder(folder)) as collection, collection.snapshot() as snapshot:
        wanted = [DOCUMENTS[4], DOCUMENTS[0], DOCUMENTS[4], DOCUMENTS[9]]
        assert snapshot.get([document.id for document in wanted]) == wanted
        assert snapshot.get(["ä/b c"])[0].title == ODD
        assert snapshot.get([]) == []
        assert snapshot.get(["none"]) == [None]
        assert snapshot.count() == len(DOCUMENTS)


@pytest.mark.parametrize("query", ["bird", "the lantern in the evening", "kettle glue", "anvil"])
def test_ids_and_scores_are_those_of_brute_force(folder, query):
    hold_answers(folder, DOCUMENTS, ENCODER, query, 4)


def test_the_manifest_says_what_is_there(folder, kept):
    manifest = manifests.read(folder)
    assert manifest == manifests.IndexManifest(
        backend=kept.settings.backend, index_type="Flat" if kept.name == "local" else "FLAT", metric="ip",
        dimension=128, count=10, model="../model", model_name="toy", fingerprint="toy-128-32-", runtime="toy",
        recall_at_10=1.0, recall_of=10, truncated=0, uri=kept.settings.uri, collection=manifest.collection, asked_with="chunks",
        left_out={}, warnings=[],
    )  # fmt: skip
    assert bool(manifest.collection) == (kept.name != "local")


def test_truncated_documents_are_counted(tmp_path):
    long = [Document("a", "word " * 33), Document("b", "word " * 32), Document("c", "word " * 31, "title")]
    assert build_index(long, ENCODER, tmp_path, tmp_path / "index", IndexSettings()).truncated == 1


def test_other_clients_of_milvus_find_the_ids(backend_named, tmp_path):
    from pymilvus import MilvusClient

    for name in ("milvus-file", "milvus-server"):
        backend = backend_named(name)
        settings = backend.settings.replace(collection="my_documents")
        made = build_index(DOCUMENTS, ENCODER, tmp_path, tmp_path / name, settings)
        client = MilvusClient(uri=backend.uri)
        rows = client.query("my_documents", filter="place >= 0", output_fields=["id", "text", "metadata"])
        assert {row["id"]: (row["text"], row["metadata"]) for row in rows} == {
            d.id: (d.text, d.metadata) for d in DOCUMENTS
        }
        hit = client.search("my_documents", data=ENCODER.encode(["violin"]).vectors.tolist(), limit=1)[0][0]
        assert hit["id"] == "日本"
        # Built anew, the name leads to the new collection; the one made by others is left alone.
        build_index(OTHERS, ENCODER, tmp_path, tmp_path / name, settings)
        found = client.query("my_documents", filter="place >= 0", output_fields=["id"])
        assert {row["id"] for row in found} == {d.id for d in OTHERS}
        with pytest.raises(InputError, match=r"already has a collection .* that was not made by this index"):
            build_index(OTHERS, ENCODER, tmp_path, tmp_path / "else", settings.replace(collection=made.collection))
        client.close()


def test_ids_that_occur_twice_are_refused(kept, tmp_path):
    twice = [*DOCUMENTS, Document("7", "again")]
    with pytest.raises(InputError, match="The document id '7' occurs more than once"):
        build_index(twice, ENCODER, tmp_path, tmp_path / "index", kept.settings)
    assert list(tmp_path.iterdir()) == []


def test_no_documents_are_refused(kept, tmp_path):
    with pytest.raises(InputError, match="no documents to index"):
        build_index([], ENCODER, tmp_path, tmp_path / "index", kept.settings)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_vectors_that_are_no_numbers_are_refused(kept, tmp_path, value):
    with pytest.raises(InputError, match="'toy' gave vectors with NaN"):
        build_index(DOCUMENTS, Broken(value), tmp_path, tmp_path / "index", kept.settings)
    assert list(tmp_path.iterdir()) == []


def test_milvus_refuses_ids_longer_than_its_keys(backend_named, tmp_path):
    documents = [Document("ä" * 2049, "4098 bytes")]
    with pytest.raises(InputError, match=r"has 4,098 bytes in UTF-8, but Milvus takes at most 4,096"):
        build_index(documents, ENCODER, tmp_path, tmp_path / "index", backend_named("milvus-file").settings)
    build_index(documents, ENCODER, tmp_path, tmp_path / "index", IndexSettings())


def test_settings_that_cannot_be_built_are_refused():
    for settings, words in (
        ({"backend": "loca"}, r"index backend 'loca'. Allowed: local, milvus. Did you mean 'local'\?"),
        ({"backend": "milvus"}, "needs a uri"),
        ({"backend": "local", "uri": "x.db"}, r"a uri only works with the milvus backend"),
    ):
        with pytest.raises(ConfigError, match=words):
            IndexSettings(**settings)
    assert IndexSettings(backend="faiss") == IndexSettings()  # its name before it could be written


def test_the_manifest_is_written_last(kept, tmp_path, monkeypatch):
    seen = []
    write = manifests.write

    def watch(manifest, folder):
        seen.append({path.name for path in folder.iterdir()})
        write(manifest, folder)

    monkeypatch.setattr(manifests, "write", watch)
    build_index(DOCUMENTS, ENCODER, tmp_path, tmp_path / "index", kept.settings)
    assert [{path.name for path in (tmp_path / "index").iterdir()} - seen[0]] == [{"manifest.json"}]


def test_built_anew_it_holds_only_the_new(folder, kept, tmp_path):
    for documents in (OTHERS, DOCUMENTS, OTHERS[:2]):
        build_index(documents, ENCODER, tmp_path / "model", folder, kept.settings)
        hold_answers(folder, documents, ENCODER, "kettle in the evening", 2)
        assert documents_of(folder) == documents
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "model"]


@pytest.mark.parametrize("where", ["encoder", "vectors", "documents", "manifest"])
def test_a_build_that_breaks_down_leaves_the_old_index(folder, kept, tmp_path, monkeypatch, where):
    before = ask(folder, ENCODER, "bird", 10)
    encoder = Broken() if where == "encoder" else ENCODER

    def fail(*_args, **_kwargs):
        raise RuntimeError("power cut")

    if where == "vectors":
        monkeypatch.setattr(building, "recall_of", fail)
    if where == "documents":
        monkeypatch.setattr(building, "_fill", fail)
    if where == "manifest":
        monkeypatch.setattr(manifests, "write", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        build_index(OTHERS, encoder, tmp_path / "model", folder, kept.settings)
    monkeypatch.undo()
    assert ask(folder, ENCODER, "bird", 10) == before
    hold_answers(folder, DOCUMENTS, ENCODER, "bird", 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "model"]
    build_index(OTHERS, ENCODER, tmp_path / "model", folder, kept.settings)
    hold_answers(folder, OTHERS, ENCODER, "bird", 3)


def test_an_index_opened_before_it_was_built_anew_goes_on_answering(folder, kept, tmp_path):
    with closing(open_folder(folder)) as collection:
        build_index(OTHERS[::-1], ENCODER, tmp_path / "model", folder, kept.settings)
        with collection.snapshot() as snapshot:
            found = snapshot.search(ENCODER.encode(["violin"]).vectors, 1)[0]
            assert snapshot.get([match.id for match in found]) == [DOCUMENTS[5]]
            assert list(snapshot.documents()) == DOCUMENTS


def test_two_indexes_in_one_database_do_not_meet(folder, kept, tmp_path):
    for name in ("second/index", "second/índex"):
        build_index(OTHERS, ENCODER, tmp_path / "model", tmp_path / name, kept.settings)
        hold_answers(tmp_path / name, OTHERS, ENCODER, "bird", 3)
    hold_answers(folder, DOCUMENTS, ENCODER, "bird", 10)


def test_another_model_is_refused_also_at_equal_dimension(folder):
    manifest = manifests.read(folder)
    require_same_model(manifest, ENCODER.contract)
    other = ToyEncoder(dimension=128, salt="x").contract
    assert other.dimension == manifest.dimension
    with pytest.raises(
        ContractError, match=r"'toy' \(fingerprint toy-128-32-\), but 'toy' has the fingerprint toy-128-32-x"
    ):
        require_same_model(manifest, other)


def test_the_path_to_the_model_survives_a_move_if_they_lie_together(tmp_path):
    inside, outside = tmp_path / "run" / "export", tmp_path / "elsewhere"
    assert build_index(OTHERS, ENCODER, inside, tmp_path / "run" / "index", IndexSettings()).model == "../export"
    assert build_index(OTHERS, ENCODER, outside, tmp_path / "run" / "index", IndexSettings()).model == str(outside)
    home = tmp_path / "run" / "index"
    made = build_index(OTHERS, ENCODER, inside, tmp_path / "scratch" / "deep" / "index", IndexSettings(), home=home)
    assert made.model == "../export"


def test_a_folder_that_is_no_index_is_refused(backend_named, tmp_path):
    with pytest.raises(InputError, match=r"is not an index: it has no manifest\.json. Build one with `semtune index"):
        manifests.read(tmp_path)
    folder = tmp_path / "index"
    build_index(DOCUMENTS, ENCODER, tmp_path, folder, backend_named("milvus-file").settings)
    values = read_json(folder / "manifest.json")
    for change, words in (
        ({"kind": "semtune-run"}, "is not the manifest of an index"),
        ({"format": 99}, r"format 99\.0, which is newer than the 2\.1 .* Install a newer Semtune"),
        ({"unknown": 1}, "is damaged .*Build the index again"),
    ):
        write_json(folder / "manifest.json", values | change)
        with pytest.raises(InputError, match=words):
            manifests.read(folder)
    (folder / "manifest.json").write_text("[]")
    with pytest.raises(InputError, match="is not the manifest"):
        manifests.read(folder)


@pytest.mark.parametrize("kept", ["milvus-file", "milvus-server"], indirect=True)
def test_a_collection_that_is_gone_or_of_another_model_is_refused_in_words(folder, kept):
    from pymilvus import MilvusClient

    name = manifests.read(folder).collection
    client = MilvusClient(uri=kept.uri)
    values = read_json(folder / "manifest.json")
    for change in ({"fingerprint": "another"}, {"dimension": 64}):
        write_json(folder / "manifest.json", values | change)
        with pytest.raises(InputError, match=r"holds vectors of 128 dimensions of the model toy-128.*replaced it"):
            open_folder(folder)
    write_json(folder / "manifest.json", values)
    client.drop_collection(name)
    client.close()
    with pytest.raises(InputError, match=f"has no collection '{name}'. Build it with `semtune index"):
        open_folder(folder)


def test_a_milvus_that_is_not_there_or_not_ours_is_refused_in_words(milvus_server, tmp_path, caplog):
    for uri, words in (
        ("http://127.0.0.1:9", "No Milvus server answers at 'http://127.0.0.1:9'.*the address of a server such as"),
        (str(milvus_server[1]), "another process is using it"),  # the running server's own file
        (str(tmp_path), "milvus-lite cannot open"),
    ):
        with pytest.raises(InputError, match=words):
            build_index(DOCUMENTS, ENCODER, tmp_path, tmp_path / "index", IndexSettings(backend="milvus", uri=uri))
    assert caplog.records == []


def test_a_store_without_its_files_is_refused(tmp_path):
    with pytest.raises(InputError, match="is incomplete"):
        DocumentStore(tmp_path)


def test_the_recall_is_asked_with_queries_or_with_chunks_never_with_what_is_indexed(tmp_path):
    asked = []

    class Noting:
        contract, runtime = ENCODER.contract, ENCODER.runtime

        def encode(self, texts, role="document", progress=None):
            asked.append((role, list(texts)))
            return ENCODER.encode(texts, role, progress)

    documents = [Document("a", "one two three four five six seven eight nine"), Document("b", "ten")]
    made = build_index(documents, Noting(), tmp_path, tmp_path / "one", IndexSettings())
    assert made.asked_with == "chunks"
    assert sorted(asked[0][1]) == ["four five six", "ten"]
    made = build_index(documents, Noting(), tmp_path, tmp_path / "two", IndexSettings(), queries=["what is ten?"])
    assert (made.asked_with, asked[2]) == ("queries", ("query", ["what is ten?"]))


def test_documents_are_encoded_and_written_in_batches(kept, tmp_path, monkeypatch):
    monkeypatch.setattr(building, "BATCH", 4)
    monkeypatch.setattr(building, "WRITTEN", 3)
    made = build_index(DOCUMENTS, ENCODER, tmp_path, tmp_path / "index", kept.settings)
    assert (made.count, made.recall_at_10) == (len(DOCUMENTS), 1.0)
    assert documents_of(tmp_path / "index") == DOCUMENTS
    hold_answers(tmp_path / "index", DOCUMENTS, ENCODER, "the lantern in the evening", 4)


def test_recall_counts_what_the_index_misses_of_the_exact_ten():
    vectors = np.eye(40, 20, dtype=np.float32) + np.linspace(0, 0.5, 40, dtype=np.float32)[:, None]
    queries = vectors[:4] * 0.5
    best = building.best_scores(np.empty((4, 0), np.float32), queries, vectors[:25])
    best = building.best_scores(best, queries, vectors[25:])
    np.testing.assert_allclose(best, -np.sort(-(queries @ vectors.T))[:, :10], atol=1e-6)

    class Some:
        """Gives every `step`-th of the exact answers."""

        def __init__(self, step):
            self.step = step

        def search(self, asked, k):
            scores = -np.sort(-(asked @ vectors.T))[:, : self.step * k : self.step]
            return [[Match("x", score) for score in row] for row in scores.tolist()]

    assert building.recall_of(Some(1), queries, best) == 1.0
    assert building.recall_of(Some(2), queries, best) == 0.5
