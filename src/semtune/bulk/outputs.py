"""The three forms of the result: one .npy array, one .parquet table, or a folder of numbered .npy shards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Literal, Protocol

import numpy as np

from semtune.bulk import manifest as manifests
from semtune.bulk.manifest import VectorsManifest
from semtune.bulk.shards import Shard, Vectors
from semtune.bulk.store import Record, Store, Writes, write_array, write_header
from semtune.errors import ConfigError, InputError
from semtune.io import atomic_file, read_json, replace_folder, storage_errors

Form = Literal["array", "table", "folder"]
ROW_NUMBERS = ".rows.npy"


class Output(Writes, Protocol):
    """A form of the result."""

    def check(self, out: Path) -> None:
        """Refuse a place that cannot be written, before the work.

        Raises:
            InputError, StorageError: something else is there.
        """
        ...

    def finish(self, store: Store, records: Sequence[Record], manifest: VectorsManifest, out: Path) -> None:
        """Put the result in place; until then the place is as it was before."""
        ...


def form_of(out: Path, *, keep_text: bool = False) -> Form:
    """The form that a name asks for.

    Raises:
        ConfigError: the name has another ending, or the form has no place for texts.
        MissingExtraError: Parquet needs a package that is not installed.
    """
    if keep_text and out.suffix != ".parquet":
        raise ConfigError(f"Only a .parquet file holds texts beside their vectors; {out} is none.")
    if out.suffix == ".npy":
        return "array"
    if out.suffix == ".parquet":
        from semtune.registry import need

        need("pyarrow")
        return "table"
    if out.suffix and not out.is_dir():
        raise ConfigError(
            f"{out} ends in {out.suffix}, which is not known. Allowed: .npy (one array), .parquet (one table), or a "
            "name without an ending (a folder of .npy shards)."
        )
    return "folder"


def output_for(form: Form, *, keep_text: bool, with_ids: bool) -> Output:
    """What writes a form."""
    if form == "array":
        return OneArray()
    return OneTable(with_ids=with_ids, keep_text=keep_text) if form == "table" else ShardFolder()


class OneArray:
    """A .npy file, (n, dim) float32. Where rows were left out, NAME.rows.npy beside it has each vector's row number."""

    suffix = ".npy"

    def check(self, out: Path) -> None:
        """Refuse a folder in the file's place."""
        _refuse_folder(out)

    def write_shard(self, handle: IO[bytes], shard: Shard, vectors: Vectors) -> None:  # noqa: ARG002 - of all forms
        """Write vectors alone."""
        write_array(handle, vectors.values)

    def finish(self, store: Store, records: Sequence[Record], manifest: VectorsManifest, out: Path) -> None:
        """Write shard after shard into one file."""
        beside = out.with_name(f"{out.stem}{ROW_NUMBERS}")
        joined = store.shards.parent / "joined"
        with atomic_file(joined, "wb") as handle:
            write_header(handle, np.dtype(np.float32), (manifest.texts, manifest.dimension))
            for record in records:
                _append(handle, store.file(record.number))
        with storage_errors(out):
            if manifest.left_out:
                _write_rows(store, records, beside)
            else:
                beside.unlink(missing_ok=True)  # of an earlier result of this name
            joined.replace(out)


