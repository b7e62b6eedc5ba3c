"""The versions of an index: which one is searched, which one is kept for a rollback, and who may write.

An index begins as one version, the folder itself. An upgrade builds the next one in `versions/N` and then names it in
`current.json`. That file is renamed into its place, so the switch happens at one moment, on any file system. No file of
an open version is moved: who has it open goes on reading it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from semtune import formats
from semtune.errors import BusyError, ConfigError, InputError
from semtune.io import read_json, storage_errors, write_json
from semtune.locks import holder, lock_file

POINTER, VERSIONS, LOCK = "current.json", "versions", ".writing.lock"
FIRST = "."
WAIT, PAUSE = 30.0, 0.1  # seconds to wait for another writer, and between two looks


@dataclass(frozen=True, slots=True)
class Versions:
    """Which versions an index has, as paths relative to its folder.

    Attributes:
        current: the version that is searched and written.
        before: the one that was searched before the last switch; empty if there was none.
    """

    current: str = FIRST
    before: str = ""


def read(index: Path) -> Versions:
    """The versions of an index; those of one that was never upgraded where there is no `current.json`.

    Raises:
        InputError: the file is damaged.
    """
    file = index / POINTER
    if not file.is_file():
        return Versions()
    contents = formats.INDEX_VERSIONS.read(read_json(file), file)
    try:
        found = Versions(**contents.known_to(Versions))
    except TypeError as error:
        raise _damaged(file, str(error)) from None
    for name in filter(None, (found.current, found.before)):
        if name != FIRST and Path(name).parent != Path(VERSIONS):
            raise _damaged(file, f"{name!r} is no version of this index")
    return found


def _damaged(file: Path, why: str) -> InputError:
    return InputError(
        f"{file} is damaged ({why}). It says which version of the index is searched. Write "
        f'{{"format": "1.0", "current": "{VERSIONS}/N", "before": ""}} with the number of a folder in '
        f'{file.parent / VERSIONS}, or "{FIRST}" for the version in the folder itself.'
    )


def current(index: Path) -> Path:
    """The folder of the version that is searched and written.

    Raises:
        InputError: the version that `current.json` names is not there.
    """
    name = read(index).current
    if name != FIRST and not (index / name).is_dir():
        raise _damaged(index / POINTER, f"it names {name!r}, which is not there")
    return index / name


def mark(index: Path) -> tuple[int, ...]:
    """Changes when an index is switched to another version, or built anew; two calls of stat."""
    try:
        folder = index.stat()
    except OSError:
        return ()
    try:
        pointer = (index / POINTER).stat()
    except OSError:
        return folder.st_dev, folder.st_ino
    return folder.st_dev, folder.st_ino, pointer.st_ino, pointer.st_mtime_ns


def next_folder(index: Path) -> Path:
    """Where the next version is built: the folder of one that was begun, or a new name."""
    return index / VERSIONS / str(_newest(index) + 1)


def _numbers(index: Path) -> list[int]:
    """The numbers of the versions in folders of their own, ascending."""
    return sorted(int(path.name) for path in (index / VERSIONS).glob("*") if path.name.isdecimal())


def _newest(index: Path) -> int:
    """The highest number of a version that is or was current; 1 is the index folder itself."""
    found = read(index)
    return max((int(Path(name).name) for name in (found.current, found.before) if name not in ("", FIRST)), default=1)


def switch(index: Path, new: Path) -> Versions:
    """Let `new`, a finished version, be the current one; the one that was is kept. Only within `writing`."""
    made = Versions(new.relative_to(index).as_posix(), read(index).current)
    write_json(index / POINTER, formats.INDEX_VERSIONS.stamp(asdict(made)))
    return made


def before(index: Path) -> Path:
    """The folder of the version before the last switch.

    Raises:
        ConfigError: there is none.
        InputError: it is not there.
    """
    name = read(index).before
    if not name:
        raise ConfigError(
            f"{index} has no version before this one: it was never upgraded. Nothing was changed. "
            f"`semtune upgrade {index} --model NEW` makes a new version."
        )
    if not (index / name).is_dir():
        raise _damaged(index / POINTER, f"the version before, {name!r}, is not there")
    return index / name


def superseded(index: Path) -> list[Path]:
    """Versions that neither are searched, nor kept for a rollback, nor being built; the index folder is the first."""
    found, newest = read(index), _newest(index)
    names = [FIRST, *(f"{VERSIONS}/{number}" for number in _numbers(index) if number < newest)]
    return [index / name for name in names if name not in (found.current, found.before)]


@contextlib.contextmanager
def writing(index: Path, wait: float = WAIT) -> Iterator[Path]:
    """Keep other writers of this index out for the length of the block; gives the current version's folder.

    The version is looked up when nobody else writes: an upgrade cannot switch between the look and the write.

    Raises:
        BusyError: another process is still writing after `wait` seconds.
    """
    deadline = time.monotonic() + wait
    while True:
        with contextlib.ExitStack() as stack:
            with storage_errors(index):
                ours = stack.enter_context(lock_file(index / LOCK))
            if ours:
                yield current(index)
                return
        if time.monotonic() > deadline:
            pid = holder(index / LOCK)
            raise BusyError(
                f"Another process{f' (pid {pid})' if pid else ''} is writing to {index}. Nothing was changed. Wait "
                "until it ends, then run the same command again."
            )
        time.sleep(PAUSE)
