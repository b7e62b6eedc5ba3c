"""Documents as requests and responses, with a sentence on each field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from semtune.errors import InputError
from semtune.serve.schemas import Strict, Text
from semtune.types import Document

LONGEST_ID = 4096  # characters
EXAMPLE = {
    "text": "Read a zip file and list its members.",
    "title": "zipfile.ZipFile",
    "metadata": {"module": "zipfile", "lang": "en"},
}


class DocumentFields(Strict):
    """A document without its id."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    text: Text = Field(description="What is searched and shown.")
    title: Text = Field("", description="Read by the model before the text.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="For filters and for people; any JSON object.")

    def document(self, id_: str, further: Mapping[str, Any] | None = None) -> Document:
        """The document of an id, with `further` metadata.

        Raises:
            InputError: something cannot be stored; the message completes "The document ...".
        """
        made = Document(id_, self.text, self.title, {**(further or {}), **self.metadata})
        if len(id_) > LONGEST_ID:
            raise InputError(f"has an id of {len(id_):,} characters; at most {LONGEST_ID:,} are allowed")
        if not made.content.strip():
            raise InputError("has no text")
        try:
            json.dumps([made.id, dict(made.metadata)], ensure_ascii=False, allow_nan=False).encode("utf-8")
        except (ValueError, RecursionError):  # UnicodeEncodeError is a ValueError
            raise InputError(
                "has metadata or an id that cannot be stored: NaN, infinity, a lone surrogate, or too deeply nested"
            ) from None
        return made


class DocumentResponse(BaseModel):
    """A document of the index."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "zip", **EXAMPLE}]})

    id: str
    text: str
    title: str
    metadata: dict[str, Any]


class WrittenResponse(BaseModel):
    """What became of the documents; they are on the disk."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "added": 2, "updated": 0, "unchanged": 1, "encoded": 2, "truncated": 0, "cut_tokens": 0,
                    "count": 113, "warnings": [],
                }
            ]
        }
    )  # fmt: skip

    added: int
    updated: int
    unchanged: int = Field(description="Documents that were there in the same words; they are not encoded again.")
    encoded: int = Field(description="Documents that the model read; the others only got new metadata.")
    truncated: int = Field(description="Documents longer than the model reads, whose end was cut.")
    cut_tokens: int = Field(description="Tokens that were cut.")
    count: int = Field(description="Documents in the index now.")
    warnings: list[str] = Field(description="Documents whose letters the model does not know; empty if all is well.")


class LineError(BaseModel):
    """A line, or an item of the list, that was left out."""

    line: int = Field(description="From 1.")
    error: str


class LinesRefused(WrittenResponse):
    """Some lines could not be used; the others were written."""

    detail: str
    errors: list[LineError] = Field(description="The first 100 of them.")


class DeletedResponse(BaseModel):
    """The document is gone, on the disk as well."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"deleted": 1, "count": 112}]})

    deleted: int
    count: int = Field(description="Documents in the index now.")
