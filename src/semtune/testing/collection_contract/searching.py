"""Checks of search by vectors and by words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from semtune.index.filters import Comparison
from semtune.testing.collection_contract.subject import (
    Check,
    Subject,
    numbered,
    refused,
    same,
    same_answers,
    whole_numbers,
)
from semtune.types import Document

WORDS = [
    Document("a", "the kettle boils on the stove", "Kettle", {"kind": 1}),
    Document("b", "a lantern and a kettle", "Lantern", {"kind": 2}),
    Document("c", "a violin in the cupboard", "Violin", {"kind": 1}),
    Document("d", "nothing of the kind", "Kettle kettle kettle", {"kind": 2}),
    Document("e", "", "Anvil"),
]


def search_is_that_of_numpy(subject: Subject) -> None:
    """Ids and scores are exact, and of equal scores the first written comes first."""
    vectors, asked = whole_numbers(400), whole_numbers(12, seed=1)
    with subject.filled(numbered(400), vectors) as (made, _), made.snapshot() as snapshot:
        scores = asked @ vectors.T
        for k in (1, 2, 7, 50, 400):
            best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            expected = [
                [(f"d{place}", float(row[place])) for place in line] for row, line in zip(scores, best, strict=True)
            ]
            found = [[(match.id, match.score) for match in one] for one in snapshot.search(asked, k)]
            same(found, expected, f"the {k} best")


def search_in_real_numbers_is_that_of_numpy(subject: Subject) -> None:
    """Unit vectors, as models give them; scores within rounding."""
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(500, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    asked = vectors[::50] + 0.1 * rng.normal(size=(10, 32)).astype(np.float32)
    with subject.filled(numbered(500), vectors) as (made, _), made.snapshot() as snapshot:
        scores = asked.astype(np.float64) @ vectors.astype(np.float64).T
        for line, found in zip(scores, snapshot.search(asked, 10), strict=True):
            same([match.id for match in found], [f"d{place}" for place in np.argsort(-line)[:10]], "the ids")
            if not np.allclose([match.score for match in found], np.sort(line)[::-1][:10], atol=2e-5):
                raise AssertionError(f"the scores: found {found}")


def fewer_than_k_are_all(subject: Subject) -> None:
    """`k` may be more than there are documents."""
    with subject.filled(numbered(5), whole_numbers(5)) as (made, reference):
        for k in (5, 6, 100, 20_000):
            with made.snapshot() as ours, reference.snapshot() as theirs:
                asked = whole_numbers(3, seed=1)
                same_answers(ours.search(asked, k), theirs.search(asked, k), f"the {k} best of five")


def equal_vectors_come_in_order(subject: Subject) -> None:
    """Two hundred equal ones, more than are asked for, among others."""
    documents = numbered(300)
    vectors = np.concatenate([whole_numbers(50), np.ones((200, 8), dtype=np.float32) * 3, whole_numbers(50, seed=1)])
    with subject.filled(documents, vectors) as (made, reference):
        asked = np.ones((1, 8), dtype=np.float32)
        for k in (3, 60, 250):
            with made.snapshot() as ours, reference.snapshot() as theirs:
                same_answers(ours.search(asked, k), theirs.search(asked, k), f"the {k} best")
        made.delete(["d51", "d53"])
        with made.snapshot() as ours:
            same([match.id for match in ours.search(asked, 3)[0]], ["d50", "d52", "d54"], "after a delete")


def updated_documents_are_found_by_their_new_vector(subject: Subject) -> None:
    """And no longer by the old one; deleted ones by none."""
    documents, vectors = numbered(60), whole_numbers(60)
    with subject.filled(documents, vectors) as (made, _):
        far = np.full((1, 8), 9, dtype=np.float32)
        made.upsert([replace(documents[7], text="moved")], far)
        for _ in range(2):
            with made.snapshot() as snapshot:
                found = snapshot.search(far, 60)[0]
                same((found[0].id, found[0].score), ("d7", 648.0), "the best")
                same(sorted(match.id for match in found), sorted(d.id for d in documents), "every document once")
            made.compact()
        made.delete(["d7"])
        with made.snapshot() as snapshot:
            same("d7" in {match.id for match in snapshot.search(far, 60)[0]}, False, "the deleted one is found")


def words_are_found_where_there_is_full_text(subject: Subject) -> None:
    """Only documents with a word of the query, the best first; refused where there is no full text."""
    with subject.filled(WORDS, whole_numbers(len(WORDS))) as (made, _):
        if not made.has_full_text:
            with made.snapshot() as snapshot:
                refused(lambda: snapshot.keyword_search(["kettle"], 3), "a search by words")
            return
        _words(made)


def _words(made) -> None:  # noqa: ANN001 - a Collection with full text
    with made.snapshot() as snapshot:
        kettle, violin, nothing, quotes, title = snapshot.keyword_search(
            ["kettle", "violin", "zeppelin", "\" ' * ( kettle NEAR", "anvil"], 10
        )
        same({match.id for match in kettle}, {"a", "b", "d"}, "documents with the word")
        same([m.score for m in kettle], sorted((m.score for m in kettle), reverse=True), "the order of the scores")
        same([match.id for match in violin], ["c"], "a word of one document")
        same(nothing, [], "a word of none")
        same({match.id for match in quotes} >= {"a", "b", "d"}, True, "a query with signs is understood")
        same([match.id for match in title], ["e"], "a word of a title")
        same(len(snapshot.keyword_search(["kettle"], 2)[0]), 2, "the number asked for")
        one = snapshot.keyword_search(["kettle"], 10, Comparison("kind", "=", 2))[0]
        same({match.id for match in one}, {"b", "d"}, "with a filter")
        same(snapshot.keyword_search([], 3), [], "no queries")
    made.delete(["d"])
    made.upsert([replace(WORDS[1], text="a zeppelin", title="")], whole_numbers(1))
    with made.snapshot() as snapshot:
        kettle, zeppelin = snapshot.keyword_search(["kettle", "zeppelin"], 10)
        same(([m.id for m in kettle], [m.id for m in zeppelin]), (["a"], ["b"]), "after a delete and an update")


CHECKS: tuple[Check, ...] = (
    search_is_that_of_numpy,
    search_in_real_numbers_is_that_of_numpy,
    fewer_than_k_are_all,
    equal_vectors_come_in_order,
    updated_documents_are_found_by_their_new_vector,
    words_are_found_where_there_is_full_text,
)
