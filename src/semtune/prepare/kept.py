"""What a long piece of work has finished, kept as plain files, so that a killed one need not begin again."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from semtune.errors import ConfigError, InputError
from semtune.io import atomic_file, held


@dataclass(frozen=True, slots=True)
class Kept:
    """Parts of some work by name; a name says all that its part was made from."""

    folder: Path

    def get(self, name: str) -> bytes | None:
        """The part of this name; None if it was not finished."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return None

    def put(self, name: str, data: bytes) -> None:
        """Keep a finished part; it is there whole or not at all."""
        with atomic_file(self.folder / name, "wb") as out:
            out.write(data)


def named_after(*facts: str | bytes) -> str:
    """A file name of its own for each list of facts."""
    digest = hashlib.sha256()
    for fact in facts:
        data = fact.encode("utf-8", "surrogatepass") if isinstance(fact, str) else fact
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:32]


@contextlib.contextmanager
def work_beside(out: Path) -> Iterator[Path | None]:
    """A hidden folder beside `out` to keep finished parts in; a killed process leaves it for the next one.

    It is removed when the block ends well, and when the input or the settings are refused: then there is nothing
    to continue. None where another process works for the same `out`, which has the folder to itself.
    """
    work = out.parent / f".{out.name}.work"
    with held(work) as ours:
        try:
            yield work if ours else None
        except (InputError, ConfigError):
            _remove(work, ours)
            raise
        _remove(work, ours)


def _remove(work: Path, ours: bool) -> None:
    if ours:
        shutil.rmtree(work, ignore_errors=True)
