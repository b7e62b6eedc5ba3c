"""A folder of tables by split: saved by `datasets`, downloaded from the Hub, or named train, dev and test by hand."""

from __future__ import annotations

import re
from pathlib import Path

from semtune.errors import InputError
from semtune.io import read_json
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.files.unpack import suffix_of
from semtune.prepare.readers.tables.table_reader import is_table
from semtune.prepare.records import Part

_SPLIT = re.compile(r"(train(?:ing)?|dev(?:elopment)?|val(?:id(?:ation)?)?|test)(?:[-_.].*)?$", re.IGNORECASE)
_COLUMNAR = (".parquet", ".arrow")
Splits = dict[Part, list[Path]]


def find_splits(folder: Path, tally: Tally | None = None) -> Splits:
    """The tables of a folder by split, "all" if there are no splits; empty if it is not a folder of tables.

    Raises:
        InputError: a saved data set lacks files.
    """
    tally = tally or Tally()
    if (folder / "dataset_dict.json").is_file():
        return _saved_splits(folder, tally)
    if is_saved(folder):
        return {"all": _saved(folder)}
    return _named(folder, tally)


def is_saved(folder: Path) -> bool:
    """Whether a folder is one data set that `save_to_disk` of `datasets` wrote."""
    return (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file()


def _saved_splits(folder: Path, tally: Tally) -> Splits:
    names = read_json(folder / "dataset_dict.json")
    splits = names.get("splits") if isinstance(names, dict) else None
    if not isinstance(splits, list) or not splits:
        raise InputError(f"{folder / 'dataset_dict.json'} names no splits.")
    found: Splits = {}
    for name in map(str, splits):
        part = split_of(name)
        if part is None and len(splits) > 1:
            tally.drop("split that is not train, dev or test", name)
        else:
            found.setdefault(part or "all", []).extend(_saved(folder / name))
    if not found:
        raise InputError(
            f"{folder} has no split called train, validation or test; found {', '.join(map(str, splits))}."
        )
    return found


def _saved(folder: Path) -> list[Path]:
    """The Arrow files of one saved data set, in order."""
    state = read_json(folder / "state.json")
    try:
        files = [folder / entry["filename"] for entry in state["_data_files"]]
    except (KeyError, TypeError):
        files = sorted(folder.glob("*.arrow"))
    missing = [path for path in files if not path.is_file()]
    if missing or not files:
        raise InputError(f"{folder} is incomplete: {missing[0].name if missing else 'its .arrow files'} is missing.")
    return files


def _named(folder: Path, tally: Tally) -> Splits:
    """Tables in a folder or its data/ whose names begin with a split; Parquet files need no such name."""
    tables = sorted(
        path for place in (folder, folder / "data") if place.is_dir() for path in place.iterdir()
        if not path.name.startswith(".") and is_table(path) and path.is_file()
    )  # fmt: skip
    found: Splits = {}
    for path in tables:
        part = split_of(path.name)
        if part:
            found.setdefault(part, []).append(path)
    columnar = [path for path in tables if suffix_of(path) in _COLUMNAR]
    if not found and columnar:
        found["all"] = columnar
    if not found.keys() & {"train", "all"}:
        return {}
    used = {path for files in found.values() for path in files}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path not in used):
        tally.drop("file that is not one of the tables", path.relative_to(folder))
    return found


def split_of(name: str) -> Part | None:
    """The split that a name begins with; validation is dev."""
    found = _SPLIT.match(name)
    word = found.group(1).lower() if found else ""
    return None if not word else "train" if word[0:2] == "tr" else "test" if word[0:2] == "te" else "dev"
