"""A cache of finished parts of long work, as plain files, so that a killed run continues where it stopped."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from semtune.errors import ConfigError, InputError, StorageError
from semtune.io import atomic_file, held, storage_errors


@dataclass(frozen=True, slots=True)
class WorkCache:
    """Finished parts by name. A name must depend on everything that its part was made from."""

    folder: Path

    def get(self, name: str) -> bytes | None:
        """The part with this name; None if it was not finished."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return None

    def put(self, name: str, data: bytes) -> None:
        """Store a finished part. It is stored completely or not at all (if the disk is full)."""
        with contextlib.suppress(StorageError), atomic_file(self.folder / name, "wb") as out:
            out.write(data)


def named_after(*facts: str | bytes) -> str:
    """A file name that is unique to a list of facts."""
    digest = hashlib.sha256()
    for fact in facts:
        data = fact.encode("utf-8", "surrogatepass") if isinstance(fact, str) else fact
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:32]


@contextlib.contextmanager
def work_beside(out: Path) -> Iterator[Path | None]:
    """A hidden folder beside `out` for finished parts; a killed process leaves it for the next one.

    It is removed when there is nothing to continue: when the block ends without an error, when the input or the
    settings are refused, and when it is empty. None if another process is using the folder for the same `out`.
    """
    work = (whole := out.absolute()).parent / f".{whole.name}.work"
    new = not work.parent.exists()
    with storage_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with held(work) as ours:
        over = False
        try:
            yield work if ours else None
            over = True
        except BaseException as error:
            over = isinstance(error, InputError | ConfigError)
            raise
        finally:
            if ours and over:
                shutil.rmtree(work, ignore_errors=True)
            for empty in [work] * ours + [work.parent] * new:
                with contextlib.suppress(OSError):  # not empty
                    empty.rmdir()
