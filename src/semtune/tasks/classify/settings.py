"""The settings of classify."""

from __future__ import annotations

from pydantic import Field, model_validator

from semtune.contract import Contract
from semtune.search.threshold import minimum_score
from semtune.settings import Settings, mistake

WAYS = ("labels", "examples", "classifier")


class ClassifySettings(Settings):
    """classify: the classes by their names, by examples, or from a saved classifier."""

    labels: str = Field("", description="names: a,b,c; with words: a=words;more words,b; or a file of them")
    examples: str = Field("", description="a table of texts and their classes")
    classifier: str = Field("", description="a saved classifier")
    save: str = Field("", description="folder for the classifier made of the examples")
    tune: bool = Field(
        False, description="tune the model on the examples, and keep it if held-out examples prove that it pays"
    )
    column: str = Field("", description="of a table of texts: the column with the text; empty: found by its name")
    gold: str = Field("", description="of a table of texts: the column with the right class; how good the answers are")
    examples_column: str = Field("", description="of the examples: the column with the text; empty: found by its name")
    label_column: str = Field("", description="of the examples: the column with the class; empty: found by its name")
    threshold: str | float | None = Field(
        None, description="what is less likely is rejected: a probability, or a promise such as p0.9"
    )
    novel: float | None = Field(
        None, gt=0, lt=1, description="texts unlike the examples are rejected, at the cost of this share of known ones"
    )
    min_score: str | float | None = Field(
        None, description="with labels: what is less similar is rejected: a score, or a threshold such as best-f1"
    )
    several: bool = Field(False, description="with labels: a text may have several classes")
    explain: int = Field(0, ge=0, le=100, description="nearest examples to name for each text")
    allow_unreadable: bool = Field(False, description="go on where the model does not know the letters of many texts")
    seed: int = Field(0, ge=0, description="of the folds")

    @model_validator(mode="after")
    def _one_way(self) -> ClassifySettings:
        given = [name for name in WAYS if getattr(self, name)]
        if len(given) != 1:
            raise mistake(
                "labels",
                "give the classes in one way: labels (their names), examples (a table), or classifier (a saved one)",
            )
        if self.save and not self.examples:
            raise mistake("save", "a classifier is made of examples; give examples with it")
        if self.tune and not self.save:
            raise mistake("tune", "the tuned model needs a place: give examples, and save with a folder")
        if self.labels and (self.threshold is not None or self.novel is not None):
            raise mistake("threshold", "names alone give no probabilities; use min_score with labels")
        if not self.labels and (self.min_score is not None or self.several):
            raise mistake("min_score", "it is for labels; a classifier of examples has a threshold instead")
        if self.several and self.min_score is None:
            raise mistake("several", "it needs min_score: a text has every class that it is as similar to as this")
        return self

    def floor(self, contract: Contract) -> float | None:
        """The similarity below which a text is rejected; None: none is.

        Raises:
            InputError: the model has no such threshold.
        """
        return None if self.min_score is None else minimum_score(self.min_score, contract)
