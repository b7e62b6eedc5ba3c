"""The settings of index."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from semtune.registry import INDEXES
from semtune.settings import Settings, mistake
from semtune.types import Truncate


class IndexSettings(Settings):
    """index: where the vectors are stored."""

    backend: str = Field("local", description="local (files) or milvus (a database)")
    uri: str = Field("", description="milvus: a file ending in .db (milvus-lite) or http://host:19530")
    collection: str = Field("", description="milvus: name of the collection; empty: made from the run's name")

    truncate: Truncate = Field(
        "cut",
        description="texts longer than the model reads, and questions: cut, error (refused) or window (read in parts)",
    )

    @field_validator("backend")
    @classmethod
    def _new_name(cls, value: str) -> str:
        """What older configs call faiss is local now."""
        return "local" if value == "faiss" else value

    @model_validator(mode="after")
    def _uri_where_needed(self) -> IndexSettings:
        needs_uri = INDEXES.entry(self.backend).facts["needs_uri"]
        if needs_uri and not self.uri:
            raise mistake(
                "uri", f"the {self.backend} backend needs a uri: a file ending in .db or the address of a server"
            )
        owners = " or ".join(INDEXES.having("needs_uri"))
        if self.uri and not needs_uri:
            raise mistake("uri", f"a uri only works with the {owners} backend; set backend: {owners}, or leave it out")
        return self
