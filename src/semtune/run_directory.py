"""A run directory: which steps are finished, what they were made from, and whether that is still up to date.

A step works in `.partial/<step>`. When it is finished, its record is written there and the folder is renamed to
`<step>`. So a step's folder is complete or absent; `manifest.json`, written last, only collects the records. After a
kill at any moment the next call finds either a finished step or a partial one to continue or redo.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from semtune import __version__, formats
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
from semtune.locks import holder, lock_file

MANIFEST, RECORD, PARTIAL, LOCK, CONFIG = "manifest.json", "step.json", ".partial", ".lock", "config.yaml"
BEFORE = ".before"  # what a step's old output is called when it is kept
KIND = "semtune-run"


@dataclass(frozen=True, slots=True)
class Key:
    """Everything a step's result depends on: equal keys mean equal results.

    Attributes:
        arguments: the step's settings, and values from elsewhere (seed, model fingerprint).
        inputs: name → content hash of each input.
        versions: of Semtune and the libraries that compute.
    """

    arguments: Mapping[str, Any]
    inputs: Mapping[str, str]
    versions: Mapping[str, str]

    @property
    def hash(self) -> str:
        """One hash of the whole key."""
        return sha256_json(asdict(self))

    def changed_since(self, record: StepRecord) -> str:
        """What differs from a record, in words; empty if nothing differs."""
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
    """The record of a finished step.

    Attributes:
        outputs: path in the step's folder → [sha256, bytes, mtime in ns].
        external: absolute paths of files the step made outside the run (a milvus-lite database).
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
    """The folder of a run. Only the process in `locked` may change it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out; the lock is released when the process ends, however it ends.

        Raises:
            RunLockedError: another process holds it.
        """
        with contextlib.ExitStack() as stack:
            with storage_errors(self.root):
                self.root.mkdir(parents=True, exist_ok=True)
                ours = stack.enter_context(lock_file(self.root / LOCK))
            if not ours:
                pid = holder(self.root / LOCK)
                raise RunLockedError(
                    f"Another process{f' (pid {pid})' if pid else ''} is working in {self.root}. "
                    "Wait until it ends, or give this run another name (name=...)."
                )
            yield

    def record(self, step: str) -> StepRecord | None:
        """The record of a finished step; None if there is none, or it is damaged.

        Raises:
            InputError: a later version of Semtune wrote it.
        """
        path = self.root / step / RECORD
        try:
            values = read_json(path)
        except InputError:
            return None
        return _record(formats.STEP.read(values, path)) if isinstance(values, dict) else None

    def content(self, step: str) -> str:
        """Hash of a finished step's output files; "absent" if it is not finished."""
        record = self.record(step)
        return record.content if record else "absent"

    def why_run(self, step: str, key: Key, damage_of: Callable[[Path], str] | None = None) -> str:
        """Why a step has to run, in words; empty if its result is up to date.

        Args:
            step: its name.
            key: what its result depends on now.
            damage_of: of a step whose output people may change: what is wrong in its folder, in words; asked only
                where something changed. None: every output must be as the step left it.
        """
        record = self.record(step)
        if record is None:
            return "has not run yet"
        return key.changed_since(record) or self.damage(step, damage_of)

    def damage(self, step: str, damage_of: Callable[[Path], str] | None = None) -> str:
        """What is wrong with the output of a finished step, in words; "has not run yet" if it is not finished."""
        record = self.record(step)
        if record is None:
            return "has not run yet"
        if damage_of is None:
            return self._damage(step, record)
        return damage_of(self.root / step) if self.altered(step) else ""

    def altered(self, step: str) -> bool:
        """Whether an output of a finished step was changed, removed or joined by another file since."""
        record = self.record(step)
        if record is None:
            return False
        files = [path for path in files_under(self.root / step) if not _passing(path)]
        present = {str(path.relative_to(self.root / step)) for path in files}
        return bool(self._damage(step, record)) or not present - {RECORD} <= set(record.outputs)

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
        """A folder to work in; the files of a killed attempt stay only if the step can resume from them."""
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
        result: Mapping[str, Any], external: Sequence[str] = (), keep_old: bool = False,
    ) -> StepRecord:  # fmt: skip
        """Move a step's work to its place: write the record, rename the folder, then write the manifest.

        With `keep_old` the folder that was there stays beside it, as STEP.before.
        """
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
            write_json(work / RECORD, formats.STEP.stamp(asdict(record)))
            if keep_old:
                replace_folder(self.root / step, self.root / f"{step}{BEFORE}")
            replace_folder(work, self.root / step)
            self.write_manifest()
        return record

    def write_manifest(self) -> None:
        """Collect the records of all finished steps in `manifest.json`."""
        paths = [path for path in sorted(self.root.glob(f"*/{RECORD}")) if path.parent.suffix != BEFORE]
        found = [self.record(path.parent.name) for path in paths]
        records = sorted(filter(None, found), key=lambda record: record.finished)
        steps = [formats.STEP.stamp(asdict(record)) for record in records]
        values = formats.RUN.stamp({"semtune": __version__, "steps": steps})
        write_json(self.root / MANIFEST, {"kind": KIND, **values})

    def sweep(self) -> None:
        """Remove what killed processes left beside the step folders; move back a step's folder that was moved aside."""
        for path in self.root.glob(".*.old.*/old"):
            restore_folder(self.root / path.parent.name[1:].rsplit(".old.", 1)[0])
        for pattern in (".*.old.*", f".{MANIFEST}.*", f".{CONFIG}.*"):
            for path in self.root.glob(pattern):
                _remove(path)


def is_run(folder: Path) -> bool:
    """Whether a folder is the folder of a run."""
    return (folder / CONFIG).is_file() and any((folder / name).exists() for name in (MANIFEST, LOCK))


def versions(*packages: str) -> dict[str, str]:
    """Versions of Semtune and of those packages that are installed."""
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
        words = [git, "rev-parse", "HEAD"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _record(contents: formats.Contents) -> StepRecord | None:
    values = contents.known_to(StepRecord)
    try:
        key = Key(**contents.known_to(Key, values["key"]))
        outputs = {name: tuple(facts) for name, facts in values["outputs"].items()}
        return StepRecord(**{**values, "key": key, "outputs": outputs})
    except (TypeError, KeyError, AttributeError):
        return None


def _passing(path: Path) -> bool:
    """Whether a file only belongs to who has a database open at this moment."""
    return path.name.endswith("-shm") or (path.name.endswith("-wal") and not path.stat().st_size)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
