"""A local collection against a dictionary and brute force, through any order of writes."""

import shutil
import sqlite3
import threading
from contextlib import closing

import numpy as np
import pytest
from local_parts import DIMENSION, Reference, create, document, empty_manifest, hold, reopen, vectors

from semtune.errors import InputError
from semtune.index import manifest as manifests
from semtune.index.collection import Changed
from semtune.index.filters import AllOf, Comparison
from semtune.index.local import compaction, database, kinds
from semtune.index.local import snapshot as snapshots
from semtune.index.local.backend import LocalBackend
from semtune.index.settings import IndexSettings
from semtune.types import Document

GERMAN = Comparison("lang", "=", "de")
RECENT = AllOf((GERMAN, Comparison("year", ">=", 2005)))


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def collection(tmp_path):
    made = create(tmp_path / "index")
    yield made
    made.close()


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 6))])
def test_any_order_of_writes(tmp_path, seed, monkeypatch):
    monkeypatch.setattr(compaction, "SEAL_AT", 25)
    if seed % 2:
        monkeypatch.setattr(snapshots, "SCANNED", 0)  # filters go through the masks of segments
        monkeypatch.setattr(snapshots, "SCANNED_SHARE", 0)
    rng, reference = np.random.default_rng(seed), Reference()
    collection = create(tmp_path / "index")
    for _ in range(60):
        what = rng.choice(
            ["upsert", "upsert", "delete", "compact", "reopen", "verify"], p=[0.3, 0.3, 0.2, 0.07, 0.08, 0.05]
        )
        if what == "upsert":
            names = [f"d{i}" for i in rng.choice(80, int(rng.integers(1, 20)), replace=False)]
            documents, made = [document(rng, name) for name in names], vectors(rng, len(names))
            collection.upsert(documents, made)
            reference.upsert(documents, made)
        elif what == "delete":
            names = [f"d{i}" for i in rng.choice(90, int(rng.integers(1, 12)))]
            assert collection.delete(names) == reference.delete(names)
        elif what == "compact":
            collection.compact()
        elif what == "reopen":
            collection.close()
            assert manifests.read(tmp_path / "index").count == len(reference.kept)
            collection = reopen(tmp_path / "index")
        else:
            assert collection.verify() == []
        queries = vectors(rng, 3)
        for where in (None, GERMAN, RECENT):
            hold(collection, reference, queries, int(rng.integers(1, 100)), where)
    assert collection.verify() == []
    collection.close()


def test_changes_are_counted_and_equal_documents_left_alone(collection, rng):
    documents, made = [document(rng, f"d{i}") for i in range(10)], vectors(rng, 10)
    assert collection.upsert(documents, made) == Changed(10, 0, 0)
    assert collection.upsert(documents, made) == Changed(0, 0, 10)
    new = [documents[0], Document("d1", "other"), document(rng, "new")]
    assert collection.upsert(new, made[[0, 1, 2]]) == Changed(1, 1, 1)
    assert collection.upsert([documents[2]], made[[3]]) == Changed(0, 1, 0)  # another vector
    assert collection.delete(["d1", "d1", "none"]) == 1
    assert collection.delete([]) == 0
    assert collection.upsert([], np.empty((0, DIMENSION), np.float32)) == Changed()
    with collection.snapshot() as snapshot:
        assert snapshot.count() == 10
        assert set(snapshot.hashes(["d0", "d1", "d2"])) == {"d0", "d2"}


def test_equal_scores_come_in_the_order_of_writing(collection, rng):
    one = vectors(rng, 1)
    documents = [document(rng, f"d{i}") for i in range(60)]
    collection.upsert(documents[:40], np.repeat(one, 40, axis=0))
    collection.compact()
    collection.upsert(documents[40:], np.repeat(one, 20, axis=0))
    collection.upsert([Document("d3", "written again")], one)
    with collection.snapshot() as snapshot:
        found = snapshot.search(one, 60)[0]
        assert [m.id for m in found] == [f"d{i}" for i in range(60) if i != 3] + ["d3"]
        assert [m.id for m in snapshot.search(one, 2)[0]] == ["d0", "d1"]
        assert len({m.score for m in found}) == 1


