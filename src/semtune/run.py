"""A run directory: which steps are done, with what, and whether that still holds.

A step works in `.partial/<step>`; when it is finished its record is written there and the folder is renamed
to `<step>`. So a step's folder is whole or absent, and `manifest.json`, written last, only gathers the
records. Killed at any moment, the next call finds either the whole step or a partial one to continue or redo.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from semtune import __version__
from semtune.errors import InputError, RunLockedError
from semtune.io import (
    files_under,
    read_json,
    replace_folder,
    restore_folder,
    sha256_file,
    sha256_json,
    storage_errors,
    write_json,
)

MANIFEST, RECORD, PARTIAL, LOCK, CONFIG = "manifest.json", "step.json", ".partial", ".lock", "config.yaml"
KIND, FORMAT = "semtune-run", 1


@dataclass(frozen=True, slots=True)
class Key:
    """All that decides a step's result: equal keys, equal results.

    Attributes:
        arguments: the step's settings and what it takes from others (seed, model fingerprint).
        inputs: name → content hash of what it reads.
        versions: of Semtune and the libraries that compute.
    """

    arguments: Mapping[str, Any]
    inputs: Mapping[str, str]
    versions: Mapping[str, str]

    @property
    def hash(self) -> str:
        """One hash of it all."""
        return sha256_json(asdict(self))

    def changed_since(self, record: StepRecord) -> str:
        """What differs from a record, in words; empty if nothing does."""
        for what, now, then in (
            ("arguments", self.arguments, record.key.arguments),
            ("inputs", self.inputs, record.key.inputs),
            ("versions", self.versions, record.key.versions),
        ):
            keys = sorted({*now, *then})
            changed = [key for key in keys if sha256_json(now.get(key)) != sha256_json(then.get(key))]
            if changed and what == "inputs":
                return f"input changed: {', '.join(changed)}"
            if changed:
                shown = [f"{key}: {then.get(key)!s:.60} → {now.get(key)!s:.60}" for key in changed]
                return f"{what} changed: {', '.join(shown)}"
        return ""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What a finished step says of itself.

    Attributes:
        outputs: path in the step's folder → [sha256, bytes, mtime in ns].
        external: absolute paths outside the run that the step made (a milvus-lite file).
        result: the step's numbers, for summaries.
    """

    step: str
    status: str
    key: Key
    outputs: Mapping[str, tuple[str, int, int]]
    seconds: float
    seed: int
    device: str
    git_revision: str
    finished: str
    external: Sequence[str] = ()
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> str:
        """Hash of the step's output files: the next steps' input."""
        return sha256_json({path: facts[0] for path, facts in self.outputs.items()})


class RunDirectory:
    """A run's folder. Only the holder of `locked` may change it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out; the lock goes with the process, however it ends.

        Raises:
            RunLockedError: another process holds it.
        """
        with storage_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.root / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(handle, self.root)
            with storage_errors(self.root):
                os.ftruncate(handle, 0)
                os.write(handle, str(os.getpid()).encode())
            yield
        finally:
            os.close(handle)

    def record(self, step: str) -> StepRecord | None:
        """The record of a finished step; None if there is none that can be read."""
        path = self.root / step / RECORD
        try:
            values = read_json(path)
            values["key"] = Key(**values["key"])
            values["outputs"] = {name: tuple(facts) for name, facts in values["outputs"].items()}
            return StepRecord(**values)
        except (InputError, TypeError, KeyError, AttributeError):
            return None

    def content(self, step: str) -> str:
        """Hash of a finished step's output files; "absent" if it is not finished."""
        record = self.record(step)
        return record.content if record else "absent"

    def why_run(self, step: str, key: Key) -> str:
        """Why a step has to run, in words; empty if its result stands."""
        record = self.record(step)
        if record is None:
            return "has not run yet"
        return key.changed_since(record) or self._damage(step, record)

    def damage(self, step: str) -> str:
        """What is missing or altered of a finished step's outputs; "has not run yet" if it is not finished."""
        record = self.record(step)
        return "has not run yet" if record is None else self._damage(step, record)

    def _damage(self, step: str, record: StepRecord) -> str:
        for name, (sha256, size, mtime) in record.outputs.items():
            path = self.root / step / name
            if not path.is_file() or path.stat().st_size != size:
                return f"output missing or cut short: {step}/{name}"
            if path.stat().st_mtime_ns != mtime and sha256_file(path) != sha256:
                return f"output altered: {step}/{name}"
        gone = [path for path in record.external if not Path(path).exists()]
        return f"output missing: {gone[0]}" if gone else ""

    def begin(self, step: str, key: Key, *, resumable: bool = False) -> Path:
        """A folder to work in; what a killed attempt left there stays only if the step can resume it."""
        work = self.root / PARTIAL / step
        marker = work / "key.json"
        with storage_errors(work):
            if resumable and marker.exists() and read_json(marker).get("key") == key.hash:
                for path in work.glob(".*"):  # scratch places of the killed attempt
                    _remove(path)
            else:
                shutil.rmtree(work, ignore_errors=True)
                work.mkdir(parents=True)
                write_json(marker, {"key": key.hash})
        return work

    def finish(
        self, step: str, work: Path, key: Key, seconds: float, seed: int, device: str, finished: str,
        result: Mapping[str, Any], external: Sequence[str] = (),
    ) -> StepRecord:  # fmt: skip
        """Put a step's work in its place, record first, rename last, then the manifest."""
        with storage_errors(work):
            (work / "key.json").unlink(missing_ok=True)
            outputs = {
                str(path.relative_to(work)): (sha256_file(path), path.stat().st_size, path.stat().st_mtime_ns)
                for path in files_under(work)
            }
            record = StepRecord(
                step,
                "done",
                key,
                outputs,
                round(seconds, 2),
                seed,
                device,
                git_revision(),
                finished,
                list(external),
                dict(result),
            )
            write_json(work / RECORD, asdict(record))
            replace_folder(work, self.root / step)
            self.write_manifest()
        return record

    def write_manifest(self) -> None:
        """Gather the records of all finished steps into `manifest.json`."""
        found = [self.record(path.parent.name) for path in sorted(self.root.glob(f"*/{RECORD}"))]
        records = [asdict(record) for record in sorted(filter(None, found), key=lambda record: record.finished)]
        write_json(self.root / MANIFEST, {"kind": KIND, "format": FORMAT, "semtune": __version__, "steps": records})

    def sweep(self) -> None:
        """Remove what killed processes left beside the step folders; a step's folder that was moved aside comes back."""
        for path in self.root.glob(".*.old.*/old"):
            restore_folder(self.root / path.parent.name[1:].rsplit(".old.", 1)[0])
        for pattern in (".*.old.*", f".{MANIFEST}.*", f".{CONFIG}.*"):
            for path in self.root.glob(pattern):
                _remove(path)


def is_run(folder: Path) -> bool:
    """Whether a folder is a run's."""
    return (folder / CONFIG).is_file() and any((folder / name).exists() for name in (MANIFEST, LOCK))


def versions(*packages: str) -> dict[str, str]:
    """Versions of Semtune and of installed packages."""
    found = {"semtune": __version__}
    for package in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def git_revision() -> str:
    """The working directory's git revision, or an empty string; for the record only."""
    git = shutil.which("git")
    if git is None:
        return ""
    try:
        done = subprocess.run([git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _lock(handle: int, root: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows has no flock; two runs at once are then not noticed
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(handle, 32, 0).decode(errors="replace").strip()
        raise RunLockedError(
            f"Another process{f' (pid {holder})' if holder else ''} is working in {root}. Wait until it ends, or give this run another name (name=...)."
        ) from None
