"""What operators may do with an index over HTTP; `semtune.api`, which stands above the server, says how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from semtune.progress import Progress

Result: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class IndexCare:
    """The functions behind `/admin`; each is given the index's folder and returns what it did as JSON values.

    Attributes:
        upgrade: to another model; `anyway` also if it is worse on labelled queries, which `data` has.
        rollback: to the version before; the model of that version, if it was moved.
        compact: into the form that is searched fastest.
        verify: everything that is stored.
    """

    upgrade: Callable[[Path, str, str | None, bool, Progress], Result]
    rollback: Callable[[Path, str | None, Progress], Result]
    compact: Callable[[Path, Progress], Result]
    verify: Callable[[Path], Result]
