"""Checks of upsert, delete, get, and of what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from semtune.errors import InputError
from semtune.index.collection import Changed, Collection
from semtune.testing.collection_contract.subject import (
    DIMENSION,
    Check,
    Subject,
    numbered,
    refused,
    same,
    same_array,
    same_content,
    whole_numbers,
)
from semtune.testing.exact_collection import ExactCollection
from semtune.types import Document

ODD = (
    "lines\n\r\n\u2028\u0085\x00\x01 tab\t \"double\" 'single' \\ {json} $meta 日本 😀 e\u0301 </script>; "
    "DROP TABLE documents; --"
)
ODD_DOCUMENTS = [
    Document("007", "a bird in the hand", "Birds"),
    Document("7", "two birds in the bush"),
    Document("1e5", "", "only a title"),
    Document("only an id", ""),
    Document(ODD, ODD, ODD, {ODD: ODD}),
    Document("日本", "violin", metadata={"日本": {"é": [1, 2.5, None, True, "x", {"deep": []}]}, "": "", "null": None}),
    Document("' or 1 == 1", "an anvil", metadata={"big": 2**63 - 1, "bigger": 2**80, "small": 5e-324, "zero": -0.0}),
    Document('" or id != "', "a wheel", metadata={"a.b": 1, "a": {"b": 2, "c.d": 3}, "list": [[1, [2]], [], {}]}),
    Document("%_*?[]", "like", metadata={"$meta": 1, "id": "x", "vector": [0.1] * 3}),
    Document("\u202eright to left\u200b", "spaces \u00a0 \ufeff"),
    Document("e\u0301", "decomposed"),
    Document("\u00e9", "composed"),
    Document("x" * 500, "a long id"),
]


def an_empty_collection_answers(subject: Subject) -> None:
    """Nothing is there, and nothing fails."""
    with subject.empty() as made, made.snapshot() as snapshot:
        same(snapshot.count(), 0, "the count")
        same(list(snapshot.documents()), [], "the documents")
        same(snapshot.get(["x", "y"]), [None, None], "documents that are not there")
        same(snapshot.hashes(["x"]), {}, "hashes of documents that are not there")
        same(snapshot.search(whole_numbers(2), 3), [[], []], "a search")
        refused(lambda: snapshot.vectors(["x"]), "the vector of a document that is not there")
        same(made.delete(["x"]), 0, "the number of deleted documents")
        same(made.verify(), [], "what verify finds")


def documents_come_back_whole(subject: Subject) -> None:
    """Ids, texts and metadata of any Unicode, in any order, as often as they are asked for."""
    vectors = whole_numbers(len(ODD_DOCUMENTS))
    with subject.filled(ODD_DOCUMENTS, vectors) as (made, reference):
        same_content(made, reference, "odd documents")
        with made.snapshot() as snapshot:
            same(list(snapshot.documents()), ODD_DOCUMENTS, "the documents in the order in which they were written")
            for document, vector in zip(ODD_DOCUMENTS, vectors, strict=True):
                same(snapshot.get([document.id]), [document], f"the document {document.id!r}")
                same_array(snapshot.vectors([document.id]), vector[None], f"the vector of {document.id!r}")
            ids = ["日本", "not there", "007", "日本", ""]
            found = [document and document.id for document in snapshot.get(ids)]
            same(found, ["日本", None, "007", "日本", None], "ids that are asked for")
            same_array(snapshot.vectors(["7", "007", "7"]), vectors[[1, 0, 1]], "vectors that are asked for")
        same(made.verify(), [], "what verify finds")
        ids = [document.id for document in ODD_DOCUMENTS]
        same(made.delete(ids), len(ids), "the number of deleted documents")
        with made.snapshot() as snapshot:
            same(snapshot.count(), 0, "the count afterwards")


def long_documents_come_back_whole(subject: Subject) -> None:
    """A megabyte of metadata, and texts of letters of one to four bytes around 64 kB."""
    metadata = {"pages": [{"number": i, "text": "é" * 90} for i in range(5000)], "lang": "de", "year": 2020}
    long = [
        Document("metadata", "short", metadata=metadata),
        Document("text", "日" * 200_000, "t" * 70_000, {"lang": "de"}),
        *(
            Document(f"edge {n}{letter}", letter * n)
            for n in (16383, 16384, 21845, 21846, 65535, 65536)
            for letter in "aé😀"
        ),
    ]
    with subject.filled(long, whole_numbers(len(long))) as (made, reference):
        same_content(made, reference, "long documents")
        same(made.upsert(long, whole_numbers(len(long))), Changed(0, 0, len(long)), "the same again")
        same(made.verify(), [], "what verify finds")


def an_upsert_says_what_changed(subject: Subject) -> None:
    """Added, updated and unchanged; a document whose vector alone is new counts as updated."""
    documents, vectors = numbered(12), whole_numbers(12)
    with subject.filled(documents, vectors) as (made, reference):
        same(made.upsert(documents, vectors), Changed(0, 0, 12), "the same again")
        changed = [
            replace(documents[3], text="new text"),
            replace(documents[1], title="new title"),
            replace(documents[7], metadata={"number": 7}),
            documents[5],
            documents[9],
            Document("new", "a new one"),
        ]
        fresh = np.concatenate([vectors[[3, 1, 7, 5]], vectors[[9]] + 1, vectors[[0]]])
        same(made.upsert(changed, fresh), Changed(1, 4, 1), "some that changed")
        reference.upsert(changed, fresh)
        same_content(made, reference, "after the update")
        with made.snapshot() as snapshot:
            untouched = [d.id for d in snapshot.documents() if d.id not in {"d3", "d1", "d7", "d9"}]
        kept = [d.id for d in documents if d.id not in {"d3", "d1", "d7", "d9"}]
        same(untouched, [*kept, "new"], "the order of the others")
        same(made.verify(), [], "what verify finds")


def deleted_documents_are_gone(subject: Subject) -> None:
    """Ids that are not there, or occur twice, do not count; what is written again comes last."""
    documents, vectors = numbered(20), whole_numbers(20)
    with subject.filled(documents, vectors) as (made, reference):
        same(made.delete(["d4", "not there", "d4", "d19", "d0"]), 3, "the number of deleted documents")
        same(made.delete(["d4"]), 0, "deleted again")
        reference.delete(["d4", "d19", "d0"])
        same_content(made, reference, "after the delete")
        with made.snapshot() as snapshot:
            same(snapshot.get(["d4"]), [None], "a deleted document")
            refused(lambda: snapshot.vectors(["d4"]), "the vector of a deleted document")
            found = {match.id for match in snapshot.search(vectors[[4]], 20)[0]}
            same(found & {"d4", "d19", "d0"}, set(), "deleted documents in a search")
        same(made.upsert([documents[4]], vectors[[4]]), Changed(1, 0, 0), "written again")
        with made.snapshot() as snapshot:
            same([d.id for d in snapshot.documents()][-1], "d4", "the last document")
        same(made.verify(), [], "what verify finds")


def empty_requests_are_answered(subject: Subject) -> None:
    """No documents, ids or queries give no results, and no errors."""
    with subject.filled(numbered(3), whole_numbers(3)) as (made, _):
        none = np.empty((0, DIMENSION), dtype=np.float32)
        same(made.upsert([], none), Changed(0, 0, 0), "an empty upsert")
        same(made.delete([]), 0, "an empty delete")
        with made.snapshot() as snapshot:
            same(snapshot.get([]), [], "no ids")
            same(snapshot.hashes([]), {}, "no hashes")
            same(snapshot.search(none, 3), [], "no queries")
            same(snapshot.vectors([]).shape, (0, DIMENSION), "the shape of no vectors")


def what_cannot_be_kept_is_refused_whole(subject: Subject) -> None:
    """Equal ids, numbers that are not finite, another dimension or number of vectors: nothing is written."""
    documents, vectors = numbered(4), whole_numbers(4)
    new, fresh = numbered(3, 10), whole_numbers(3, seed=1)
    with subject.filled(documents, vectors) as (made, reference):
        for value in (np.nan, np.inf, -np.inf):
            broken = fresh.copy()
            broken[2, 3] = value
            refused(lambda broken=broken: made.upsert(new, broken), f"a vector with {value}")
        refused(lambda: made.upsert([*new, replace(new[0], text="x")], whole_numbers(4)), "an id that occurs twice")
        refused(lambda: made.upsert([documents[0], documents[0]], vectors[[0, 0]]), "a known id that occurs twice")
        refused(lambda: made.upsert(new, whole_numbers(3, DIMENSION + 1)), "vectors of another dimension")
        refused(lambda: made.upsert(new, whole_numbers(2)), "fewer vectors than documents")
        beyond: Any = (fresh + 1).astype(np.float64) * 1e300
        refused(lambda: made.upsert(new, beyond), "vectors beyond float32")
        same_content(made, reference, "after what was refused")
        with made.snapshot() as snapshot:
            refused(lambda: snapshot.search(whole_numbers(1, DIMENSION - 1), 3), "a query of another dimension")


def half_letters_are_kept_or_refused(subject: Subject) -> None:
    """A lone surrogate is no Unicode text: it is refused whole, or comes back as it was."""
    new = [Document("fine", "x"), Document("half \ud83d", "x"), Document("text", "half \ud83d")]
    for document in new[1:]:
        with subject.empty() as made:
            try:
                made.upsert([new[0], document], whole_numbers(2))
            except InputError:
                kept: list[Document] = []
            else:
                kept = [new[0], document]
            with made.snapshot() as snapshot:
                same(list(snapshot.documents()), kept, "the documents")


def many_documents_are_written_at_once(subject: Subject) -> None:
    """More than a back-end may put into one request."""
    documents, vectors = numbered(2500), whole_numbers(2500)
    with subject.filled(documents, vectors) as (made, reference):
        same_content(made, reference, "2,500 documents")
        with made.snapshot() as snapshot:
            same([d.id for d in snapshot.documents()], [d.id for d in documents], "the order")
        ids = [f"d{i}" for i in range(0, 2500, 2)]
        same(made.delete(ids), 1250, "the number of deleted documents")
        reference.delete(ids)
        same_content(made, reference, "half of them")


def compaction_changes_no_answer(subject: Subject) -> None:
    """After updates and deletes, and once more after nothing."""
    documents, vectors = numbered(300), whole_numbers(300)
    with subject.filled(documents, vectors) as (made, reference):
        for one in (made, reference):
            one.delete([f"d{i}" for i in range(0, 300, 3)])
            one.upsert([replace(d, text="new") for d in documents[1:100:3]], vectors[1:100:3] + 1)
        for _ in range(2):
            made.compact()
            same_content(made, reference, "after compaction")
            with made.snapshot() as ours, reference.snapshot() as theirs:
                asked = whole_numbers(5, seed=2)
                scores = [[m.score for m in one] for one in theirs.search(asked, 9)]
                same([[m.score for m in one] for one in ours.search(asked, 9)], scores, "the scores")
            same(made.verify(), [], "what verify finds")


def it_is_the_same_when_opened_again(subject: Subject) -> None:
    """All that was written is there, and more can be written."""
    if subject.reopen is None:
        return
    made: Collection = subject.make(DIMENSION)
    reference = ExactCollection.empty(DIMENSION)
    for one in (made, reference):
        one.upsert(ODD_DOCUMENTS, whole_numbers(len(ODD_DOCUMENTS)))
        one.upsert(numbered(50), whole_numbers(50))
        one.delete(["d3", "007"])
    for number in range(3):
        made = subject.reopen(made)
        same_content(made, reference, f"opened again ({number})")
        same(made.verify(), [], "what verify finds")
        for one in (made, reference):
            one.upsert(numbered(3, 100 * number), whole_numbers(3, seed=number))
        if number == 1:
            made.compact()
    with made.snapshot() as ours, reference.snapshot() as theirs:
        same([d.id for d in ours.documents()], [d.id for d in theirs.documents()], "the order")
    made.close()


CHECKS: tuple[Check, ...] = (
    an_empty_collection_answers,
    documents_come_back_whole,
    long_documents_come_back_whole,
    an_upsert_says_what_changed,
    deleted_documents_are_gone,
    empty_requests_are_answered,
    what_cannot_be_kept_is_refused_whole,
    half_letters_are_kept_or_refused,
    many_documents_are_written_at_once,
    compaction_changes_no_answer,
    it_is_the_same_when_opened_again,
)
