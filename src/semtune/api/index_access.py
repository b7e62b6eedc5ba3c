"""What the commands on an index share: finding it, its model, and the documents of a source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from semtune.errors import InputError
from semtune.progress import Progress

if TYPE_CHECKING:
    from semtune.index.collection import Collection
    from semtune.index.manifest import IndexManifest
    from semtune.label.questions import Question
    from semtune.prepare.build.for_index import SourceDocuments
    from semtune.protocols import Encoder
    from semtune.types import Document


def index_home(index: str | Path, damaged: bool = False) -> Path:
    """The folder of an index, or of a run's index; one that is damaged is refused unless it is to be checked."""
    from semtune.search.places import index_folder

    path = Path(index)
    try:
        return index_folder(path)
    except InputError:
        inner = path / "index" if (path / "config.yaml").exists() else path
        if not damaged or not inner.is_dir() or not any(inner.iterdir()):
            raise
        return inner


def read_source(
    home: Path,
    manifest: IndexManifest,
    source: str | Path,
    model: str | None,
    runtime: str,
    allow_unreadable: bool,
    progress: Progress,
) -> tuple[Encoder, SourceDocuments]:
    """The encoder of an index, and the documents of a source as `index` reads them."""
    from semtune.encoders.load import parse_runtime
    from semtune.hub import resolve_model
    from semtune.machine import keep_freed_memory
    from semtune.search.index_encoder import encoder_of
    from semtune.search.places import model_folder
    from semtune.sources import documents_to_index

    place = Path(source)
    if not place.exists():
        raise InputError(f"{place.resolve()} does not exist; nothing was changed.")
    keep_freed_memory()
    encoder = encoder_of(home, manifest, model, parse_runtime(runtime))
    folder = resolve_model(model or str(model_folder(home, manifest)), serving=runtime != "torch")
    return encoder, documents_to_index(place, folder, encoder.contract, progress, allow_unreadable)


def read_log(files: Sequence[str | Path], column: str = "") -> list[Question]:
    """The questions of logs.

    Args:
        files: text files with a query a line, tables, JSON lines, or a web server's log.
        column: of tables: the one with the query.

    Raises:
        InputError: there are none.
    """
    from semtune.label.questions import read_questions

    found = list(read_questions(map(Path, files), column).by_key.values())
    if not found:
        raise InputError(f"{', '.join(map(str, files))} holds no query. Give a file with one query a line.")
    return found


def refuse_others(collection: Collection, documents: Sequence[Document]) -> None:
    """Refuse to replace documents that came from another file by chance: rows of two tables are both numbered from 1.

    Ids that a column of the table gives are meant: those documents are replaced.

    Raises:
        InputError: the message names the ids and the files.
    """
    from semtune.index.sync import file_of, has_own_id
    from semtune.index.write import batches

    clashes: list[tuple[str, str, str]] = []
    with collection.snapshot() as seen:
        for batch in batches(documents):
            named = [document for document in batch if file_of(document.metadata) and not has_own_id(document)]
            for new, old in zip(named, seen.get([document.id for document in named]), strict=True):
                if old is not None and file_of(old.metadata) not in ("", file_of(new.metadata)):
                    clashes.append((new.id, file_of(old.metadata), file_of(new.metadata)))
    if clashes:
        id_, old_file, new_file = clashes[0]
        raise InputError(
            f"{len(clashes):,} ids are those of documents from other files: {id_!r} is in the index from {old_file}, "
            f"and now comes from {new_file}. Nothing was changed. Give the table a column of ids (id), or replace the "
            "old documents with --replace-others."
        )


def count_of(collection: Collection) -> int:
    """Number of documents now."""
    with collection.snapshot() as seen:
        return seen.count()
