"""A folder of text files to sections, in the order of their names."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from semtune.errors import InputError
from semtune.prepare.material import Section
from semtune.prepare.readers.decode import read_bytes, read_text
from semtune.prepare.readers.docx import read_docx
from semtune.prepare.readers.html import read_html
from semtune.prepare.readers.markdown import read_markdown
from semtune.prepare.readers.pdf import read_pdf
from semtune.prepare.readers.plain import Outline, read_plain
from semtune.prepare.readers.rst import read_rst
from semtune.prepare.readers.unpack import suffix_of
from semtune.prepare.spans import starts
from semtune.prepare.tally import Tally
from semtune.progress import QUIET, Progress

TEXTS: dict[str, Callable[[str], Outline]] = {
    ".txt": read_plain,
    ".text": read_plain,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".html": read_html,
    ".htm": read_html,
    ".xhtml": read_html,
    ".rst": read_rst,
    ".rest": read_rst,
}
BINARIES: dict[str, Callable[[bytes, str, Tally], Outline]] = {
    ".pdf": read_pdf,
    ".docx": lambda data, name, _: read_docx(data, name),
}
OUTPUTS = (  # files that a run, a model, a data set, an index have
    ("config.yaml", ".lock"),
    ("semtune.json",),
    ("prepare.json",),
    ("manifest.json", "documents.offsets.npy"),
)
READERS = (*TEXTS, *BINARIES)  # each also packed, as .gz


def list_files(folder: Path, tally: Tally) -> list[Path]:
    """Files below `folder` that a reader exists for, sorted; what is passed over is counted.

    Raises:
        InputError: there is none.
    """
    root = folder.resolve()
    found = [path for path in _walk(folder, tally) if _usable(path, folder, root, tally)]
    if not found:
        raise InputError(f"{root} is empty: no file to read in it. Give a folder with {_known()} files.")
    readable = [path for path in found if suffix_of(path) in READERS]
    if not readable:
        suffixes = Counter(path.suffix.lower() or "(none)" for path in found)
        seen = ", ".join(f"{suffix} ({count})" for suffix, count in suffixes.most_common(8))
        raise InputError(
            f"{root} has no file that can be read. Found: {seen}. Readable in a folder: {_known()}. "
            "A table (.csv, .tsv, .jsonl) is given by its own path."
        )
    for path in found:
        if suffix_of(path) not in READERS:
            tally.drop(f"file type not read ({path.suffix.lower() or 'no suffix'})", path.relative_to(folder))
    return readable


def readable_files(folder: Path) -> list[Path]:
    """As `list_files`, for those who do not ask what is passed over; none is no error."""
    tally, root = Tally(), folder.resolve()
    found = (path for path in _walk(folder, tally) if _usable(path, folder, root, tally))
    return [path for path in found if suffix_of(path) in READERS]


def _walk(folder: Path, tally: Tally) -> Iterator[Path]:
    """Everything below a folder that is no folder, sorted; hidden and linked folders are not entered."""

    def refused(error: OSError) -> None:
        tally.drop("unreadable folder", error.filename)

    for base, folders, names in os.walk(folder, onerror=refused):
        for name in sorted(folders):
            if name.startswith("."):
                tally.drop("hidden folder", Path(base, name).relative_to(folder))
            elif Path(base, name).is_symlink():
                tally.drop("symbolic link to a folder", Path(base, name).relative_to(folder))
            elif made_by_semtune(Path(base, name)):
                tally.drop(
                    "folder made by Semtune (a run, model, data set or index)", Path(base, name).relative_to(folder)
                )
        folders[:] = sorted(n for n in folders if not n.startswith(".") and not made_by_semtune(Path(base, n)))
        yield from (Path(base, name) for name in sorted(names))


def made_by_semtune(folder: Path) -> bool:
    """Whether a folder is an output: a run whose config lies in the source folder must not read its own report."""
    return any(all((folder / name).exists() for name in names) for names in OUTPUTS)


def read_folder(folder: Path, tally: Tally, progress: Progress = QUIET) -> list[Section]:
    """Read every text file below `folder`.

    Raises:
        InputError: no file is of a known type, or none could be read.
    """
    files = list_files(folder, tally)
    sections: list[Section] = []
    with progress.track("Reading files", len(files)) as done:
        for path in files:
            sections += read_file(path, path.relative_to(folder).as_posix(), tally)
            done(1)
    if not sections:
        reasons = ", ".join(f"{entry['count']} {reason}" for reason, entry in tally.dropped.items())
        raise InputError(f"{folder.resolve()}: none of its {len(files)} files has any text ({reasons}).")
    return sections


def read_file(path: Path, name: str, tally: Tally) -> list[Section]:
    """The sections of one file; none, counted, if it cannot be read."""
    outline = [(headings, body) for headings, body in _outline(path, name, tally) if body.strip()]
    if not outline:
        return []
    tally.count("files")
    begins = starts([body for _, body in outline])
    return [
        Section(f"{name}#{number}", group=name, source=name, path=headings, text=body, start=start, origin=body)
        for number, ((headings, body), start) in enumerate(zip(outline, begins, strict=True), start=1)
    ]


def _outline(path: Path, name: str, tally: Tally) -> Outline:
    """What one file holds; nothing, counted, if it cannot be read or has no text."""
    suffix = suffix_of(path)
    outline: Outline = []
    try:
        if suffix in BINARIES:
            data = read_bytes(path, name, tally)
            if data is None:
                return []
            outline = BINARIES[suffix](data, name, tally)
        else:
            text = read_text(path, name, tally)
            if text is None:
                return []
            outline = TEXTS[suffix](text)
    except InputError as error:
        tally.drop(f"{suffix} file that cannot be read", error)
        return []
    if not any(body.strip() for _, body in outline):
        tally.drop("file without text", name)
    return outline


def _usable(path: Path, folder: Path, root: Path, tally: Tally) -> bool:
    shown = path.relative_to(folder)
    if path.name.startswith("."):
        tally.drop("hidden file", shown)
    elif path.is_symlink() and not path.resolve().is_relative_to(root):
        tally.drop("symbolic link that leaves the folder", shown)
    elif not path.is_file():
        tally.drop("broken link or special file", shown)
    else:
        return True
    return False


def _known() -> str:
    return " ".join(READERS)
