"""The requests and responses of the operators' routes, with a sentence on each field."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from semtune.serve.schemas import Strict, Text


class UpgradeRequest(Strict):
    """The model that an index is to get."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"model": "runs/new"}]})

    model: Text = Field(description="A name, a hub id, or a model folder or run folder of the server's machine.")
    data: Text | None = Field(
        None, description="A data set with labelled queries; if the new model is worse on them, it is not switched to."
    )
    anyway: bool = Field(False, strict=True, description="Switch also then.")


class RollbackRequest(Strict):
    """Where the model of the version before is; only needed if it was moved."""

    model: Text | None = Field(None, description="The folder of that model.")


class IndexState(BaseModel):
    """An index as it is on the disk, and what is open of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "docs", "documents": 11305, "bytes": 17367040, "version": "versions/2",
                    "version_before": ".",
                    "model": "all-MiniLM-L6-v2", "fingerprint": "9f2c41e0", "runtime": "onnx-fp32", "backend": "local",
                    "search_mode": "hybrid", "open": True,
                    "statistics": {"deleted": 0, "delta": 3, "segments": 1, "kinds": ["Flat: 11,302 vectors"]},
                    "running": None,
                }
            ]
        }
    )  # fmt: skip

    name: str
    documents: int
    bytes: int | None = Field(description="On the disk; null where a database server keeps them.")
    version: str = Field(description='The version that is searched: its folder; "." is the index folder itself.')
    version_before: str = Field(description="The version that a rollback goes back to; empty if there is none.")
    model: str
    fingerprint: str
    runtime: str
    backend: str
    search_mode: str
    open: bool = Field(description="Whether this version is the one that answers already; a switch takes a moment.")
    statistics: dict[str, Any] = Field(description="Rows deleted, segments, and documents in no segment yet.")
    running: str | None = Field(description="The id of the job that is running; null if there is none.")


class JobState(BaseModel):
    """Long work, and how far it is. Jobs are forgotten when the server stops; finished work stays done."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "5f0c2b9a77d1e604", "index": "docs", "action": "upgrade", "state": "running",
                    "started": "2026-11-28T18:20:07+00:00", "ended": "", "task": "index", "done": 4096, "total": 11305,
                    "messages": [], "error": "", "result": {},
                }
            ]
        }
    )  # fmt: skip

    id: str
    index: str
    action: str
    state: Literal["running", "done", "failed"]
    started: str
    ended: str = Field(description="Empty while it runs.")
    task: str = Field(description="The part that it is at.")
    done: int = Field(description="Units of that part that are done.")
    total: int | None = Field(description="All units of that part; null where nobody knows.")
    messages: list[str] = Field(description="What it said, the last ones.")
    error: str = Field(description="Why it failed; empty if it did not.")
    result: dict[str, Any] = Field(description="What it did.")
