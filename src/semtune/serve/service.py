"""What is served: an encoder, optionally an index to search, and the threads that do the work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from semtune.encoders import canary
from semtune.encoders.checked import CheckedEncoder
from semtune.encoders.windows import LongTextEncoder, with_truncate
from semtune.errors import ConfigError, ContractError, InputError
from semtune.index.follow import Following
from semtune.index.where import Where
from semtune.protocols import Encoder
from semtune.search.mode import SearchMode
from semtune.serve.workers import Workers
from semtune.types import Answer, Hit, Truncate


class SupportsSearch(Protocol):
    """Finds documents for a query; safe to use from many threads."""

    @property
    def encoder(self) -> Encoder:
        """The model of the index."""
        ...

    @property
    def count(self) -> int:
        """Documents in the index."""
        ...

    def search(self, query: str, k: int = 10, min_score: str | float | None = None) -> list[Hit]:
        """The `k` documents most similar to `query`, best first, without those that score below `min_score`."""
        ...


@runtime_checkable
class SupportsAnswers(Protocol):
    """A searcher that also says how much of a query was cut, and warns."""

    def answer(self, query: str, k: int = 10, min_score: str | float | None = None) -> Answer:
        """As `SupportsSearch.search`."""
        ...


class SearchOptions(NamedTuple):
    """What a search may be asked beside the query, k and min_score; see `semtune.search.searcher.Searcher.search`."""

    where: Where | None = None
    mode: SearchMode = "auto"
    group_by: str | None = None
    diversity: float = 0.0
    explain: bool = False
    highlight: bool = False


@runtime_checkable
class SupportsOptions(Protocol):
    """A searcher that takes all options."""

    def mode_of(self, wanted: SearchMode = "auto") -> str:
        """The mode that a search in mode `wanted` has."""
        ...

    def answer(
        self,
        query: str,
        k: int = 10,
        min_score: str | float | None = None,
        *,
        where: Where | None = None,
        mode: SearchMode = "auto",
        group_by: str | None = None,
        diversity: float = 0.0,
        explain: bool = False,
        highlight: bool = False,
    ) -> Answer:
        """As `SupportsSearch.search`."""
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
        own_encoder: embeds texts.
        index: answers queries; None if a model is served without an index. One that is followed moves to another
            version when the index was switched.
        workers: the threads in which both run.
        started: when the service was created, in Unix seconds.
    """

    own_encoder: Encoder
    index: SupportsSearch | Following[SupportsSearch] | None
    workers: Workers
    started: int = field(default_factory=lambda: int(time.time()))

    @property
    def encoder(self) -> Encoder:
        """Embeds texts: as the index does at this moment, where it is followed."""
        return self.index.value.encoder if isinstance(self.index, Following) else self.own_encoder

    @property
    def documents(self) -> int | None:
        """Number of documents in the index; None without one."""
        if self.index is None:
            return None
        with self.searching() as searcher:
            return searcher.count

    @contextmanager
    def searching(self) -> Iterator[SupportsSearch]:
        """The searcher for one request, which is not closed before the request ends."""
        if isinstance(self.index, Following):
            with self.index.current() as searcher:
                yield searcher
            return
        assert self.index is not None  # noqa: S101 - the caller checked
        yield self.index

    @property
    def model(self) -> str:
        """The served model's name."""
        return self.encoder.contract.name

    def answer(self, query: str, k: int, min_score: str | float | None, options: SearchOptions | None = None) -> Answer:
        """The searcher's answer to a query; there must be a searcher.

        Raises:
            InputError: something is asked that the searcher cannot do.
        """
        with self.searching() as searcher:
            return _answer(searcher, query, k, min_score, options)

    def encoder_for(self, truncate: Truncate | bool | None) -> Encoder:
        """The encoder with a rule for long texts; None: as served, True and False: cut and error, as in TEI.

        Raises:
            ConfigError: the encoder knows one rule only.
        """
        encoder = self.encoder
        if truncate is None:
            return encoder
        if not isinstance(encoder, CheckedEncoder | LongTextEncoder):
            raise ConfigError(f"The runtime {encoder.runtime} cuts texts that are too long. Leave out 'truncate'.")
        rule: Truncate = ("cut" if truncate else "error") if isinstance(truncate, bool) else truncate
        return with_truncate(encoder, rule)

    def check(self) -> None:
        """Check that index and encoder use the same model, and that the encoder is sound.

        Raises:
            ContractError: the index was opened with another model, or the vectors are not those of the export.
            ModelError: a text's vector depends on its neighbours, is not a number, or is always the same.
        """
        mine = self.encoder.contract
        index = self.index.value if isinstance(self.index, Following) else self.index
        if index is not None and index.encoder.contract.fingerprint != mine.fingerprint:
            theirs = index.encoder.contract
            raise ContractError(
                f"The index uses the model {theirs.name!r} ({theirs.fingerprint[:12]}), but /v1/embeddings would use "
                f"{mine.name!r} ({mine.fingerprint[:12]}). Give both the same encoder."
            )
        canary.check(self.encoder, getattr(self.encoder, "folder", None))


def _answer(
    searcher: SupportsSearch, query: str, k: int, min_score: str | float | None, options: SearchOptions | None
) -> Answer:
    if options is not None:
        if not isinstance(searcher, SupportsOptions):
            raise InputError("This searcher takes query, k and min_score only. Leave the other fields out.")
        return searcher.answer(
            query,
            k,
            min_score,
            where=options.where,
            mode=options.mode,
            group_by=options.group_by,
            diversity=options.diversity,
            explain=options.explain,
            highlight=options.highlight,
        )
    if isinstance(searcher, SupportsAnswers):
        return searcher.answer(query, k, min_score)
    return Answer(searcher.search(query, k, min_score))
