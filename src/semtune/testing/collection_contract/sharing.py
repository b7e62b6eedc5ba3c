"""Checks of snapshots and of readers beside a writer."""

from __future__ import annotations

import threading
from dataclasses import replace

from semtune.testing.collection_contract.subject import Check, Subject, numbered, same, same_array, whole_numbers
from semtune.types import Document


def a_snapshot_stays_as_it_is(subject: Subject) -> None:
    """What is written, deleted or compacted later is not seen by it."""
    if not subject.isolated:
        return
    documents, vectors = numbered(10), whole_numbers(10)
    with subject.filled(documents, vectors) as (made, _):
        with made.snapshot() as before:
            expected = before.search(vectors[:3], 10)
            made.delete(["d1", "d2"])
            made.upsert([replace(documents[5], text="new"), Document("new", "x")], vectors[[0, 1]] * 2)
            made.compact()
            same(before.count(), 10, "the count")
            same(list(before.documents()), documents, "the documents")
            same(before.get(["d1", "new", "d5"]), [documents[1], None, documents[5]], "documents by id")
            same_array(before.vectors(["d5", "d1"]), vectors[[5, 1]], "the vectors")
            same(before.search(vectors[:3], 10), expected, "the answers")
        with made.snapshot() as after:
            same(after.count(), 9, "the count of a new snapshot")


def readers_work_beside_a_writer(subject: Subject) -> None:
    """Threads that search while documents come and go get whole answers."""
    fixed, vectors = numbered(40), whole_numbers(40)
    with subject.filled(fixed, vectors) as (made, _):
        errors: list[BaseException] = []
        stop = threading.Event()

        def read() -> None:
            try:
                while not stop.is_set():
                    with made.snapshot() as snapshot:
                        found = snapshot.get([d.id for d in fixed])
                        same(found, fixed, "documents that nobody changes")
                        best = snapshot.search(vectors[:2], 60)
                        missing = {d.id for d in fixed} - {match.id for match in best[0]}
                        same(missing, set(), "documents missing in a search")
            except BaseException as error:  # told to the main thread
                errors.append(error)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for round_ in range(5):
            made.upsert(numbered(10, 100), whole_numbers(10, seed=round_))
            made.delete([f"d{i}" for i in range(100, 110)])
        stop.set()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]


CHECKS: tuple[Check, ...] = (a_snapshot_stays_as_it_is, readers_work_beside_a_writer)
