"""Look after an index: verify, compact, dump, migrate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from semtune.api.index_access import count_of, index_home
from semtune.api.index_results import Dumped, Migrated, Verified
from semtune.errors import ConfigError, InputError
from semtune.index.settings import IndexSettings
from semtune.progress import QUIET, Progress

if TYPE_CHECKING:
    from semtune.index.manifest import IndexManifest


def verify(index: str | Path) -> Verified:
    """Check everything that is stored of an index."""
    from semtune.errors import ModelError, SemtuneError
    from semtune.hub import is_model_folder
    from semtune.index.current import opened
    from semtune.search.places import model_folder

    home = index_home(index, damaged=True)
    try:
        with opened(home) as collection:
            problems, count = collection.verify(), count_of(collection)
            model = model_folder(home, collection.manifest)
    except (InputError, ModelError) as error:
        return Verified(False, [str(error)])
    except SemtuneError as error:
        return Verified(False, [f"It cannot be read: {error}"])
    gone = f"The index's model is no longer at {model}. Say where it is with --model when you search, add or serve."
    return Verified(not problems, problems, [] if is_model_folder(model) else [gone], count)


def compact(index: str | Path, *, progress: Progress = QUIET) -> IndexManifest:
    """Bring an index into the form that is searched fastest, and drop what was deleted."""
    from semtune.index.current import opened_to_write

    with opened_to_write(index_home(index)) as collection:
        collection.compact(progress)
        return collection.manifest


def dump(
    index: str | Path, file: str | Path, *, vectors: str | Path | None = None, progress: Progress = QUIET
) -> Dumped:
    """Write all documents of an index as lines of JSON, as in a corpus.jsonl.

    Args:
        index: an index folder or a run folder.
        file: ends in .jsonl or .jsonl.gz.
        vectors: a .npy file for the vectors, (n, dim) float32 in the same order; None: none is written.
        progress: shown while it works.

    Raises:
        ConfigError: a file has another ending.
    """
    from semtune.index.copy import dump_documents
    from semtune.index.current import opened

    place, array = Path(file), Path(vectors) if vectors is not None else None
    if not place.name.endswith((".jsonl", ".jsonl.gz")):
        raise ConfigError(f"{place} must end in .jsonl, or in .jsonl.gz to be packed.")
    if array is not None and array.suffix != ".npy":
        raise ConfigError(f"{array} must end in .npy.")
    with opened(index_home(index)) as collection, collection.snapshot() as seen:
        count = dump_documents(seen, place, array, progress)
    return Dumped(count, str(place), str(array) if array is not None else "")


def migrate(
    index: str | Path, new: str | Path, *, settings: IndexSettings | None = None, progress: Progress = QUIET
) -> Migrated:
    """Copy an index to another back-end or into today's form, without encoding, and compare the copy with it.

    Args:
        index: an index folder of any back-end, also of earlier versions, or a run folder.
        new: the new index folder.
        settings: its back-end; None: local.
        progress: shown while it works.

    Raises:
        InputError: `new` exists, or the copy differs.
    """
    from semtune.index.new_version import copy_index

    place = Path(new)
    if place.exists() and (place.is_file() or any(place.iterdir())):
        raise InputError(f"{place} already exists; nothing was overwritten. Give a new folder.")
    return Migrated(*copy_index(index_home(index), place, settings or IndexSettings(), progress), str(place))
