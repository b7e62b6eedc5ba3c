"""Recall is measured again at a compaction and when a lot was added, and never otherwise."""

from dataclasses import replace

import numpy as np
import pytest

faiss = pytest.importorskip("faiss")
from semtune.index import manifest as manifests  # noqa: E402
from semtune.index.local import compaction, kinds, recall  # noqa: E402
from semtune.index.local.backend import LocalBackend  # noqa: E402
from semtune.index.local.kinds import GRAPH, Kind, instead  # noqa: E402
from semtune.index.manifest import IndexManifest  # noqa: E402
from semtune.index.settings import IndexSettings  # noqa: E402
from semtune.types import Document  # noqa: E402

DIMENSION = 16


def unit(count, seed):
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def documents(first, count):
    return [Document(f"d{at}", f"text {at}") for at in range(first, first + count)]


@pytest.fixture
def built(tmp_path, monkeypatch):
    """A whole index of 600 documents with a graph, built with 40 queries."""
    monkeypatch.setattr(kinds, "EXACT_UP_TO", 100)
    monkeypatch.setattr(compaction, "SEAL_AT", 300)
    manifest = IndexManifest("local", "", "ip", DIMENSION, 0, "m", "m", "none", "toy", 1.0, 0)
    made = LocalBackend.create(tmp_path, tmp_path, IndexSettings(), manifest)
    made.upsert(documents(0, 600), unit(600, 1))
    made.compact(probes=unit(40, 2))
    manifests.write(replace(made.manifest, count=600, recall_at_10=0.97, recall_of=600, asked_with="queries"), tmp_path)
    made.close()
    opened = LocalBackend.open(tmp_path, manifests.read(tmp_path))
    yield opened, tmp_path
    opened.close()


def by_brute_force(opened, vectors, asked):
    exact = asked @ vectors.T
    tenth = -np.sort(-exact, axis=1)[:, 9]
    with opened.snapshot() as seen:
        found = seen.search(asked, 10)
    return np.mean([[hit.score >= tenth[row] - 1e-5 for hit in hits] for row, hits in enumerate(found)])


def test_a_build_measures_by_itself(built):
    _, folder = built
    found = manifests.read(folder)
    assert (found.recall_at_10, found.recall_of, found.recall_when) == (0.97, 600, "")


def test_a_compaction_measures_with_the_queries_of_the_build(built):
    opened, folder = built
    opened.upsert(documents(600, 50), unit(50, 3))
    assert manifests.read(folder).recall_of == 600  # not with each write
    opened.compact()
    found = manifests.read(folder)
    vectors = np.concatenate([unit(600, 1), unit(50, 3)])
    assert found.recall_at_10 == pytest.approx(by_brute_force(opened, vectors, unit(40, 2)), abs=1e-4)
    assert found.recall_of == 650
    assert found.recall_when.endswith("+00:00")
    assert found.asked_with == "queries"
    assert opened.manifest.recall_of == 650
    opened.compact()  # nothing to do
    assert manifests.read(folder) == found


def test_many_new_documents_are_measured_once(built, monkeypatch):
    opened, folder = built
    calls = []
    measure = recall.measure
    monkeypatch.setattr(recall, "measure", lambda *given: calls.append(1) or measure(*given))
    for start in range(600, 1000, 50):
        opened.upsert(documents(start, 50), unit(50, start))
    assert len(calls) == 1  # when the 300 of them got a segment
    found = manifests.read(folder)
    assert (found.recall_of, found.count) == (900, 1000)


def test_without_queries_documents_are_asked_and_do_not_count_themselves(built):
    opened, folder = built
    connection = opened._to_write()
    connection.execute("DELETE FROM meta WHERE key=?", (recall.PROBES,))
    opened.delete([f"d{at}" for at in range(0, 600, 7)])
    opened.compact()
    found = manifests.read(folder)
    assert found.asked_with == "documents"
    with opened.snapshot() as seen:
        asked = seen.some_vectors(kinds.PROBES)
        vectors = seen.vectors([document.id for document in seen.documents()])
        hits = seen.search(asked, 11)
    eleventh = -np.sort(-(asked @ vectors.T), axis=1)[:, 10]
    others = [sum(hit.score >= eleventh[row] - 1e-5 for hit in each) - 1 for row, each in enumerate(hits)]
    assert found.recall_at_10 == pytest.approx(np.mean(others) / 10, abs=1e-4)


def test_exact_search_finds_all(built, monkeypatch):
    opened, folder = built
    monkeypatch.setattr(kinds, "EXACT_UP_TO", 10_000)
    opened.compact()
    assert (manifests.read(folder).recall_at_10, manifests.read(folder).index_type) == (1.0, "Flat")


def test_the_next_better_kind_is_taken():
    graph = instead(Kind("IVF64,RaBitQfs,RFlat"), {"recall": 0.8})
    assert graph == Kind(GRAPH, {"instead_of": "IVF64,RaBitQfs,RFlat", "its_recall": 0.8})
    flat = instead(graph, {"recall": 0.9, **graph.facts})
    assert flat == Kind("Flat", graph.facts)


def test_a_compaction_takes_the_next_better_kind_where_the_recall_is_missed(built, monkeypatch):
    opened, folder = built
    monkeypatch.setattr(kinds, "BREADTHS", (1,))
    opened.upsert(documents(600, 10), unit(10, 9))
    opened.compact()
    found = manifests.read(folder)
    assert (found.index_type, found.recall_at_10) == ("Flat", 1.0)
    opened.compact()  # which stays
    assert manifests.read(folder) == found
