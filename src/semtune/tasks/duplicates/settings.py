"""The settings of duplicates."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from semtune.settings import Settings, mistake
from semtune.types import Truncate

Keep = Literal["first", "longest"]


class DuplicatesSettings(Settings):
    """duplicates: which texts count as near-equal, and which of them is kept."""

    against: str = Field("", description="another file: find the texts of FILE that it holds already")
    threshold: str | float | None = Field(
        None, description="cosine from which two texts are duplicates: a number, or a threshold of the model"
    )
    labels: str = Field("", description="a table of pairs with 1 for duplicates and 0 for others: sets the threshold")
    precision: float = Field(
        0.95, gt=0, le=1, description="with labels: share of the pairs found that must be duplicates"
    )
    keep: Keep = Field("first", description="which text of a group is kept: first or longest")
    same_numbers: bool = Field(False, description="texts with different numbers are not duplicates")
    most: int = Field(100_000, ge=0, description="pairs that are listed, the most similar ones; the others are counted")
    decisions: str = Field("", description="what people decided on the review page")
    column: str = Field("", description="of a table: the column with the text; empty: found by its name")
    against_column: str = Field("", description="the column with the text of the other table; empty: found by name")
    truncate: Truncate = Field("window", description="texts longer than the model reads: window, cut or error")
    allow_unreadable: bool = Field(False, description="go on where the model does not know the letters of many texts")
    seed: int = Field(0, ge=0, description="of the halves of the labelled pairs, and of the sample for the recall")

    @model_validator(mode="after")
    def _one_threshold(self) -> DuplicatesSettings:
        if self.labels and self.threshold is not None:
            raise mistake("threshold", "labels set the threshold; give either")
        if self.against_column and not self.against:
            raise mistake("against_column", "it is for the table given as against")
        if self.against and self.decisions:
            raise mistake("decisions", "they are about groups within a file; leave against out")
        return self
