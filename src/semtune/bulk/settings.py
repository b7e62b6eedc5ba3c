"""The settings of a bulk encoding."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from semtune.settings import Settings
from semtune.types import Role, Truncate

ROWS = 10_000


class EncodeSettings(Settings):
    """encode: how the texts of a file become vectors."""

    role: Role = Field("document", description="query or document: which of the model's prompts to use")
    column: str = Field("", description="of a table: the column to embed; empty: the one that holds the text")
    truncate: Truncate = Field(
        "cut",
        description="texts longer than the model reads: cut their end off, error, or window: read them in parts",
    )
    allow_unreadable: bool = Field(
        False, description="go on if the model knows the letters of less than four fifths of the texts"
    )
    rows: int = Field(
        ROWS, ge=1, le=10_000_000, description="texts a shard; after a stop, at most the shards in work are lost"
    )
    keep_text: bool = Field(False, description="of a .parquet file: the texts stand beside their vectors")
    workers: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="processes that encode, each on cores of its own; empty: this process, with ray one task a node",
    )
    engine: Literal["local", "ray"] = Field("local", description="local: this machine; ray: the nodes of a Ray cluster")
