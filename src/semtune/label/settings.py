"""The settings of label: what is pooled, in which order it is judged, and what the test has to find."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from semtune.settings import Settings

Order = Literal["informative", "random", "file"]


class LabelSettings(Settings):
    """label: real questions, judged by people, become a test set."""

    depth: int = Field(10, ge=1, le=100, description="number of answers of each system that are judged")
    order: Order = Field(
        "informative",
        description="informative: disliked answers and disagreeing systems first; random; or file, as they were given",
    )
    most: int = Field(1000, ge=1, description="maximum number of questions; the most asked ones are kept")
    difference: float = Field(
        0.05, gt=0, lt=1, description="the difference in nDCG@10 that the test set should be able to show"
    )
    seed: int = Field(13, ge=0, lt=2**32, description="of the order of the answers")
