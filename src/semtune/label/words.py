"""The four grades, in words. They are shown on the page and explained in the docs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade, its short name, and what it means."""

    grade: int
    word: str
    meaning: str


GRADES = (
    Grade(0, "no help", "It does not help to answer the question, even if it is about the same subject."),
    Grade(1, "a hint", "It does not answer the question, but helps to find the answer."),
    Grade(2, "in part", "It answers a part of the question, or answers it among much else."),
    Grade(3, "answers it", "It answers the question; nothing else is needed."),
)
HIGHEST = GRADES[-1].grade
