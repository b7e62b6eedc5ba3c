"""Kinds of FAISS index: chosen by size, memory and recall, measured, and searched as exactly as was asked for."""

import json
import sqlite3

import numpy as np
import pytest

faiss = pytest.importorskip("faiss")
from semtune.index.local import compaction, kinds  # noqa: E402
from semtune.index.local.backend import LocalBackend  # noqa: E402
from semtune.index.local.kinds import Kind, bytes_per_vector, choose, lists, searched, stored, tune  # noqa: E402
from semtune.index.manifest import IndexManifest  # noqa: E402
from semtune.index.settings import IndexSettings  # noqa: E402
from semtune.types import Document  # noqa: E402


def unit(count, dimension=32, seed=3, clusters=40):
    """Unit vectors in clusters, as texts of topics lie."""
    centres = np.random.default_rng(dimension).normal(size=(clusters, dimension))
    rng = np.random.default_rng(seed)
    rows = centres[rng.integers(0, clusters, count)] + 0.7 * rng.normal(size=(count, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def made(name, vectors):
    index = Kind(name).make(vectors.shape[1])
    if not index.is_trained:
        index.train(vectors)
    index.add(vectors)
    return index


def collection(folder, vectors, **settings):
    """A compacted collection of these vectors: document i has the number i."""
    manifest = IndexManifest(
        "local", "", "ip", vectors.shape[1], 0, "m", "m", "f" * 16, "onnx-fp32", 1.0, 0
    )  # fmt: skip
    opened = LocalBackend.create(folder, folder, IndexSettings(**settings), manifest)
    opened.upsert([Document(str(i), f"text {i}", "", {"n": i % 100}) for i in range(len(vectors))], vectors)
    return opened


def facts_of(folder):
    connection = sqlite3.connect(folder / "index.sqlite")
    found = [(kind, json.loads(facts)) for kind, facts in connection.execute("SELECT kind, facts FROM segments")]
    connection.close()
    return found


def recall(opened, vectors, asked):
    """Recall@10 against exact search in numpy, by score."""
    exact = asked @ vectors.T
    tenth = -np.sort(-exact, axis=1)[:, 9]
    with opened.snapshot() as snapshot:
        found = snapshot.search(asked, 10)
    for row, hits in enumerate(found):
        for hit in hits:
            assert hit.score == pytest.approx(exact[row, int(hit.id)], abs=1e-5)  # exact, though codes are compressed
    return np.mean([[hit.score >= tenth[row] - 1e-5 for hit in hits] for row, hits in enumerate(found)])


def test_kinds_by_size_and_memory():
    assert choose(50_000, 384).name == "Flat"
    assert choose(1_000_000, 384).name == "HNSW32_SQ8,RFlat"
    assert choose(1_000_000, 384, memory=200 << 20).name == "IVF4096,RaBitQfs,RFlat"
    assert lists(100_000) == "IVF1024,RaBitQfs,RFlat"
    # 384 codes, 64 links of 4 bytes and 3 % for the layers above, 24 for the rest
    assert bytes_per_vector("HNSW32_SQ8,RFlat", 384, 10**6) == pytest.approx(384 + 263.68 + 24)
    assert bytes_per_vector("Flat", 384, 10) == 1536


@pytest.mark.parametrize("name", ["HNSW32_SQ8,RFlat", "IVF64,RaBitQfs,RFlat"])
def test_the_narrowest_search_that_reaches_the_recall_is_set(name):
    vectors, asked = unit(8_000, 64), unit(60, 64, seed=4)
    index = made(name, vectors)
    facts = tune(index, Kind(name), 0.9, asked)
    assert facts["recall"] >= 0.9
    assert facts["measured_with"] == "queries"
    inner = searched(index)
    set_to = inner.hnsw.efSearch if "HNSW" in name else inner.nprobe
    assert set_to == facts["breadth"]
    if facts["breadth"] > kinds.BREADTHS[0]:  # one step narrower does not reach it
        narrower = kinds.BREADTHS[kinds.BREADTHS.index(facts["breadth"]) - 1]
        kinds._widen(inner, narrower)
        floor = -np.sort(-(asked @ vectors.T), axis=1)[:, 9]
        _, rows = inner.search(asked, 10 * kinds.oversample(name))
        best = -np.sort(-np.einsum("qkd,qd->qk", vectors[rows], asked), axis=1)[:, :10]
        assert (best >= floor[:, None] - 1e-5).mean() < 0.9
    np.testing.assert_array_equal(stored(index), vectors)
    assert list(facts["filtered_recall"]) == ["0.5", "0.2", "0.1", "0.05"]
    assert min(facts["filtered_recall"].values()) >= 0.95


@pytest.mark.slow
def test_without_queries_a_vector_does_not_count_as_its_own_neighbour():
    vectors = unit(5_000, 64)
    index = made("HNSW32_SQ8,RFlat", vectors)
    facts = tune(index, Kind("HNSW32_SQ8,RFlat"), 1.1)  # never reached: the widest
    assert facts["breadth"] == kinds.BREADTHS[-1]
    assert 0.97 <= facts["recall"] <= 1.0
    assert facts["measured_with"] == "documents"


@pytest.mark.parametrize(("memory_mb", "kind"), [(0, "HNSW32_SQ8,RFlat"), (1, "IVF256,RaBitQfs,RFlat")])
def test_a_large_collection_is_searched_as_well_as_was_asked_for(tmp_path, monkeypatch, memory_mb, kind):
    monkeypatch.setattr(kinds, "EXACT_UP_TO", 1_000)
    vectors, asked = unit(6_000, 128), unit(50, 128, seed=4)
    opened = collection(tmp_path, vectors, memory_mb=memory_mb)
    opened.compact(probes=asked)
    [(found, facts)] = facts_of(tmp_path)
    assert found == kind
    assert facts["recall"] >= 0.95
    assert recall(opened, vectors, asked) >= 0.95
    size = (tmp_path / "index.sqlite").stat().st_size
    opened.compact()  # nothing to do; the queries are remembered
    assert facts_of(tmp_path) == [(found, facts)]
    assert (tmp_path / "index.sqlite").stat().st_size == size
    opened.close()


def test_where_no_kind_reaches_the_recall_all_vectors_are_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(kinds, "EXACT_UP_TO", 100)
    monkeypatch.setattr(kinds, "BREADTHS", (1,))
    vectors = unit(3_000)
    opened = collection(tmp_path, vectors, recall=0.9999)
    opened.compact()
    [(found, facts)] = facts_of(tmp_path)
    assert (found, facts["instead_of"]) == ("Flat", "HNSW32_SQ8,RFlat")
    assert recall(opened, vectors, unit(20, seed=5)) == 1.0
    before = sorted((tmp_path / "segments").iterdir())
    opened.compact()
    assert sorted((tmp_path / "segments").iterdir()) == before  # not made anew
    assert len(before) == 1
    opened.close()


def test_a_recall_of_one_compares_all(tmp_path, monkeypatch):
    monkeypatch.setattr(kinds, "EXACT_UP_TO", 100)
    opened = collection(tmp_path, unit(500), recall=1.0)
    opened.compact()
    assert [kind for kind, _ in facts_of(tmp_path)] == ["Flat"]
    opened.close()


@pytest.mark.parametrize("memory_mb", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_filters_and_deletions_hold_at_every_share(tmp_path, monkeypatch, memory_mb):
    from semtune.index import filters
    from semtune.index.local import snapshot as snapshots

    monkeypatch.setattr(kinds, "EXACT_UP_TO", 100)
    monkeypatch.setattr(snapshots, "SCANNED", 0)
    monkeypatch.setattr(snapshots, "SCANNED_SHARE", 0.0)  # all through the graph, with a mask
    vectors, asked = unit(6_000, 64), unit(40, 64, seed=6)
    opened = collection(tmp_path, vectors, memory_mb=memory_mb)
    opened.compact(probes=asked)
    opened.delete([str(i) for i in range(0, 6_000, 7)])
    exact = asked @ vectors.T
    for below in (100, 50, 20, 10, 5):
        allowed = np.array([i % 100 < below and i % 7 > 0 for i in range(6_000)])
        tenth = -np.sort(-np.where(allowed, exact, -np.inf), axis=1)[:, 9]
        with opened.snapshot() as snapshot:
            found = snapshot.search(asked, 10, filters.Comparison("n", "<", below))
        assert all(allowed[int(hit.id)] for hits in found for hit in hits)
        hits = [[hit.score >= tenth[row] - 1e-5 for hit in each] for row, each in enumerate(found)]
        assert np.mean(hits) >= 0.95, (below, memory_mb)
    opened.close()


def test_sealed_rows_and_new_ones_are_searched_together(tmp_path, monkeypatch):
    monkeypatch.setattr(kinds, "EXACT_UP_TO", 1_000)
    monkeypatch.setattr(compaction, "SEAL_AT", 500)
    vectors, asked = unit(3_000, 64), unit(30, 64, seed=7)
    opened = collection(tmp_path, vectors[:2_000])
    opened.compact(probes=asked)
    opened.close()
    again = LocalBackend.open(tmp_path, opened.manifest)
    for start in (2_000, 2_600):
        block = vectors[start : start + (600 if start == 2_000 else 400)]
        again.upsert([Document(str(start + i), "new") for i in range(len(block))], block)
    assert [kind for kind, _ in facts_of(tmp_path)] == ["HNSW32_SQ8,RFlat", "Flat"]
    assert recall(again, vectors, asked) >= 0.95
    again.close()
