"""Feedback over HTTP: what users think of answers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.errors import ApiError
from semtune.serve.own.feedback_file import FeedbackFile
from semtune.serve.own.schemas import FeedbackRequest, FeedbackResponse
from semtune.serve.own.search import check_query, find_index
from semtune.text import short_id


def router(catalogue: Catalogue, feedback: FeedbackFile | None) -> APIRouter:
    """`/feedback`; refused where there is no file for it."""
    routes = APIRouter(tags=["Feedback"])

    @routes.post("/feedback")
    def give(request: FeedbackRequest) -> FeedbackResponse:  # not async: it waits for the disk
        """Say whether an answer was useful, or that it was opened.

        The next `semtune run` with `prepare.feedback: FILE` trains on it, and `semtune label --queries FILE` makes a
        test set of the questions.
        """
        if feedback is None:
            raise ApiError(404, "Feedback is not kept here. Start the server with `semtune serve ... --feedback FILE`.")
        check_query(request.query, "query")
        served = _index(catalogue, request.index)
        feedback.add(request.said() | _known(served, request.id))
        return FeedbackResponse()

    return routes


def _index(catalogue: Catalogue, name: str | None) -> Served | None:
    """The index that answered; a server of models alone may keep the feedback of a page that searches elsewhere."""
    if name is None and catalogue.default.index is None:
        return None
    return find_index(catalogue, name)


def _known(served: Served | None, id_: str) -> dict[str, Any]:
    """The index's name, and a hash of the document's words, to see later whether it still has them."""
    if served is None:
        return {}
    with served.searching() as searcher, searcher.collection.snapshot() as seen:
        document = seen.get([id_])[0]
    return {"index": served.name, **({"content": short_id("c", document.content)} if document else {})}
