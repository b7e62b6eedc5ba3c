"""The settings of search in a run: the questions to answer at its end."""

from __future__ import annotations

from pydantic import Field

from semtune.settings import Settings


class SearchSettings(Settings):
    """search: questions to answer at the end of the run, by the tuned and the base model."""

    questions: tuple[str, ...] = Field((), description="questions to answer")
    k: int = Field(3, ge=1, le=100, description="number of answers to each question")
