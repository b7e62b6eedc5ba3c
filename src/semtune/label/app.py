"""The HTTP application of label: the page and what it asks for."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, FastAPI, Response

from semtune import __version__
from semtune.label.labelling import Labelling
from semtune.label.schemas import (
    AnswerResponse,
    AskRequest,
    GradeResponse,
    GradesRequest,
    QuestionLine,
    QuestionResponse,
    StateResponse,
    StoredResponse,
    UndoRequest,
)
from semtune.label.words import GRADES
from semtune.serve import errors
from semtune.serve.page import html_page
from semtune.serve.request_body import BodyLimits
from semtune.serve.request_guard import Guarded, RequestGuard
from semtune.serve.settings import ServeSettings

ENDPOINTS = "/, /api/state, /api/questions, /api/grades or /api/undo"


def create_label_app(labelling: Labelling, judge: str = "") -> FastAPI:
    """Create the application.

    Call `registry.need("fastapi", "uvicorn")` before importing this module.

    Args:
        labelling: the questions and grades.
        judge: who judges unless the page is told another name.
    """
    app = FastAPI(title="Semtune label", version=__version__, docs_url=None, redoc_url=None)
    errors.install(app, ENDPOINTS)
    usual = ServeSettings()
    guarded = Guarded(BodyLimits(usual.max_body, usual.receive_timeout), usual.timeout)
    app.add_middleware(RequestGuard, guarded=guarded)
    app.include_router(_reading(labelling, judge))
    app.include_router(_writing(labelling))
    return app


def _reading(labelling: Labelling, default: str) -> APIRouter:
    routes = APIRouter()
    page = html_page("label.html")

    @routes.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def home() -> Response:
        return page

    @routes.get("/api/state")
    def state(judge: str = "") -> StateResponse:  # not async: grades are read from the disk
        """All questions, and where this person stands."""
        name = judge or default
        return StateResponse(
            judge=name,
            grades=[GradeResponse(**asdict(grade)) for grade in GRADES],
            questions=[
                QuestionLine(
                    id=place.pooled.question.id,
                    text=place.pooled.question.text,
                    answers=len(place.pooled.documents),
                    graded=place.graded,
                )
                for place in labelling.places(name)
            ],
            next=labelling.next_for(name),
            needed=labelling.needed().sentence,
            notes=labelling.notes,
        )

    @routes.get("/api/questions/{question:path}")
    def question(question: str, judge: str = "") -> QuestionResponse:
        """A question with its answers, in an order that depends on the person and says nothing of the systems."""
        shown = labelling.show(question, judge or default)
        asked = shown.pooled.question
        return QuestionResponse(
            id=asked.id,
            text=asked.text,
            asked=asked.asked,
            disliked=asked.disliked,
            answers=[
                AnswerResponse(
                    id=one.id,
                    title=one.title,
                    text=one.text,
                    metadata=dict(one.metadata),
                    grade=shown.grades.get(one.id),
                )
                for one in shown.documents
            ],
        )

    return routes


def _writing(labelling: Labelling) -> APIRouter:
    routes = APIRouter(prefix="/api")

    def stored(judge: str, question: str | None) -> StoredResponse:
        graded = len(labelling.show(question, judge).grades) if question else 0
        return StoredResponse(question=question, graded=graded, next=labelling.next_for(judge))

    @routes.post("/grades")
    def grade(request: GradesRequest) -> StoredResponse:
        """Store grades. When this answers, they are on the disk."""
        labelling.grade(request.judge, request.question, request.grades)
        return stored(request.judge, request.question)

    @routes.post("/undo")
    def undo(request: UndoRequest) -> StoredResponse:
        """Take back the last act of a person."""
        done = labelling.undo(request.judge)
        return stored(request.judge, done[1] if done else None)

    @routes.post("/questions")
    def ask(request: AskRequest) -> StoredResponse:
        """Add a question that a person typed in."""
        return stored(request.judge, labelling.ask(request.judge, request.text).question.id)

    return routes
