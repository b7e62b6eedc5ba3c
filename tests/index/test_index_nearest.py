import numpy as np
import pytest

faiss = pytest.importorskip("faiss")
from semtune.index import nearest  # noqa: E402
from semtune.index.nearest import build, bytes_per_vector, kinds_for, lists, sampled, search  # noqa: E402

RNG = np.random.default_rng(3)


def unit(count, dimension=32, clusters=40):
    """Unit vectors in clusters, as texts of topics lie."""
    centres = np.random.default_rng(dimension).normal(size=(clusters, dimension))
    rows = centres[RNG.integers(0, clusters, count)] + 0.7 * RNG.normal(size=(count, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_few_vectors_are_compared_exactly():
    vectors = unit(500)
    index, measured = build(vectors)
    scores, rows = search(index, vectors[:20], 5, measured.breadth)
    exact = vectors[:20] @ vectors.T
    np.testing.assert_array_equal(rows, np.argsort(-exact, axis=1, kind="stable")[:, :5])
    np.testing.assert_allclose(scores, -np.sort(-exact, axis=1)[:, :5], atol=1e-6)
    assert (measured.kind, measured.breadth, measured.recall) == ("Flat", 0, 1.0)


@pytest.mark.parametrize("memory", [0, 3_000_000])
def test_many_vectors_get_the_narrowest_search_that_reaches_the_recall(monkeypatch, memory):
    monkeypatch.setattr(nearest, "EXACT_UP_TO", 1_000)
    vectors, asked = unit(20_000, 128), unit(100, 128)
    index, measured = build(vectors, 0.95, memory, asked)
    assert measured.kind == ("IVF512,RaBitQfs,RFlat" if memory else "HNSW32_SQ8,RFlat")
    scores, rows = search(index, asked, 10, measured.breadth)
    exact = asked @ vectors.T
    tenth = -np.sort(-exact, axis=1)[:, 9:10]
    found = np.take_along_axis(exact, rows, 1)
    assert (found >= tenth - 1e-5).mean() == pytest.approx(measured.recall)
    assert measured.recall >= 0.95
    np.testing.assert_allclose(scores, found, atol=1e-5)  # scores are exact though codes are compressed


def test_a_recall_that_no_approximate_index_reaches_is_reached_by_comparing_all(monkeypatch):
    monkeypatch.setattr(nearest, "EXACT_UP_TO", 100)
    monkeypatch.setattr(nearest, "BREADTHS", (1,))
    assert build(unit(5_000), 0.9999)[1].kind == "Flat"


def test_a_mask_is_obeyed(monkeypatch):
    monkeypatch.setattr(nearest, "EXACT_UP_TO", 100)
    vectors = unit(3_000)
    allowed = np.arange(0, 3_000, 3)
    bits = np.packbits(np.isin(np.arange(3_000), allowed), bitorder="little")
    for memory in (0, 100_000):
        index, measured = build(vectors, 0.9, memory)
        selector = faiss.IDSelectorBitmap(bits)
        _, rows = search(index, vectors[:50], 10, 64, selector)
        assert np.isin(rows[rows >= 0], allowed).all(), measured.kind


def test_kinds_by_size_and_memory():
    assert kinds_for(50_000, 384) == ["Flat"]
    assert kinds_for(1_000_000, 384) == ["HNSW32_SQ8,RFlat", "Flat"]
    assert kinds_for(1_000_000, 384, memory=200 << 20) == ["IVF4096,RaBitQfs,RFlat", "Flat"]
    assert lists(100_000) == "IVF1024,RaBitQfs,RFlat"
    # 384 codes, 64 links of 4 bytes and 3 % for the layers above, 24 for the rest
    assert bytes_per_vector("HNSW32_SQ8,RFlat", 384, 10**6) == pytest.approx(384 + 263.68 + 24)
    assert bytes_per_vector("Flat", 384, 10) == 1536


def test_sampled_rows_are_evenly_spaced_and_unlike():
    assert sampled(5).tolist() == [0, 1, 2, 3, 4]
    assert sampled(0).tolist() == []
    assert len(sampled(10_000)) == 200
    assert sampled(10_000)[-1] == 9_999