def test_a_snapshot_does_not_see_what_comes_after(collection, rng):
    reference, made = Reference(), vectors(rng, 30)
    documents = [document(rng, f"d{i}") for i in range(30)]
    collection.upsert(documents, made)
    reference.upsert(documents, made)
    with collection.snapshot() as snapshot:
        before = snapshot.search(made[:5], 5)
        collection.delete([f"d{i}" for i in range(20)])
        collection.upsert([Document("d25", "new")], made[:1])
        collection.compact()
        assert snapshot.search(made[:5], 5) == before
        assert list(snapshot.documents()) == documents
        assert snapshot.count() == 30
        with collection.snapshot() as later:
            assert later.count() == 10
    with collection.snapshot() as snapshot:
        assert {m.id for m in snapshot.search(made[:1], 100)[0]} == {f"d{i}" for i in range(20, 30)}


def test_another_collection_on_the_same_folder_sees_what_was_acknowledged(collection, rng, tmp_path):
    reader = reopen(tmp_path / "index")
    reference = Reference()
    for turn in range(5):
        documents, made = [document(rng, f"d{turn}-{i}") for i in range(7)], vectors(rng, 7)
        collection.upsert(documents, made)
        reference.upsert(documents, made)
        if turn == 2:
            collection.compact()
        assert collection.delete([f"d{turn}-0"]) == reference.delete([f"d{turn}-0"]) == 1
        hold(reader, reference, made, 50)
    reader.close()


def test_a_second_writer_is_refused_in_words(collection, rng, tmp_path):
    collection.upsert([document(rng, "a")], vectors(rng, 1))
    other = reopen(tmp_path / "index")
    for write in (
        lambda: other.upsert([document(rng, "b")], vectors(rng, 1)),
        lambda: other.delete(["a"]),
        other.compact,
    ):
        with pytest.raises(InputError, match=r"Another process \(\d+\) is writing to the index .*Nothing was written"):
            write()
    with other.snapshot() as snapshot:
        assert snapshot.count() == 1
    collection.close()
    assert other.delete(["a"]) == 1
    other.close()
    with pytest.raises(InputError, match="was closed"):
        other.delete(["a"])


def test_an_index_that_was_replaced_still_reads_and_refuses_writes(collection, rng, tmp_path):
    made = vectors(rng, 5)
    collection.upsert([document(rng, f"d{i}") for i in range(5)], made)
    create(tmp_path / "new").close()
    (tmp_path / "index").rename(tmp_path / "aside")
    for _ in range(2):
        with pytest.raises(InputError, match=r"another one was put in its place. Open it again. Nothing was written"):
            collection.upsert([document(rng, "new")], made[:1])
        with collection.snapshot() as one:
            assert one.count() == 5
            assert len(one.search(made[:1], 9)[0]) == 5
        if not (tmp_path / "index").exists():
            (tmp_path / "new").rename(tmp_path / "index")
    with pytest.raises(InputError, match="another one was put in its place"):
        collection.delete(["d1"])
    shutil.rmtree(tmp_path / "index")
    (tmp_path / "aside").rename(tmp_path / "index")
    assert collection.delete(["d1"]) == 1


def test_a_disk_without_room_for_sqlite_s_own_files_is_read(tmp_path, monkeypatch, rng):
    made = vectors(rng, 5)
    with closing(create(tmp_path / "index")) as collection:
        collection.upsert([document(rng, f"d{i}") for i in range(5)], made)
    reading = database._reading

    def full(path, mode):
        if "immutable" not in mode:
            raise sqlite3.OperationalError("unable to open database file")
        return reading(path, mode)

    monkeypatch.setattr(database, "_reading", full)
    collection = reopen(tmp_path / "index")
    for _ in range(3):
        with collection.snapshot() as one:
            assert [m.id for m in one.search(made[:1], 1)[0]] == ["d0"]
    monkeypatch.undo()
    collection.upsert([Document("d9", "room again")], made[1:2])
    with collection.snapshot() as one:
        assert one.count() == 6
    collection.close()


