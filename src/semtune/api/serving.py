"""What the server lets operators do with its indexes: the same functions that the commands call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.api.index_care import compact, verify
from semtune.api.upgrading import rollback, upgrade
from semtune.progress import Progress

if TYPE_CHECKING:
    from semtune.serve.own.care import IndexCare


def index_care() -> IndexCare:
    """The functions for `semtune.serve.app.create_app`."""
    from semtune.serve.own.care import IndexCare

    return IndexCare(_upgrade, _rollback, _compact, _verify)


def _upgrade(home: Path, model: str, data: str | None, anyway: bool, progress: Progress) -> Mapping[str, Any]:
    return upgrade(home, model, data=data, anyway=anyway, progress=progress).as_dict()


def _rollback(home: Path, model: str | None, progress: Progress) -> Mapping[str, Any]:
    return asdict(rollback(home, model=model, progress=progress))


def _compact(home: Path, progress: Progress) -> Mapping[str, Any]:
    done = compact(home, progress=progress)
    return {"count": done.count, "index_type": done.index_type}


def _verify(home: Path) -> Mapping[str, Any]:
    return asdict(verify(home))
