"""Feedback over HTTP: what users think of answers."""

from __future__ import annotations

from fastapi import APIRouter

from semtune.serve.errors import ApiError
from semtune.serve.own.feedback_file import FeedbackFile
from semtune.serve.own.schemas import FeedbackRequest, FeedbackResponse
from semtune.serve.own.search import check_query


def router(feedback: FeedbackFile | None) -> APIRouter:
    """`/feedback`; refused where there is no file for it."""
    routes = APIRouter(tags=["Feedback"])

    @routes.post("/feedback")
    def give(request: FeedbackRequest) -> FeedbackResponse:  # not async: it waits for the disk
        """Say whether an answer was useful; `semtune label --queries` reads what was said."""
        if feedback is None:
            raise ApiError(404, "Feedback is not kept here. Start the server with `semtune serve ... --feedback FILE`.")
        check_query(request.query, "query")
        feedback.add(request.query, request.id, request.useful)
        return FeedbackResponse()

    return routes
