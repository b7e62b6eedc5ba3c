"""Parquet files, also compressed as a whole."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from semtune.bulk.lines import is_gzip, open_bytes
from semtune.prepare.readers.tables.columnar import Columnar, read_parquet


def parquet_rows(path: Path, columns: list[str] | None = None) -> Columnar:
    """The rows of a Parquet file; one in .gz, whose end must be read first, is unpacked to a temporary file.

    Raises:
        InputError: it cannot be read.
    """
    if not is_gzip(path):
        return read_parquet(path, columns)
    with tempfile.NamedTemporaryFile(suffix=".parquet", delete=False) as plain, open_bytes(path) as packed:
        place = Path(plain.name)
        shutil.copyfileobj(packed, plain)
    try:
        return read_parquet(place, columns)
    finally:
        place.unlink()  # it stays readable while it is open
