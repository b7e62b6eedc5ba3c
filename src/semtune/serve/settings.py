"""The settings of `semtune serve`: flags of the command, or a file given with --config."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from semtune.settings import Settings

MIB = 1024 * 1024


class ServeSettings(Settings):
    """serve: address, limits, access and logs."""

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 accepts other machines")
    port: int = Field(8080, ge=0, le=65535, description="0: any free port")
    workers: int = Field(1, ge=1, le=256, description="processes that share the port")
    threads: int = Field(0, ge=0, description="requests computed at once; 0: one per usable CPU, at least two")
    queue: int = Field(64, ge=0, description="requests that may wait; further ones are answered with 429")
    gather: int = Field(16, ge=1, le=256, description="searches that wait anyway and are computed together; 1: none")
    timeout: float = Field(60.0, gt=0, description="seconds until a request is given up with 503")
    receive_timeout: float = Field(20.0, gt=0, description="seconds for a client to send the body of a request")
    max_body: int = Field(2 * MIB, ge=1024, description="bytes of a request body, after decompression")
    max_inputs: int = Field(2048, ge=1, description="texts in one request for embeddings")
    max_k: int = Field(100, ge=1, le=1000, description="hits of one search")
    token_ids: Literal["refuse", "own", "cl100k"] = Field(
        "refuse", description="token ids as input: refused, read as the model's own, or as those of cl100k_base"
    )
    api_key_file: Path | None = Field(None, description="file with the API keys; without one everybody may do all")
    cors_origins: tuple[str, ...] = Field((), description="web pages of other origins that may call the API")
    feedback: Path | None = Field(None, description="file to which POST /feedback is appended")
    log: Literal["text", "json"] = Field("text", description="form of the log lines")
    log_texts: bool = Field(False, description="write queries into the log")
