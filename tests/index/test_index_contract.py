"""Every back-end answers as brute force does, by value."""

import threading

import numpy as np
import pytest
from index_parts import BACKENDS, hold

from semtune.protocols import VectorIndex

COUNT, DIMENSION = 1200, 24  # more than a batch of inserts


def made_up(seed, count, unit=False):
    """Vectors of lengths from 0.1 to 5: the inner product is not the cosine. Some occur more than once."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors if unit else vectors * rng.uniform(0.1, 5, (count, 1))).astype(np.float32)


VECTORS = made_up(0, COUNT)
VECTORS[[10, 500, 1199]] = VECTORS[3]
VECTORS[4] = 0
QUERIES = made_up(1, 60)


@pytest.fixture(scope="session")
def opened(backend_named):
    """Name of a back-end → one index of `VECTORS` that the tests share."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = backend_named(name).open(VECTORS, [f"doc {i}" for i in range(COUNT)], "shared")
        return made[name]

    return get


@pytest.fixture
def index(backend, opened):
    return opened(backend.name)


def test_it_is_a_vector_index(index):
    assert isinstance(index, VectorIndex)


@pytest.mark.parametrize("k", [1, 2, 10, 100])
def test_it_equals_brute_force(index, k):
    hold(index.search(QUERIES, k), VECTORS, QUERIES, k)


def test_all_back_ends_give_the_same_rows(opened):
    alone = np.argsort(-(QUERIES @ VECTORS.T), axis=1)[:, :10]
    for name in BACKENDS:
        np.testing.assert_array_equal(opened(name).search(QUERIES, 10).rows, alone)


def test_equal_vectors_have_equal_scores_and_all_are_found(index):
    scores = VECTORS @ VECTORS[3]
    depth = int((scores >= scores[3]).sum())  # longer vectors of other directions come before the four twins
    found = index.search(VECTORS[3:4], depth)
    assert {3, 10, 500, 1199} <= set(found.rows[0].tolist())
    np.testing.assert_allclose(found.scores[0][-4:], scores[3], rtol=1e-5)


def test_a_query_alone_gets_what_it_gets_among_others(index):
    together = index.search(QUERIES, 5)
    for i in (0, 17, 59):
        alone = index.search(QUERIES[i : i + 1], 5)
        np.testing.assert_array_equal(alone.rows[0], together.rows[i])
        np.testing.assert_allclose(alone.scores[0], together.scores[i], atol=1e-5)


def test_memory_layout_and_precision_of_queries_do_not_matter(index):
    want = index.search(QUERIES, 5)
    for odd in (np.asfortranarray(QUERIES), QUERIES.astype(np.float64), QUERIES[::-1][::-1]):
        np.testing.assert_array_equal(index.search(odd, 5).rows, want.rows)


def test_more_than_there_are_is_padded(backend):
    few = made_up(2, 5)
    index = backend.open(few, list("abcde"), "few")
    hold(index.search(QUERIES[:7], 9), few, QUERIES[:7], 9)
    hold(index.search(QUERIES[:7], 5), few, QUERIES[:7], 5)


def test_a_single_vector_can_be_indexed(backend):
    one = made_up(3, 1)
    hold(backend.open(one, ["only"], "one").search(-one, 3), one, -one, 3)  # and found at a negative score


def test_no_queries_get_no_answers(index):
    found = index.search(np.zeros((0, DIMENSION), dtype=np.float32), 5)
    assert found.rows.shape == found.scores.shape == (0, 5)


def test_many_threads_get_the_same_answers(index):
    want = index.search(QUERIES, 10)
    wrong: list[object] = []

    def work(number):
        try:
            for start in range(number, 60, 12):
                found = index.search(QUERIES[start : start + 9], 10)
                np.testing.assert_array_equal(found.rows, want.rows[start : start + 9])
                np.testing.assert_allclose(found.scores, want.scores[start : start + 9], atol=1e-5)
        except BaseException as error:  # a thread's failure must reach the test
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_exact_search_in_blocks_is_exact_search(monkeypatch, opened):
    want = opened("exact").search(QUERIES, 20)
    monkeypatch.setattr("semtune.index.exact.BLOCK", 7)
    found = opened("exact").search(QUERIES, 20)
    np.testing.assert_array_equal(found.rows, want.rows)
    np.testing.assert_allclose(found.scores, want.scores, atol=1e-6)


def test_exact_search_breaks_ties_by_row():
    from semtune.index.exact import ExactIndex

    vectors = np.array([[1, 0], [0, 1], [1, 0], [0, 1], [1, 0]], dtype=np.float32)
    found = ExactIndex(vectors).search(np.array([[1, 0], [0, 2], [1, 1]], dtype=np.float32), 5)
    assert found.rows.tolist() == [[0, 2, 4, 1, 3], [1, 3, 0, 2, 4], [0, 1, 2, 3, 4]]
    assert found.scores.tolist() == [[1, 1, 1, 0, 0], [2, 2, 0, 0, 0], [1, 1, 1, 1, 1]]
