"""The documentation of the running Python: docstrings of its standard library and pydoc's help topics.

It is real text that every machine has. Sources are parsed, not imported; only modules without source (math, zlib) are
imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

from semtune.errors import InputError
from semtune.io import sha256_file, sha256_json
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.docstrings import Found, from_module, from_source, split_docstring
from semtune.prepare.readers.documents.outliner import Outliner
from semtune.prepare.records import Section
from semtune.progress import QUIET, Progress
from semtune.text import key, tidy, word_count

NAME = "python-docs"
# Tests, examples and tools; and `readline`, whose import writes to the terminal.
_SKIPPED = (
    "test idlelib lib2to3 turtledemo ensurepip distutils encodings pydoc_data antigravity this readline xxlimited "
    "xxsubtype msilib"
)
SKIPPED = frozenset(_SKIPPED.split())
SKIPPED_FOLDERS = frozenset({"test", "tests", "idle_test", "__pycache__", "site-packages", "_bundled"})
MIN_WORDS = 4
_UNDERLINE = re.compile(r"([*=\-^~\"])\1{2,}\s*$")


def read_python_docs(tally: Tally, progress: Progress = QUIET) -> list[Section]:
    """Read the docstrings and help topics of the running Python.

    The group of a docstring is its top-level module; each topic is a group of its own.

    Raises:
        InputError: this Python has neither sources nor docstrings.
    """
    seen: set[str] = set()
    sections: list[Section] = []
    names = modules()
    with progress.track("Reading the Python documentation", len(names)) as done:
        for module in names:
            tally.count("modules")
            for name, text in _docstrings(module, tally):
                section = _section(name, module, text, seen, tally)
                if section is not None:
                    sections.append(section)
            done(1)
    sections += _topics(tally)
    if not sections:
        raise InputError(
            "This Python has no documentation to read (no sources, docstrings stripped). Give a folder of your texts."
        )
    return sections


def modules() -> list[str]:
    """Public top-level modules of the standard library."""
    return sorted(name for name in sys.stdlib_module_names if not name.startswith("_") and name not in SKIPPED)


def python_docs_hash() -> str:
    """Hash of the Python version and of every source that is read."""
    files = [(name, sha256_file(path)) for module in modules() for name, path in sorted(_sources(module))]
    return sha256_json([sys.version, files])


def _docstrings(module: str, tally: Tally) -> Iterator[Found]:
    sources = sorted(_sources(module))
    if not sources:
        yield from _imported(module, tally)
    for name, path in sources:
        tally.count("source files")
        try:
            yield from from_source(path.read_text(encoding="utf-8"), name)
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            tally.drop("source that cannot be parsed", f"{path}: {error}")


def _sources(module: str) -> Iterator[tuple[str, Path]]:
    """Yield (dotted name, file) of a module or package that has source."""
    library = Path(sysconfig.get_paths()["stdlib"])
    single = library / f"{module}.py"
    if single.is_file():
        yield module, single
    for path in (library / module).rglob("*.py"):
        parts = path.relative_to(library).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if not SKIPPED_FOLDERS.intersection(parts) and not any(part.startswith("_") for part in parts):
            yield ".".join(parts), path


def _imported(module: str, tally: Tally) -> Iterator[Found]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some are deprecated, but still documented
            spec = importlib.util.find_spec(module)
            found = list(from_module(importlib.import_module(module))) if spec else []
    except Exception as error:  # any failure of a foreign module's import is this module's alone
        tally.drop("module that cannot be imported", f"{module}: {error}")
        return
    if not spec:
        tally.drop("module missing from this Python", module)
        return
    tally.count("modules without source")
    yield from found


def _section(name: str, module: str, text: str, seen: set[str], tally: Tally) -> Section | None:
    if word_count(text) < MIN_WORDS:
        tally.drop("docstring of fewer than 4 words", f"{name}: {text}")
        return None
    if key(text) in seen:
        tally.drop("duplicate docstring", f"{name}: {text}")
        return None
    seen.add(key(text))
    tally.count("docstrings")
    summary, body = split_docstring(tidy(text))
    return Section(
        id=_unique(name, seen), group=module, source=name, path=(name,), text=body, summary=summary, name=name
    )


def _unique(name: str, seen: set[str]) -> str:
    """A number for names that are defined twice (a method and its version for another platform)."""
    number, id_ = 1, name
    while f"id\x00{id_}" in seen:
        number += 1
        id_ = f"{name}({number})"
    seen.add(f"id\x00{id_}")
    return id_


def _topics(tally: Tally) -> list[Section]:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        tally.warn("This Python comes without pydoc's topics; only docstrings were read.")
        return []
    sections: list[Section] = []
    for topic, text in sorted(topics.items()):
        tally.count("topics")
        for number, (path, body) in enumerate(_underlined(text), start=1):
            sections.append(Section(f"topics/{topic}#{number}", f"topic {topic}", f"topics/{topic}", path, body))
    return sections


def _underlined(text: str) -> list[tuple[tuple[str, ...], str]]:
    """Sections of a topic: headings are underlined; each kind of underline is a level, in order of appearance."""
    out = Outliner()
    levels: dict[str, int] = {}
    for line in tidy(text).split("\n"):
        mark = _UNDERLINE.match(line)
        if mark and out.last_line.strip() and not out.last_line.startswith(" "):
            heading = out.take_line().strip()
            out.heading(levels.setdefault(mark.group(1), len(levels) + 1), heading)
        else:
            out.line(line)
    return out.close()
