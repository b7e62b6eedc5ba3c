"""What is to be served, as a value that can be sent to other processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from semtune.serve.catalogue import Catalogue
from semtune.serve.open import NO_USES, Target, UsePaths, open_catalogue
from semtune.serve.own.care import IndexCare
from semtune.serve.settings import ServeSettings
from semtune.types import Truncate


@dataclass(frozen=True, slots=True)
class ServePlan:
    """What `semtune serve` was asked to serve; see `open_catalogue` and `ServeSettings`.

    `care` makes what operators may do with the indexes: a function of a module, which another process can import.
    """

    targets: list[Target]
    settings: ServeSettings = field(default_factory=ServeSettings)
    model: str | None = None
    runtime: str = "auto"
    truncate: Truncate | None = None
    reranker: str | None = None
    care: Callable[[], IndexCare] | None = None
    uses: UsePaths = NO_USES

    def open(self) -> Catalogue:
        """Open everything.

        Raises:
            SemtuneError: something cannot be opened.
        """
        return open_catalogue(
            self.targets,
            model=self.model,
            runtime=self.runtime,
            truncate=self.truncate,
            reranker=self.reranker,
            uses=self.uses,
        )


@dataclass(frozen=True, slots=True)
class Announced:
    """What is said when the server is ready: the default's name and documents (None: no index), and all names."""

    default: str
    documents: int | None
    names: list[str]

    @classmethod
    def of(cls, catalogue: Catalogue) -> Announced:
        """What is said of a catalogue."""
        return cls(catalogue.default.name, catalogue.default.documents, [each.name for each in catalogue])
