"""The request and the response of `/classify`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from semtune.serve.schemas import MODEL, Strict, Text

MOST_LABELS, MOST_NEAREST = 1_000, 20
Words = Annotated[list[Text], Field(min_length=1, max_length=64)]
Labels = (
    Annotated[list[Text], Field(max_length=MOST_LABELS)] | Annotated[dict[Text, Words], Field(max_length=MOST_LABELS)]
)
LABELS = 'Classes by name: ["billing", "delivery"], or with words: {"billing": ["invoice", "a wrong charge"]}.'


class ClassifyRequest(Strict):
    """Texts to classify, by the names of classes or by a classifier that the server has."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"inputs": ["My parcel has not come."], "labels": ["billing", "delivery"]},
                {"inputs": "Where is my card?", "classifier": "intents", "threshold": "p0.9", "explain": 3},
            ]
        },
    )

    inputs: Text | Annotated[list[Text], Field(min_length=1)] = Field(description="One text, or several.")
    labels: Labels | None = Field(None, description=LABELS)
    classifier: Text | None = Field(None, description="A served classifier; by default the first one.")
    threshold: StrictFloat | StrictInt | Text | None = Field(
        None, description="Of a classifier: reject what is less likely; a probability, or a promise such as p0.9."
    )
    novel: float | None = Field(
        None, gt=0, lt=1, description="Of a classifier: reject texts unlike the examples, at this share of known ones."
    )
    min_score: StrictFloat | StrictInt | Text | None = Field(
        None, description="With labels: reject what is less similar; a score, or a threshold such as best-f1."
    )
    several: bool = Field(False, strict=True, description="With labels and min_score: a text may have several classes.")
    explain: int = Field(0, strict=True, ge=0, le=MOST_NEAREST, description="Nearest examples to name for each text.")
    model: Text | None = Field(None, description=f"With labels: {MODEL}")

    @model_validator(mode="after")
    def _one_way(self) -> ClassifyRequest:
        given = self.model_fields_set
        foreign = given & ({"classifier", "threshold", "novel", "explain"} if self.labels is not None
                           else {"min_score", "several", "model"})  # fmt: skip
        if foreign:
            way = "a classifier of examples" if self.labels is not None else "classes by name ('labels')"
            said = f"{sorted(foreign)[0]!r} is for {way}. Leave it out."
            raise PydanticCustomError("unknown_field", "{said}", {"said": said})
        if self.several and self.min_score is None:
            said = "'several' needs 'min_score': a text has every class that it is as similar to as this."
            raise PydanticCustomError("unknown_field", "{said}", {"said": said})
        return self


class PredictionResponse(BaseModel):
    """What is said of a text."""

    label: str | None = Field(description="Its class; null if it was rejected, or has several.")
    labels: list[str] = Field(description="All of its classes.")
    best: str = Field(description="The most likely class, also of a rejected text.")
    score: float = Field(description="Similarity to the best class's words, or its probability.")
    probability: float | None = Field(description="Of the best class; null where nothing was calibrated.")
    rejected: str | None = Field(description='Why it has no class: "unsure", or "unlike the examples".')
    nearest: list[dict[str, Any]] | None = Field(None, description="The most similar examples.")


class ClassifyResponse(BaseModel):
    """The classes of the texts, in their order."""

    predictions: list[PredictionResponse]
    classifier: str | None = Field(description="That was used; null with labels.")
    truncated: int = Field(description="Number of texts that were longer than the model reads.")
    took_ms: float = Field(description="Milliseconds in the server, including the wait for a free thread.")
