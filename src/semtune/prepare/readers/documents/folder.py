"""A folder of text files to sections, in order of file name."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.outline import read_outline, readable_suffixes
from semtune.prepare.readers.documents.outline_types import Outline
from semtune.prepare.readers.documents.section_positions import section_starts
from semtune.prepare.readers.files.archive import ARCHIVES, is_archive, unpacked
from semtune.prepare.readers.files.file_batches import Batch, read_batches
from semtune.prepare.readers.files.folder_encodings import find_encodings
from semtune.prepare.readers.files.unpack import suffix_of
from semtune.prepare.records import Section
from semtune.progress import QUIET, Progress

OUTPUTS = (  # files that identify a run, a model, a data set and an index
    ("config.yaml", ".lock"),
    ("semtune.json",),
    ("prepare.json",),
    ("manifest.json", "index.sqlite"),
    ("manifest.json", "documents.offsets.npy"),
    ("manifest.json", "index.sqlite"),
    ("manifest.json", "current.json"),
)
_OURS = re.compile(r"^\..+\.(work|scratch\.\w+)(\.lock)?$")  # hidden work folders, perhaps of a killed run


def list_files(folder: Path, tally: Tally) -> list[Path]:
    """Readable files below `folder`, sorted; what is skipped is counted.

    Raises:
        InputError: there are none.
    """
    root = folder.resolve()
    found = [path for path in _walk(folder, tally) if _usable(path, folder, root, tally)]
    if not found:
        raise InputError(f"{root} is empty: no file to read in it. Give a folder with {_known()} files.")
    readable = [path for path in found if _is_read(path)]
    if not readable:
        suffixes = Counter(path.suffix.lower() or "(none)" for path in found)
        seen = ", ".join(f"{suffix} ({count})" for suffix, count in suffixes.most_common(8))
        raise InputError(
            f"{root} has no readable file. Found: {seen}. Readable in a folder: {_known()}. "
            "To read a table (.csv, .tsv, .jsonl), give its own path."
        )
    for path in found:
        if not _is_read(path):
            tally.drop(f"file type not read ({path.suffix.lower() or 'no suffix'})", path.relative_to(folder))
    return readable


def readable_files(folder: Path) -> list[Path]:
    """As `list_files`, but nothing is counted and an empty result is not an error."""
    tally, root = Tally(), folder.resolve()
    found = (path for path in _walk(folder, tally) if _usable(path, folder, root, tally))
    return [path for path in found if _is_read(path)]


def _walk(folder: Path, tally: Tally) -> Iterator[Path]:
    """All files below a folder, sorted; hidden folders and links to folders are not entered."""

    def refused(error: OSError) -> None:
        tally.drop("unreadable folder", error.filename)

    for base, folders, names in os.walk(folder, onerror=refused):
        for name in sorted(folders):
            if _OURS.search(name):
                continue
            if name.startswith("."):
                tally.drop("hidden folder", Path(base, name).relative_to(folder))
            elif Path(base, name).is_symlink():
                tally.drop("symbolic link to a folder", Path(base, name).relative_to(folder))
            elif made_by_semtune(Path(base, name)):
                tally.drop(
                    "folder made by Semtune (a run, model, data set or index)", Path(base, name).relative_to(folder)
                )
        folders[:] = sorted(n for n in folders if not n.startswith(".") and not made_by_semtune(Path(base, n)))
        yield from (Path(base, name) for name in sorted(names) if not _OURS.search(name))


def made_by_semtune(folder: Path) -> bool:
    """Whether a folder is an output of Semtune; a run in the source folder must not read its own report."""
    try:
        return any(all((folder / name).exists() for name in names) for names in OUTPUTS)
    except PermissionError:  # the caller enters it and counts it as unreadable
        return False


def read_folder(
    folder: Path, tally: Tally, progress: Progress = QUIET, work: Path | None = None, processes: int | None = None
) -> list[Section]:
    """Read every text file below `folder`. The result does not depend on the number of processes.

    Args:
        folder: the folder.
        tally: counts what is left out.
        progress: shows the progress.
        work: a folder to keep what was read for the next call; None: nothing is kept.
        processes: maximum number of processes; None: one per processor, if there is enough to read.

    Raises:
        InputError: no file is of a readable type, or none has text.
    """
    files = list_files(folder, tally)
    sections: list[Section] = []
    encodings = find_encodings(folder, files, tally)
    with progress.track("Reading files", len(files)) as done:
        for archived, run in groupby(files, is_archive):
            if archived:
                for path in run:
                    sections += _archived(path, path.relative_to(folder).as_posix(), tally, work, processes)
                    done(1)
                continue
            for batch in read_batches(folder, list(run), work, processes, encodings):
                sections += _of_batch(batch, "", tally)
                done(len(batch.outlines))
    if not sections:
        reasons = ", ".join(f"{entry['count']} {reason}" for reason, entry in tally.dropped.items())
        raise InputError(f"{folder.resolve()}: none of its {len(files)} files has any text ({reasons}).")
    return sections


def read_archive(
    path: Path, tally: Tally, progress: Progress = QUIET, work: Path | None = None, processes: int | None = None
) -> list[Section]:
    """Read every text file in an archive as if it were a folder; see `read_folder`.

    Raises:
        InputError: it is broken, or holds no text.
    """
    with progress.track("Reading the archive", 1) as done:
        sections = _archived(path, "", tally, work, processes)
        done(1)
    if not sections:
        reasons = ", ".join(f"{entry['count']} {reason}" for reason, entry in tally.dropped.items()) or "empty"
        raise InputError(f"{path.absolute()} has no readable text ({reasons}). Readable in an archive: {_known()}.")
    return sections


def _archived(path: Path, name: str, tally: Tally, work: Path | None, processes: int | None) -> list[Section]:
    """The sections of an archive's members. Their source is `name`/member, or the member's name if `name` is empty."""
    sections: list[Section] = []
    with unpacked(path, name or path.name, tally) as folder:
        members = _members(folder)
        for batch in read_batches(folder, members, work, processes, find_encodings(folder, members, tally)):
            sections += _of_batch(batch, f"{name}/" if name else "", tally)
    return sections


def _of_batch(batch: Batch, prefix: str, tally: Tally) -> list[Section]:
    """The sections of a batch of files, with `prefix` before their names; its counts are added to the tally."""
    tally.merge(batch.tally)
    return [section for name, outline in batch.outlines for section in as_sections(prefix + name, outline)]


def _members(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def read_file(path: Path, name: str, tally: Tally, encoding: str | None = None) -> list[Section]:
    """The sections of one file. One that cannot be read is counted and gives none.

    Args:
        path: of the file.
        name: in the data set.
        tally: counts what is left out.
        encoding: of a file that is not in UTF-8; None: it is detected.

    Raises:
        InputError: its encoding cannot be told.
    """
    if encoding is None:
        encoding = find_encodings(path.parent, [path], tally).get(str(path), "")
    return as_sections(name, read_outline(path, name, tally, encoding))


def as_sections(name: str, outline: Outline) -> list[Section]:
    """The outline of a file as the sections of one document."""
    starts = section_starts([body for _, body in outline])
    return [
        Section(f"{name}#{number}", group=name, source=name, path=headings, text=body, start=start, origin=body)
        for number, ((headings, body), start) in enumerate(zip(outline, starts, strict=True), start=1)
    ]


def _leads_into(link: Path, root: Path) -> bool:
    """Whether a link leads to a file below the folder, or to a blob of a Hugging Face cache."""
    try:
        target = link.resolve()
        return target.is_relative_to(root) or _is_blob(target)
    except (OSError, RuntimeError):  # a loop of links
        return True


def _is_blob(path: Path) -> bool:
    """Whether a file is a blob of a Hugging Face cache: its snapshots are folders of links to `blobs`."""
    repository = path.parent.parent
    return path.parent.name == "blobs" and repository.name.startswith(("models--", "datasets--", "spaces--"))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:  # a link through a folder that may not be entered
        return False


def _usable(path: Path, folder: Path, root: Path, tally: Tally) -> bool:
    shown = path.relative_to(folder)
    if path.name.startswith("."):
        tally.drop("hidden file", shown)
    elif path.is_symlink() and not _leads_into(path, root):
        tally.drop("symbolic link that leaves the folder", shown)
    elif not _is_file(path):
        tally.drop("broken link or special file", shown)
    else:
        return True
    return False


def _is_read(path: Path) -> bool:
    return suffix_of(path) in readable_suffixes() or is_archive(path)


def _known() -> str:
    return " ".join((*readable_suffixes(), *ARCHIVES))
