"""The requests and responses of the labelling page."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from semtune.serve.schemas import Strict, Text


class GradesRequest(Strict):
    """Grades of some answers of one question, as one act."""

    judge: Text = Field(description="The person's name.")
    question: Text = Field(description="Id of the question.")
    grades: dict[Text, int] = Field(description="Document id to grade, 0 to 3.")


class UndoRequest(Strict):
    """Take back the last act of a person."""

    judge: Text = Field(description="The person's name.")


class AskRequest(Strict):
    """A question that a person types in."""

    judge: Text = Field(description="The person's name.")
    text: Text = Field(description="The question.")


class GradeResponse(BaseModel):
    """A grade in words."""

    grade: int
    word: str
    meaning: str


class QuestionLine(BaseModel):
    """A question in the list, and how far a person is with it."""

    id: str
    text: str
    answers: int
    graded: int


class StateResponse(BaseModel):
    """Where a person stands; names of systems and their ranks are never part of a response."""

    judge: str
    grades: list[GradeResponse]
    questions: list[QuestionLine]
    next: str | None = Field(description="Id of the question to judge next; null if all are judged.")
    needed: str = Field(description="How many more questions the test needs, as a sentence.")
    notes: list[str]


class AnswerResponse(BaseModel):
    """An answer to judge."""

    id: str
    title: str
    text: str
    metadata: dict[str, Any]
    grade: int | None


class QuestionResponse(BaseModel):
    """A question with its answers, in this person's order."""

    id: str
    text: str
    asked: int
    disliked: int
    answers: list[AnswerResponse]


class StoredResponse(BaseModel):
    """What was stored, and what comes next."""

    question: str | None = Field(description="Id of the question that changed; null if nothing did.")
    graded: int = Field(description="Number of its answers that this person has graded.")
    next: str | None
