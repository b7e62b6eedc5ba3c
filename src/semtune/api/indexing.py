"""Keep an index up to date: add, sync, delete, get."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.api.index_access import count_of, index_home, read_source, refuse_others
from semtune.api.index_results import Deleted, FoundDocuments, IndexChange
from semtune.errors import ConfigError
from semtune.progress import QUIET, Progress

if TYPE_CHECKING:
    from semtune.index.collection import Collection, Snapshot
    from semtune.index.filters import Filter
    from semtune.index.sync import Gone
    from semtune.index.write import Written
    from semtune.prepare.build.for_index import SourceDocuments
    from semtune.types import Document


def add(
    index: str | Path,
    source: str | Path,
    *,
    model: str | None = None,
    runtime: str = "auto",
    replace_others: bool = False,
    allow_unreadable: bool = False,
    progress: Progress = QUIET,
) -> IndexChange:
    """Add documents to an index, or replace those with the same ids; only what changed is encoded.

    They are written in batches, and each batch is safe on disk before the next one. A stopped call continues when it is
    repeated.

    Args:
        index: an index folder or a run folder.
        source: as for `index`: a file, folder, table, archive, data set or corpus.jsonl.
        model: where the index's model is now; by default where it was.
        runtime: of the model.
        replace_others: let documents of other files be replaced where they have the same ids.
        allow_unreadable: go on where the model does not know the letters of more than a fifth of the documents.
        progress: shown while it works.

    Raises:
        InputError: the source cannot be read, an id is that of another file's document, or another process is writing.
        ContractError: the model is not the index's.
    """
    from semtune.index.current import opened_to_write
    from semtune.index.write import check_ids, write_documents

    started, home = time.monotonic(), index_home(index)
    with opened_to_write(home) as collection:
        encoder, found = read_source(home, collection.manifest, source, model, runtime, allow_unreadable, progress)
        check_ids(found.documents)
        if not replace_others:
            refuse_others(collection, found.documents)
        done = write_documents(collection, encoder, found.documents, progress, len(found.documents))
        return _change(started, collection, found, done)


def sync(
    index: str | Path,
    folder: str | Path,
    *,
    model: str | None = None,
    runtime: str = "auto",
    allow_many_deletions: bool = False,
    allow_unreadable: bool = False,
    progress: Progress = QUIET,
) -> IndexChange:
    """Bring an index to the state of a folder: new, changed and removed files; only what changed is encoded.

    Documents whose file is still there but cannot be read are kept. Documents that cannot have come from the folder,
    such as rows of tables and those of data sets, are left alone. Documents of single files that were added are
    deleted, unless these files are in the folder.

    Args:
        index: an index folder or a run folder.
        folder: the folder, table, archive or data set that the index was built from.
        model: where the index's model is now; by default where it was.
        runtime: of the model.
        allow_many_deletions: go on where more than half of the index would be deleted.
        allow_unreadable: go on where the model does not know the letters of more than a fifth of the documents.
        progress: shown while it works.

    Raises:
        GateError: more than half of the index would be deleted.
        InputError: the folder cannot be read or is empty, or another process is writing.
        ContractError: the model is not the index's.
    """
    from semtune.index.current import opened_to_write
    from semtune.index.sync import check_deletions
    from semtune.index.write import batches, check_ids, write_documents

    started, home, place = time.monotonic(), index_home(index), Path(folder)
    with opened_to_write(home) as collection:
        encoder, found = read_source(home, collection.manifest, place, model, runtime, allow_unreadable, progress)
        check_ids(found.documents)
        with collection.snapshot() as seen:
            gone, count = _gone(seen, found.documents, place), seen.count()
        if not allow_many_deletions:
            check_deletions(len(gone.ids), count, place)
        done = write_documents(collection, encoder, found.documents, progress, len(found.documents))
        deleted = sum(collection.delete(ids) for ids in batches(gone.ids))
        made = _change(started, collection, found, done)
        kept, elsewhere = len(gone.kept), gone.elsewhere
        return replace(made, deleted=deleted, kept=kept, elsewhere=elsewhere, deleted_files=dict(gone.files))


def delete(
    index: str | Path, ids: Sequence[str] = (), *, where: str | Mapping[str, Any] | Filter | None = None
) -> Deleted:
    """Delete documents by id, or all that pass a filter.

    Args:
        index: an index folder or a run folder.
        ids: of the documents.
        where: a filter on metadata, such as "lang=de and year<2020"; with ids, it deletes what passes it as well.

    Raises:
        ConfigError: neither ids nor a filter were given.
        InputError: the filter cannot be understood, or another process is writing.
    """
    from semtune.index.current import opened_to_write
    from semtune.index.filters import matches
    from semtune.index.where import parse_where
    from semtune.index.write import batches

    chosen = parse_where(where)
    if not ids and chosen is None:
        raise ConfigError("Nothing was named to be deleted. Give ids, --ids-file FILE, or --where 'field=value'.")
    wanted = list(dict.fromkeys(ids))
    with opened_to_write(index_home(index)) as collection:
        with collection.snapshot() as seen:
            there = {id_ for batch in batches(wanted) for id_ in seen.hashes(batch)}
            passing = [d.id for d in seen.documents() if matches(chosen, d.metadata)] if chosen is not None else []
        every = list(dict.fromkeys([*(id_ for id_ in wanted if id_ in there), *passing]))
        deleted = sum(collection.delete(batch) for batch in batches(every))
        return Deleted(deleted, [id_ for id_ in wanted if id_ not in there], count_of(collection))


def get(index: str | Path, ids: Sequence[str]) -> FoundDocuments:
    """The documents of these ids, in this order, and the ids that are not there."""
    from semtune.index.current import opened

    with opened(index_home(index)) as collection, collection.snapshot() as seen:
        found = seen.get(list(ids))
    there = [document for document in found if document is not None]
    return FoundDocuments(there, [id_ for id_, document in zip(ids, found, strict=True) if document is None])


def _gone(seen: Snapshot, given: Sequence[Document], place: Path) -> Gone:
    """What a source no longer gives."""
    from semtune.index.sync import find_gone, is_in
    from semtune.prepare.readers.files.archive import is_archive

    return find_gone(seen.documents(), given, is_in(place), place.is_dir() or is_archive(place))


def _change(started: float, collection: Collection, found: SourceDocuments, done: Written) -> IndexChange:
    return IndexChange(
        added=done.added,
        updated=done.updated,
        unchanged=done.unchanged,
        encoded=done.encoded,
        truncated=done.truncated,
        cut_tokens=done.cut_tokens,
        left_out=dict(found.left_out),
        warnings=list(found.warnings),
        count=count_of(collection),
        seconds=round(time.monotonic() - started, 2),
    )
