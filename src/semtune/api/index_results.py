"""What the functions on an index return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from semtune.types import Document

if TYPE_CHECKING:
    from semtune.evaluate.verdict.rule import JudgedComparison
    from semtune.index.upgrade import ComparedAnswers


@dataclass(frozen=True, slots=True)
class IndexChange:
    """What a command changed in an index.

    Attributes:
        added, updated, unchanged, deleted: numbers of documents.
        kept: documents that sync kept since their file is there but could not be read.
        elsewhere: documents that sync left alone since they cannot have come from its source.
        deleted_files: file → number of its documents that sync deleted.
        encoded: how many of the added and updated documents were encoded; the others only got new metadata.
        truncated, cut_tokens: documents that were cut at the model's length limit, and tokens lost.
        left_out: reason → number of things in the source that could not be read.
        warnings: about the source, the gravest first.
        count: documents in the index now.
        seconds: wall-clock time.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    kept: int = 0
    elsewhere: int = 0
    encoded: int = 0
    truncated: int = 0
    cut_tokens: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    deleted_files: Mapping[str, int] = field(default_factory=dict)
    count: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Deleted:
    """What `delete` did: number of documents deleted, ids that were not there, and documents left."""

    deleted: int
    missing: Sequence[str]
    count: int


@dataclass(frozen=True, slots=True)
class FoundDocuments:
    """What `get` found: the documents that are there, in the order asked for, and the ids that are not."""

    documents: Sequence[Document]
    missing: Sequence[str]


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` found.

    Attributes:
        ok: nothing is wrong.
        problems: what is wrong, in words.
        warnings: what is not wrong with the index but in its way: its model is not where it was.
        count: documents in the index; None if it cannot be opened.
    """

    ok: bool
    problems: Sequence[str]
    warnings: Sequence[str] = ()
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Migrated:
    """What `migrate` did: number of documents, and from which back-end to which."""

    count: int
    from_backend: str
    to_backend: str
    path: str


@dataclass(frozen=True, slots=True)
class Dumped:
    """What `dump` wrote: number of documents, and the files; "" for vectors that were not asked for."""

    count: int
    path: str
    vectors: str = ""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What `upgrade` did.

    Attributes:
        status: "switched"; "unchanged" if the index has this model already; "not switched" if the labelled queries say
            that the new model is worse. The new version is then kept, and `anyway` switches to it.
        model, model_before: names of the two models.
        count: documents in the new version.
        encoded: documents encoded by this call; those of a stopped call are not encoded again.
        caught_up: documents that were written or deleted while the new version was built, and were taken over.
        compared: the answers before and after; None if the old model is gone or nothing could be asked.
        verdict: of the paired test on labelled queries; None without data.
        seconds: wall-clock time.
    """

    status: Literal["switched", "unchanged", "not switched"]
    model: str
    model_before: str
    count: int
    encoded: int = 0
    caught_up: int = 0
    compared: ComparedAnswers | None = None
    verdict: JudgedComparison | None = None
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """1 if the new version is not searched because it is worse; else 0."""
        return int(self.status == "not switched")

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        more = {
            "compared": self.compared.as_dict() if self.compared else None,
            "verdict": self.verdict.as_dict() if self.verdict else None,
        }
        return {**asdict(self), **more}


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What `rollback` did: the model that is searched now and the one before, and documents that were taken over."""

    model: str
    model_before: str
    count: int
    caught_up: int