class OneTable:
    """A .parquet file: id, where the input has ids; row; vector; and text, where it is asked for."""

    suffix = ".parquet"

    def __init__(self, *, with_ids: bool, keep_text: bool) -> None:
        self._with_ids, self._keep_text = with_ids, keep_text

    def check(self, out: Path) -> None:
        """Refuse a folder in the file's place."""
        _refuse_folder(out)

    def write_shard(self, handle: IO[bytes], shard: Shard, vectors: Vectors) -> None:
        """Write a table of one row group."""
        import pyarrow as pa

        columns: dict[str, Any] = {"id": pa.array(shard.ids, pa.string())} if self._with_ids else {}
        columns["row"] = pa.array(shard.rows)
        flat = pa.array(vectors.values.reshape(-1), pa.float32())
        columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, vectors.values.shape[1])
        if self._keep_text:
            columns["text"] = pa.array(shard.texts, pa.string())
        _write_tables(handle, [pa.table(columns)])

    def finish(self, store: Store, records: Sequence[Record], manifest: VectorsManifest, out: Path) -> None:
        """Write the tables of the shards as row groups of one file, with the manifest in its metadata."""
        import pyarrow.parquet as pq

        joined = store.shards.parent / "joined"
        facts = {key: value for key, value in asdict(manifest).items() if key not in ("shards", "rows_a_shard")}
        with atomic_file(joined, "wb") as handle:
            tables = (pq.read_table(store.file(record.number)) for record in records)
            _write_tables(handle, tables, {"semtune": json.dumps(facts, ensure_ascii=False)})
        with storage_errors(out):
            joined.replace(out)


class ShardFolder:
    """A folder: 00000.npy, 00001.npy ..., manifest.json, and rows.npy where rows were left out."""

    suffix = ".npy"

    def check(self, out: Path) -> None:
        """Refuse to replace what is not such a folder."""
        if out.is_file() or (out.is_dir() and any(out.iterdir()) and not _is_own(out)):
            raise InputError(
                f"{out} already exists and is not a folder of vectors; nothing was overwritten. Give a new folder "
                "with -o."
            )

    def write_shard(self, handle: IO[bytes], shard: Shard, vectors: Vectors) -> None:  # noqa: ARG002 - of all forms
        """Write vectors alone."""
        write_array(handle, vectors.values)

    def finish(self, store: Store, records: Sequence[Record], manifest: VectorsManifest, out: Path) -> None:
        """Add the manifest and move the shards in place; nothing is copied."""
        known = {store.file(record.number).name for record in records}
        for extra in store.shards.iterdir():
            if extra.name not in known:
                extra.unlink()
        if manifest.left_out:
            _write_rows(store, records, store.shards / manifests.ROWS)
        manifests.write(manifest, store.shards)
        with storage_errors(out):
            replace_folder(store.shards, out)


def shard_files(store: Store, records: Sequence[Record]) -> list[manifests.ShardFile]:
    """The shards as the manifest names them."""
    return [
        manifests.ShardFile(store.file(each.number).name, each.texts, each.first_row, each.last_row) for each in records
    ]


def _write_tables(handle: IO[bytes], tables: Any, facts: dict[str, str] | None = None) -> None:
    import pyarrow.parquet as pq

    writer = None
    for table in tables:
        if writer is None:
            schema = table.schema.with_metadata(facts) if facts else table.schema
            # Vectors do not get smaller by either; they only take longer.
            packed = {name: "none" if name == "vector" else "zstd" for name in schema.names}
            packed["vector.list.element"] = packed.pop("vector")
            writer = pq.ParquetWriter(handle, schema, compression=packed, use_dictionary=False)  # type: ignore[arg-type]
        writer.write_table(table.replace_schema_metadata(facts) if facts else table, row_group_size=max(1, len(table)))
    if writer is not None:
        writer.close()


def _append(handle: IO[bytes], shard: Path) -> None:
    """Append the values of a .npy file."""
    with shard.open("rb") as source:
        np.lib.format.read_magic(source)
        np.lib.format.read_array_header_1_0(source)
        shutil.copyfileobj(source, handle, 1 << 20)


def _write_rows(store: Store, records: Sequence[Record], place: Path) -> None:
    """Write the number of each vector's row, (n,) int64, counted from 0."""
    with atomic_file(place, "wb") as handle:
        write_header(handle, np.dtype(np.int64), (sum(record.texts for record in records),))
        for record in records:
            _append(handle, store.rows(record.number))


def _refuse_folder(out: Path) -> None:
    with storage_errors(out):
        if out.is_dir():
            raise IsADirectoryError(21, "Is a directory", str(out))


def _is_own(folder: Path) -> bool:
    try:
        values = read_json(folder / manifests.FILE)
    except InputError:
        return False
    return isinstance(values, dict) and values.get("kind") == manifests.KIND
