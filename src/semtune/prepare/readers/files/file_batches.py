"""Files read in batches: by several processes where it pays, and kept for the next call where a place is given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from semtune.io import sha256_file
from semtune.machine import usable_cpus
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.block_types import Link, Linked, Outline, Term
from semtune.prepare.readers.documents.outline import read_outline
from semtune.prepare.readers.files.worker_pool import Ask, Crew, CrewError, DiedError
from semtune.run import versions
from semtune.work_cache import Kept, named_after

FORMAT = "1"  # of what is kept; raise it when a reader gives something else for the same bytes
FILES, BYTES = 32, 1 << 20  # of a batch, at most; a larger file is one alone
PAYS = 4 << 20  # bytes of files from which more processes are worth their start, and what they read is worth keeping
MOST = 16  # processes; more wait for the one that gathers
FAILED = b"null"
CRASHED = "file that its reader crashed on, or that needs too much memory"


@dataclass(frozen=True, slots=True)
class Files:
    """Files to read together: where they are, and what they are called in the data set."""

    paths: list[str]
    names: list[str]

    def alone(self) -> list[Files]:
        """Each by itself."""
        return [Files([path], [name]) for path, name in zip(self.paths, self.names, strict=True)]


@dataclass(frozen=True, slots=True)
class Batch:
    """What some files hold, (name, outline) each, and what was counted while reading them."""

    outlines: list[tuple[str, Outline]] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


def read_batches(
    folder: Path, files: Sequence[Path], work: Path | None = None, processes: int | None = None
) -> Iterator[Batch]:
    """Read files in their order; the same comes out whatever the number of processes.

    A file over which a process dies is tried once more alone, and then counted and left out.

    Args:
        folder: what names are relative to.
        files: to read.
        work: where finished batches of much are kept and looked for, by the bytes of their files; None: nowhere.
        processes: so many; None: one, or one a processor where there is much to read.
    """
    sizes = [_size(path) for path in files]
    batches = list(_batches(folder, files, sizes))
    much = sum(sizes) >= PAYS
    if processes is None:
        processes = min(usable_cpus(), MOST) if much else 1
    read = partial(_read, Kept(work) if work and much else None)
    if min(processes, len(batches)) < 2:
        for batch in batches:
            yield from read(None, batch)
        return
    with Crew(min(processes, len(batches))) as crew:
        for answers, batch in zip(crew.map(read, batches), batches, strict=True):
            yield from answers or [read_here(batch)]


def read_here(files: Files) -> Batch:
    """Read files in this process."""
    batch = Batch()
    for path, name in zip(files.paths, files.names, strict=True):
        batch.outlines.append((name, read_outline(Path(path), name, batch.tally)))
    return batch


def _read(kept: Kept | None, ask: Ask | None, files: Files) -> list[Batch]:
    """What files hold, in as many parts as it took; empty where the caller must read them itself."""
    name = _name(files) if kept else ""
    if kept and name and (known := unpack(kept.get(name) or FAILED)):
        return [known]
    if ask is None:
        batch: Batch | None = read_here(files)
        answer = pack(batch) if batch and name else FAILED
    else:
        try:
            answer = ask(json.dumps(asdict(files)).encode())
        except CrewError:
            return []
        except DiedError:
            return _one_by_one(ask, files)
        batch = unpack(answer)
    if kept and name and batch:
        kept.put(name, answer)
    return [batch] if batch else []


def _one_by_one(ask: Ask, files: Files) -> list[Batch]:
    """Find the file that a process died over; what they do not survive is counted."""
    found: list[Batch] = []
    for file in files.alone():
        try:
            batch = unpack(ask(json.dumps(asdict(file)).encode()))
        except CrewError:
            return []
        except DiedError:
            batch = Batch([(file.names[0], [])])
            batch.tally.drop(CRASHED, file.names[0])
        if batch is None:
            return []
        found.append(batch)
    return found


def pack(batch: Batch) -> bytes:
    """A batch as one line of JSON: a `Term` is a list of one, a `Linked` one of its text and links."""
    outlines = [
        [name, [[list(map(_term, path)), _linked(text)] for path, text in read]] for name, read in batch.outlines
    ]
    value = {"outlines": outlines, "tally": asdict(batch.tally)}
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def unpack(data: bytes) -> Batch | None:
    """The batch again; None where it is none."""
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


def _batches(folder: Path, files: Iterable[Path], sizes: Iterable[int]) -> Iterator[Files]:
    batch, room = Files([], []), BYTES
    for path, size in zip(files, sizes, strict=True):
        if batch.paths and (len(batch.paths) >= FILES or size > room):
            yield batch
            batch, room = Files([], []), BYTES
        batch.paths.append(str(path))
        batch.names.append(path.relative_to(folder).as_posix())
        room -= size
    if batch.paths:
        yield batch


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _name(files: Files) -> str:
    """The name that a batch is kept under; empty if a file cannot be read, which may be otherwise next time."""
    try:
        contents = [sha256_file(Path(path)) for path in files.paths]
    except OSError:
        return ""
    return "read-" + named_after(_made_by(), *files.names, *contents) + ".json"


@cache
def _made_by() -> str:
    return json.dumps([FORMAT, versions("ftfy", "pypdf", "selectolax")])
