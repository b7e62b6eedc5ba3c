"""The manifest of a folder of shards. It is there when the folder is whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from semtune import formats
from semtune.errors import InputError
from semtune.io import read_json, write_json

FILE = "manifest.json"
KIND = "semtune-vectors"
ROWS = "rows.npy"


@dataclass(frozen=True, slots=True)
class ShardFile:
    """One file of a folder: `texts` vectors, of rows from `first_row` to `last_row`, counted from 0."""

    file: str
    texts: int
    first_row: int
    last_row: int


@dataclass(frozen=True, slots=True)
class VectorsManifest:
    """What the vectors of a folder are. It says nothing of when and how fast they were made: equal work, equal file.

    Attributes:
        input, input_sha256: name and hash of the file that was read.
        column: that was embedded; None for text lines.
        role: of the texts, "query" or "document".
        model, fingerprint: of the encoder.
        runtime: that computed the vectors.
        truncate: what happened to texts longer than the model reads.
        dimension: of the vectors.
        rows: of the input, also those that cannot be read.
        texts: that were embedded: the vectors of all shards.
        empty: texts without a letter.
        tokens: that were read.
        truncated: texts that were cut.
        cut_tokens: of them that were not read.
        left_out: reason → number of rows without a vector; where there are any, rows.npy has the number of each
            vector's row.
        rows_a_shard: the most texts a shard has.
        shards: the files, in the order of the input.
    """

    input: str
    input_sha256: str
    column: str | None
    role: str
    model: str
    fingerprint: str
    runtime: str
    truncate: str
    dimension: int
    rows: int
    texts: int
    empty: int
    tokens: int
    truncated: int
    cut_tokens: int
    left_out: Mapping[str, int]
    rows_a_shard: int
    shards: Sequence[ShardFile] = field(default_factory=list)


def write(manifest: VectorsManifest, folder: Path) -> None:
    """Write the manifest atomically."""
    write_json(folder / FILE, {"kind": KIND, **formats.VECTORS.stamp(asdict(manifest))})


def read(folder: Path) -> VectorsManifest:
    """Read the manifest of a folder of shards.

    Raises:
        InputError: the folder has none, or its format cannot be read.
    """
    if not (folder / FILE).is_file():
        raise InputError(f"{folder} has no {FILE}. Make one with `semtune encode MODEL FILE -o {folder}`.")
    values = read_json(folder / FILE)
    if not isinstance(values, dict) or values.pop("kind", None) != KIND:
        raise InputError(f"{folder / FILE} is not the manifest of vectors. Run `semtune encode MODEL FILE -o FOLDER`.")
    contents = formats.VECTORS.read(values, folder / FILE)
    try:
        files = [ShardFile(**contents.known_to(ShardFile, each)) for each in contents.values.pop("shards")]
        return VectorsManifest(**contents.known_to(VectorsManifest), shards=files)
    except (KeyError, TypeError) as error:
        raise InputError(f"{folder / FILE} is damaged ({error}). Run `semtune encode` again.") from None
