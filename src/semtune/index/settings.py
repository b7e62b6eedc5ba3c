"""The settings of index."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from semtune.registry import INDEXES
from semtune.settings import Settings, mistake
from semtune.types import Truncate


class IndexSettings(Settings):
    """index: where the vectors are stored."""

    backend: str = Field("local", description="local (files) or milvus (a database)")
    uri: str = Field("", description="milvus: a file ending in .db (milvus-lite) or http://host:19530")
    collection: str = Field("", description="milvus: name of the collection; empty: made from the run's name")
    database: str = Field("", description="milvus: name of the database on the server; empty: the default one")
    token_env: str = Field(
        "SEMTUNE_MILVUS_TOKEN",
        description="milvus: environment variable with the token (user:password or an API key); never written anywhere",
    )
    tls_ca: str = Field(
        "",
        description="milvus: PEM file with the certificate of an https:// server or its authority; empty: the system's",
    )
    tls_certificate: str = Field("", description="milvus: PEM file with this client's certificate, where servers ask")
    tls_key: str = Field("", description="milvus: PEM file with the key of tls_certificate")

    truncate: Truncate = Field(
        "cut",
        description="texts longer than the model reads, and questions: cut, error (refused) or window (read in parts)",
    )

    recall: float = Field(
        0.95,
        gt=0,
        le=1,
        description="local: share of the ten nearest that search must find; 1: every vector is compared",
    )
    memory_mb: int = Field(
        0, ge=0, description="local: MB of memory that the vectors may take while they are searched; 0: any"
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

    @model_validator(mode="after")
    def _no_secrets(self) -> IndexSettings:
        if "@" in urlsplit(self.uri).netloc:
            raise mistake(
                "uri", f"it must not hold a password, since it is written into files; put user:password into "
                f"${self.token_env}"
            )  # fmt: skip
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise mistake("tls_certificate", "it needs tls_key, and the other way round")
        if self.tls_certificate and not self.tls_ca:
            raise mistake("tls_ca", "it is needed beside tls_certificate")
        return self
