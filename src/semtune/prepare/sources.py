"""What a source is: the Python documentation, a folder, a table, a BEIR folder, a data set, or tables by split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from semtune.errors import InputError, nearest
from semtune.io import sha256_json, sha256_tree
from semtune.prepare.readers.beir import is_beir
from semtune.prepare.readers.cells import SUFFIXES
from semtune.prepare.readers.folder import READERS
from semtune.prepare.readers.pydocs import NAME, python_docs_hash
from semtune.types import SPLITS

Source: TypeAlias = "str | Path | Mapping[str, str]"
Kind: TypeAlias = Literal["python-docs", "folder", "file", "table", "tables", "beir", "dataset"]


def find_kind(source: Source) -> Kind:
    """Say what a source is, by looking at names only.

    Raises:
        InputError: it is not there, or is nothing that can be read.
    """
    if isinstance(source, Mapping):
        _check_mapping(source)
        return "tables"
    if str(source) == NAME:
        return NAME
    path = existing(source)
    if path.is_dir():
        if (path / "prepare.json").is_file():
            return "dataset"
        if is_beir(path):
            return "beir"
        if (path / "corpus.jsonl").is_file():
            missing = [name for name in ("queries.jsonl", "qrels") if not (path / name).exists()]
            raise InputError(
                f"{path.absolute()} looks like a BEIR folder but has no {' and no '.join(missing)}. Add them, or give "
                f"{path / 'corpus.jsonl'} alone as documents without labels."
            )
        return "folder"
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return "table"
    if suffix in READERS:
        return "file"
    allowed = ", ".join([*SUFFIXES, *READERS])
    raise InputError(
        f"{path.absolute()}: cannot read files of type {suffix or '(none)'!r}. Allowed: {allowed}, or a folder."
    )


def existing(source: str | Path) -> Path:
    """The path of a source.

    Raises:
        InputError: there is nothing.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise InputError(
            f"There is no {path.absolute()}.{nearest(str(source), [NAME])} Give a folder of texts, a .csv, .tsv or "
            f".jsonl file, a BEIR folder, or {NAME!r} for the documentation of this Python."
        )
    return path


def hash_source(source: Source) -> str:
    """SHA-256 over the content of a source: equal hash, equal input.

    For "python-docs": over the Python version and the sources read.
    """
    if isinstance(source, Mapping):
        _check_mapping(source)
        return sha256_json({split: sha256_tree(existing(path)) for split, path in source.items()})
    if str(source) == NAME:
        return python_docs_hash()
    return sha256_tree(existing(source))


def _check_mapping(source: Mapping[str, str]) -> None:
    for split in source:
        if split not in SPLITS:
            raise InputError(f"{split!r} is not a split.{nearest(split, SPLITS)} Allowed: train, dev, test.")
    if "train" not in source:
        raise InputError(f"The source names files for {', '.join(source) or 'no split'}, but none for train.")
    for split, name in source.items():
        path = existing(name)
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            raise InputError(
                f"{split}: {path.absolute()} is not a table. Files by split must be {', '.join(SUFFIXES)}; "
                "a folder of documents is given alone, and split by Semtune."
            )
