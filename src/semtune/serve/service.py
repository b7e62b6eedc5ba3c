"""What is served: an encoder, optionally an index to search, and the threads that do the work."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from semtune.errors import ContractError
from semtune.protocols import Encoder
from semtune.serve.workers import Workers
from semtune.types import Hit


class SupportsSearch(Protocol):
    """Finds documents for a query; safe to use from many threads."""

    encoder: Encoder

    @property
    def count(self) -> int:
        """Documents in the index."""
        ...

    def search(self, query: str, k: int = 10, min_score: str | float | None = None) -> list[Hit]:
        """The `k` documents most similar to `query`, best first, without those that score below `min_score`."""
        ...


@runtime_checkable
class SupportsDecoding(Protocol):
    """An encoder that can also turn token ids back into text."""

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids to text, without special tokens."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """The parts that the endpoints share.

    Attributes:
        encoder: embeds texts.
        searcher: answers queries; None if a model is served without an index.
        workers: the threads in which both run.
        started: when the service was created, in Unix seconds.
    """

    encoder: Encoder
    searcher: SupportsSearch | None
    workers: Workers
    started: int = field(default_factory=lambda: int(time.time()))

    @property
    def model(self) -> str:
        """The served model's name."""
        return self.encoder.contract.name

    def check(self) -> None:
        """Check that index and encoder use the same model, and make the slow first call.

        Raises:
            ContractError: the index was opened with another model.
        """
        mine = self.encoder.contract
        if self.searcher is not None and self.searcher.encoder.contract.fingerprint != mine.fingerprint:
            theirs = self.searcher.encoder.contract
            raise ContractError(
                f"The index uses the model {theirs.name!r} ({theirs.fingerprint[:12]}), but /v1/embeddings would use "
                f"{mine.name!r} ({mine.fingerprint[:12]}). Give both the same encoder."
            )
        self.encoder.encode(["warm up"], "query")
