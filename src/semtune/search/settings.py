"""The settings of search in a run: how its index is searched, and the questions to answer at its end."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from semtune.settings import Settings


class SearchSettings(Settings):
    """search: how the index is searched, and questions that both models answer at the end of the run."""

    mode: Literal["auto", "dense", "keyword", "hybrid"] = Field(
        "auto",
        description="how its index is searched: dense (vectors), keyword (words), hybrid (both); auto: the best on dev",
    )
    questions: tuple[str, ...] = Field((), description="questions to answer")
    k: int = Field(3, ge=1, le=100, description="number of answers to each question")