def test_many_threads_read_while_one_writes(collection, rng):
    made = vectors(rng, 400)
    collection.upsert([document(rng, f"d{i}") for i in range(100)], made[:100])
    wrong, stop = [], threading.Event()

    def read():
        try:
            while not stop.is_set():
                with collection.snapshot() as snapshot:
                    count = snapshot.count()
                    assert count % 100 == 0
                    assert len({m.id for m in snapshot.search(made[:2], 1000)[0]}) == count
                    assert len(list(snapshot.documents())) == count
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for start in (100, 200, 300):
        collection.upsert([document(rng, f"d{i}") for i in range(start, start + 100)], made[start : start + 100])
        collection.compact()
    collection.delete([f"d{i}" for i in range(100)])
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_one_snapshot_serves_many_threads(collection, rng):
    made = vectors(rng, 50)
    collection.upsert([document(rng, f"d{i}") for i in range(50)], made)
    results = []
    with collection.snapshot() as snapshot:
        want = snapshot.search(made, 5, GERMAN)
        threads = [threading.Thread(target=lambda: results.append(snapshot.search(made, 5, GERMAN))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [want] * 8


def test_half_an_index_is_refused(tmp_path, rng):
    (tmp_path / "index").mkdir()
    made = LocalBackend.create(tmp_path / "index", tmp_path / "index", IndexSettings(), empty_manifest())
    made.upsert([document(rng, "a")], vectors(rng, 1))
    made.close()
    with pytest.raises(InputError, match="is half an index: building it was not finished"):
        manifests.read(tmp_path / "index")


def test_a_filter_between_the_limits_goes_through_the_graph(tmp_path, monkeypatch, rng):
    monkeypatch.setattr(kinds, "EXACT_UP_TO", 100)
    monkeypatch.setattr(snapshots, "SCANNED", 10)
    collection, made, reference = create(tmp_path / "index"), vectors(rng, 2000), Reference()
    documents = [Document(f"d{i}", "x", metadata={"n": i}) for i in range(2000)]
    collection.upsert(documents, made)
    reference.upsert(documents, made)
    collection.compact()
    assert collection.manifest.index_type == manifests.read(tmp_path / "index").index_type == "HNSW32_SQ8,RFlat"
    queries = vectors(rng, 40)
    for limit in (8, 60, 120, 300, 1000, 2000):
        where = Comparison("n", "<", limit)
        with collection.snapshot() as snapshot:
            found = snapshot.search(queries, 10, where)
        want = [{name for name, _ in reference.search(query, 10, where)} for query in queries]
        recall = np.mean([len({m.id for m in a} & b) / len(b) for a, b in zip(found, want, strict=True)])
        assert recall >= 0.95, limit
        assert all(int(m.id[1:]) < limit for row in found for m in row)
    collection.close()


def test_a_filter_far_from_the_question_is_answered_too(tmp_path, monkeypatch, rng):
    """What passes lies in other clusters than the question, so a graph that only follows the nearest finds nothing."""
    monkeypatch.setattr(kinds, "EXACT_UP_TO", 100)
    monkeypatch.setattr(snapshots, "SCANNED", 10)
    collection, reference = create(tmp_path / "index"), Reference()
    centres = vectors(rng, 20)
    made = (np.repeat(centres, 100, axis=0) + 0.1 * vectors(rng, 2000)).astype(np.float32)
    documents = [Document(f"d{i}", "x", metadata={"cluster": i // 100}) for i in range(2000)]
    collection.upsert(documents, made)
    reference.upsert(documents, made)
    collection.compact()
    for cluster in range(5):
        where = AllOf((Comparison("cluster", ">=", 10), Comparison("cluster", "<", 13)))
        with collection.snapshot() as snapshot:
            found = snapshot.search(centres[cluster : cluster + 1], 10, where)[0]
        want = {name for name, _ in reference.search(centres[cluster], 10, where)}
        assert len({m.id for m in found} & want) >= 9
    collection.close()


@pytest.mark.parametrize("kind", ["HNSW16_SQ8,RFlat"])
def test_kinds_that_shorten_vectors_are_compared_again(tmp_path, monkeypatch, rng, kind):
    monkeypatch.setattr(kinds, "choose", lambda count, dimension, memory: kinds.Kind(kind))
    collection, made, reference = create(tmp_path / "index"), vectors(rng, 500), Reference()
    documents = [document(rng, f"d{i}") for i in range(500)]
    collection.upsert(documents, made)
    reference.upsert(documents, made)
    collection.compact()
    assert collection.manifest.index_type == kind
    hold(collection, reference, made[:20], 5)
    hold(collection, reference, made[:20], 5, GERMAN)
    collection.close()
    again = reopen(tmp_path / "index")
    hold(again, reference, made[:20], 5)
    again.close()
