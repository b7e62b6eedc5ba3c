"""Files read in batches: by worker processes where it pays, and kept for the next call where a folder is given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from semtune.io import sha256_file
from semtune.machine import usable_cpus
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.outline import read_outline
from semtune.prepare.readers.documents.outline_types import Link, Linked, Outline, Term
from semtune.prepare.readers.documents.pdf.ocr import can_read_scans
from semtune.prepare.readers.files.worker_pool import WorkerPool
from semtune.run_directory import versions
from semtune.work_cache import WorkCache, named_after

FORMAT = "5"  # of what is kept; raise it when a reader gives something else for the same bytes
FILES, BYTES = 32, 1 << 20  # maximum of a batch; a larger file is a batch of its own
PAYS = 4 << 20  # bytes of files from which workers are worth their start, and results worth keeping
MAX_PROCESSES = 16  # more would wait for the process that collects the results
CRASHED = "file that its reader crashed on, or that needs too much memory"


@dataclass(frozen=True, slots=True)
class Files:
    """Files to read together: their paths, and their names in the data set."""

    paths: list[str]
    names: list[str]
    encodings: dict[str, str] = field(default_factory=dict)  # by path, of those that are not UTF-8

    def one_by_one(self) -> list[Files]:
        """Each file as a batch of its own."""
        return [Files([path], [name], self.encodings) for path, name in zip(self.paths, self.names, strict=True)]

    def add(self, path: Path, name: str, encoding: str) -> None:
        """Add a file; `encoding` is empty for UTF-8."""
        self.paths.append(str(path))
        self.names.append(name)
        if encoding:
            self.encodings[str(path)] = encoding


@dataclass(frozen=True, slots=True)
class Batch:
    """The outlines of some files as (name, outline), and what was counted while reading them."""

    outlines: list[tuple[str, Outline]] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


def read_batches(
    folder: Path,
    files: Sequence[Path],
    work: Path | None = None,
    processes: int | None = None,
    encodings: Mapping[str, str] | None = None,
) -> Iterator[Batch]:
    """Read files in their order. The result does not depend on the number of processes.

    When a worker dies, its files are tried again one by one; a file that kills its worker is counted and left out.

    Args:
        folder: that names are relative to.
        files: to read.
        work: where finished batches are kept and looked up, by the bytes of their files; None: nowhere.
        processes: how many; None: one, or one per processor where there is much to read.
        encodings: by path, of the files that are not in UTF-8.
    """
    sizes = [_size(path) for path in files]
    batches = list(_batches(folder, files, sizes, encodings or {}))
    much = sum(sizes) >= PAYS
    if processes is None:
        processes = min(usable_cpus(), MAX_PROCESSES) if much else 1
    read = partial(_read, WorkCache(work) if work and much else None)
    if min(processes, len(batches)) < 2:
        yield from map(read, batches)
        return
    with WorkerPool(read, min(processes, len(batches))) as pool:
        for batch, files_read in zip(pool.map(batches), batches, strict=True):
            yield from [batch] if batch is not None else _one_by_one(pool, files_read)


def read_here(files: Files) -> Batch:
    """Read files in this process."""
    batch = Batch()
    for path, name in zip(files.paths, files.names, strict=True):
        batch.outlines.append((name, read_outline(Path(path), name, batch.tally, files.encodings.get(path, ""))))
    return batch


def _read(cache: WorkCache | None, files: Files) -> Batch:
    """Read files, or take what the cache has of them."""
    name = _name(files) if cache else ""
    if cache is None or not name:
        return read_here(files)
    batch = unpack(cache.get(name) or b"null")
    if batch is None:
        batch = read_here(files)
        cache.put(name, pack(batch))
    return batch


def _one_by_one(pool: WorkerPool[Files, Batch], files: Files) -> Iterator[Batch]:
    """Read files each with a worker to itself; those that kill it are counted."""
    for file in files.one_by_one():
        batch = pool.alone(file)
        if batch is None:
            batch = Batch([(file.names[0], [])])
            batch.tally.drop(CRASHED, file.names[0])
        yield batch


def pack(batch: Batch) -> bytes:
    """A batch as one line of JSON: a `Term` is a list of one, a `Linked` one of its text and links."""
    outlines = [
        [name, [[list(map(_term, path)), _linked(text)] for path, text in read]] for name, read in batch.outlines
    ]
    value = {"outlines": outlines, "tally": asdict(batch.tally)}
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def unpack(data: bytes) -> Batch | None:
    """The batch of such a line; None if it is not one."""
    try:
        value = json.loads(data.decode("utf-8", "surrogatepass"))
        if value is None:
            return None
        outlines = [
            (name, [(tuple(map(_heading, path)), _text(text)) for path, text in read])
            for name, read in value["outlines"]
        ]
        return Batch(outlines, Tally(**value["tally"]))
    except (ValueError, TypeError, KeyError):
        return None


def _term(heading: str) -> Any:
    return [heading] if isinstance(heading, Term) else heading


def _heading(value: Any) -> str:
    return Term(value[0]) if isinstance(value, list) else value


def _linked(text: str) -> Any:
    return [text, *([link.text, link.href] for link in text.links)] if isinstance(text, Linked) else text


def _text(value: Any) -> str:
    return Linked(value[0], (Link(*link) for link in value[1:])) if isinstance(value, list) else value


def _batches(
    folder: Path, files: Iterable[Path], sizes: Iterable[int], encodings: Mapping[str, str]
) -> Iterator[Files]:
    batch, room = Files([], []), BYTES
    for path, size in zip(files, sizes, strict=True):
        if batch.paths and (len(batch.paths) >= FILES or size > room):
            yield batch
            batch, room = Files([], []), BYTES
        batch.add(path, path.relative_to(folder).as_posix(), encodings.get(str(path), ""))
        room -= size
    if batch.paths:
        yield batch


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _name(files: Files) -> str:
    """The name that a batch is stored under; empty if a file cannot be read (it may be readable next time)."""
    try:
        contents = [sha256_file(Path(path)) for path in files.paths]
    except OSError:
        return ""
    encodings = [files.encodings.get(path, "") for path in files.paths]
    return "read-" + named_after(_made_by(), *files.names, *contents, *encodings) + ".json"


@cache
def _made_by() -> str:
    libraries = versions("ftfy", "markdown-it-py", "mdit-py-plugins", "chardet", "pypdfium2", "selectolax")
    return json.dumps([FORMAT, can_read_scans(), libraries])
