"""The settings of topics."""

from __future__ import annotations

from pydantic import Field, model_validator

from semtune.settings import Settings, mistake


class TopicsSettings(Settings):
    """topics: how topics are found, described and titled."""

    topics: int = Field(0, ge=0, le=2_000, description="number of topics; 0: chosen by stability")
    min_size: int = Field(0, ge=0, description="texts of a topic, at least; 0: a twentieth of the texts, from 2 to 10")
    noise: float = Field(0.05, ge=0, le=0.5, description="share of the texts that belong to no topic, the farthest")
    words: int = Field(10, ge=1, le=50, description="key words of each topic")
    passages: int = Field(5, ge=1, le=50, description="representative passages of each topic")
    column: str = Field("", description="of a table: the column with the text; empty: found by its name")
    date_column: str = Field("", description="column, or metadata of an index, with a date: counts over time")
    labels_column: str = Field("", description="column, or metadata of an index, with a class: how the topics agree")
    topics_from: str = Field("", description="a folder of topics: give the texts of FILE these topics, find no others")
    fresh: bool = Field(False, description="find the topics anew, though the folder has topics that still fit")
    title_endpoint: str = Field("", description="base address of an OpenAI-compatible server that titles the topics")
    title_model: str = Field("", description="the name that the server knows its model by")
    title_key_env: str = Field("", description="environment variable with the server's key; empty: no key is sent")
    allow_unreadable: bool = Field(False, description="go on where the model does not know the letters of many texts")
    seed: int = Field(0, ge=0, description="of the resamples that tell the stability; nothing else is random")

    @model_validator(mode="after")
    def _endpoint(self) -> TopicsSettings:
        if self.title_endpoint and not self.title_model:
            raise mistake("title_model", "title_endpoint needs it: name the model that the server is to use")
        if self.title_model and not self.title_endpoint:
            raise mistake("title_endpoint", "title_model needs it: give the server's address")
        return self
