"""Plain files: JSON lines, atomic writes, hashes.

Files that others may read meanwhile are written beside their final name and then renamed: a reader sees the old file or
the new one, never a part of one.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import json
import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from semtune.errors import InputError, SemtuneError, StorageError
from semtune.locks import lock_file

CHUNK = 1 << 20
SCRATCH, LOCK = "scratch", ".lock"
YOUNG = 60  # seconds
FULL = 16 << 20  # bytes; with less free, an unexplained error of a library's writer is taken for a full disk


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn errors of the disk under `path` (full, read-only ...) into a `StorageError` that explains them."""
    try:
        yield
    except SemtuneError:
        raise
    except OSError as error:
        reasons = {
            errno.ENOSPC: "no space is left on the disk",
            errno.EDQUOT: "the disk quota is used up",
            errno.EROFS: "the file system is read-only",
            errno.EACCES: "permission is denied",
            errno.EPERM: "permission is denied",
            errno.EEXIST: "a file is in the way",
            errno.ENOTDIR: "a part of the path is a file",
            errno.EISDIR: "a folder is in the way",
            errno.EFBIG: "the file is larger than is allowed here",
            errno.ENAMETOOLONG: "the name is too long",
        }
        places = (path.absolute(), *path.absolute().parents)
        if error.errno == errno.ENOENT and error.filename and Path(error.filename) in places:
            reasons[errno.ENOENT] = "a folder cannot be made there"
        if error.errno not in reasons:
            raise
        at = error.filename2 or error.filename or path
        raise StorageError(
            f"Cannot write {at}: {reasons[error.errno]}. Free some space or choose another place. "
            "Finished work is kept; run the same command again to continue."
        ) from error
    except Exception as error:
        # Writers in C++ and Rust report a full disk with errors of their own.
        if _free(path) >= FULL and os.strerror(errno.ENOSPC) not in str(error):
            raise
        raise StorageError(
            f"The disk under {path} is full ({error}). Free some space or choose another place. "
            "Finished work is kept; run the same command again to continue."
        ) from error


def _free(path: Path) -> int:
    place = path.absolute()
    while not place.is_dir():
        place = place.parent
    return shutil.disk_usage(place).free


@contextlib.contextmanager
def atomic_file(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file that appears at `path` only when the block ends without an error."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        part = Path(name)
        try:
            encoding = None if "b" in mode else "utf-8"
            with os.fdopen(handle, mode, encoding=encoding, newline=None if encoding is None else "\n") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())
            part.chmod(0o666 & ~_umask())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a scratch folder that replaces `path` when the block ends without an error.

    Scratch folders that killed processes left behind for the same `path` are removed.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        scratch = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.{SCRATCH}."))
        scratch.chmod(0o777 & ~_umask())
        try:
            with held(scratch):
                yield scratch
                replace_folder(scratch, path)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise


@contextlib.contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Keep other processes out of a folder, which is made if it is missing, for the length of the block.

    The lock is a hidden file beside the folder, so that the folder can be renamed or removed meanwhile.

    Yields:
        Whether the folder is ours: False if another process has it.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        with storage_errors(folder):
            ours = stack.enter_context(lock_file(_lock_beside(folder), remove=True))
        yield ours


def _lock_beside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name.removeprefix('.')}{LOCK}")


def _sweep(path: Path) -> None:
    """Remove scratch folders for `path` that nobody holds; a young one may be about to be held."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.{SCRATCH}.*"):
        with contextlib.suppress(OSError):
            if left.is_dir() and time.time() - left.stat().st_mtime > YOUNG:
                with held(left) as ours:
                    if ours:
                        shutil.rmtree(left, ignore_errors=True)


def replace_folder(new: Path, path: Path) -> None:
    """Move the folder `new` to `path`; an old folder there is moved aside first and then removed."""
    if path.exists():
        aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
        path.replace(aside / "old")
        new.replace(path)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        new.replace(path)


def restore_folder(path: Path) -> None:
    """Undo a `replace_folder` that was killed between its two renames: move the old folder back."""
    if not path.exists() and (aside := sorted(path.parent.glob(f".{glob.escape(path.name)}.old.*/old"))):
        aside[0].replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    with atomic_file(path) as out:
        json.dump(value, out, indent=2, ensure_ascii=False)
        out.write("\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; if it is missing or broken, raise an `InputError` that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid JSON ({error}).") from None


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write one JSON object per line, atomically; returns the number of rows."""
    count = 0
    with atomic_file(path) as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON-lines file; a broken line raises an `InputError` with its number."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                raise InputError(f"{path}:{number} is not valid JSON ({error}).") from None
            if not isinstance(row, dict):
                raise InputError(f"{path}:{number} holds {type(row).__name__}, expected a JSON object.")
            yield row


def user_cache() -> Path:
    """Folder for what Semtune may keep between commands and can always make again; it may not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "semtune"


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex; a file that is unchanged since this process last read it is not read again."""
    return _sha256(str(path.absolute()), *file_state(path))


def file_state(path: Path) -> tuple[int, int, int]:
    """Inode, size and time of a file: another state means that it was written anew."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=1 << 16)
def _sha256(path: str, _inode: int, _size: int, _changed: int) -> str:
    return sha256_of_bytes(Path(path))


def sha256_of_bytes(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex; it is read every time, to find what changed without a trace."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def sha256_json(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form (sorted keys, no white space), in hex."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def files_under(folder: Path) -> list[Path]:
    """All regular files below `folder`, sorted, without hidden ones and symlinks that lead out of it."""
    root = folder.resolve()
    found: list[Path] = []
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(base) / name
            if not name.startswith(".") and path.is_file() and path.resolve().is_relative_to(root):
                found.append(path)
    return found


def finite(value: Any) -> Any:
    """The value with NaN and infinity, which JSON does not have, replaced by null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return value
