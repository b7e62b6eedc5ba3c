"""What one request has cost so far, for log, metrics and traces; it follows the request into the threads."""

from __future__ import annotations

import uuid
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

MANY = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable, known to prometheus-client: a folder of all processes of one server, removed with it."""


class Batch(NamedTuple):
    """Texts embedded in one piece of work, and the tokens read."""

    texts: int
    tokens: int


@dataclass(slots=True)
class Account:
    """One request's account.

    Attributes:
        id: from the header X-Request-ID, or made here.
        model: the served name that was asked.
        batches: what was embedded, a piece of work each.
        queries: texts of searches; written to the log only with --log-texts.
        waited: seconds until threads were free, over all pieces of work.
        computed: seconds that threads computed.
        stages: name → seconds, of searches.
        gone: the client left before the answer.
    """

    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    model: str = ""
    batches: list[Batch] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    waited: float = 0.0
    computed: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    gone: bool = False

    @property
    def texts(self) -> int:
        """Texts embedded, and queries searched."""
        return sum(batch.texts for batch in self.batches) + len(self.queries)

    def embedded(self, model: str, texts: int, tokens: int) -> None:
        """Add a piece of work of an embeddings request."""
        self.model = model
        self.batches.append(Batch(texts, tokens))

    def searched(self, model: str, query: str) -> None:
        """Add a search."""
        self.model = model
        self.queries.append(query)


_CURRENT: ContextVar[Account | None] = ContextVar("account", default=None)


def account() -> Account:
    """The account of the request in progress; one that nobody reads where there is none."""
    return _CURRENT.get() or Account("")


def begin(mine: Account) -> None:
    """Make an account that of the request in progress: of this task, and of the threads and tasks it starts."""
    _CURRENT.set(mine)
