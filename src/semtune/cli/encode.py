"""`semtune encode`: texts in, vectors out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, Console


def encode(
    model: Annotated[str, typer.Argument(help="A name, a hub id, a model folder or a run folder.")],
    file: Annotated[Path, typer.Argument(help="A text file, one text a line, or a table.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The .npy file to write: float32, one row a text.")],
    role: Annotated[
        str, typer.Option("--role", help="query or document: which of the model's prompts to use.")
    ] = "document",
    column: Annotated[
        str, typer.Option("--column", help="of a table: the column to embed; needed where it is unclear.")
    ] = "",
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Embed the texts of a file."""
    import numpy as np

    from semtune.encoders.load import load_encoder, parse_runtime
    from semtune.encoders.tokenizer import Tokenizer
    from semtune.encoders.unreadable import check_readable
    from semtune.errors import ConfigError, InputError
    from semtune.hub import resolve_model
    from semtune.io import atomic_file
    from semtune.machine import keep_freed_memory

    console = Console(as_json)
    chosen = parse_runtime(runtime)
    if role not in ("query", "document"):
        raise ConfigError(f"--role is {role!r}. Allowed: query, document.")
    if out.suffix != ".npy":
        raise ConfigError(f"{out} does not end in .npy, the only format that is written.")
    if not file.is_file():
        raise InputError(f"{file.resolve()} does not exist or is not a file.")
    texts, used = _texts(file, column)
    keep_freed_memory()
    encoder = load_encoder(model, chosen)
    reads = Tokenizer(resolve_model(model, serving=chosen != "torch"), encoder.contract)
    names = [f"row {number}" for number in range(1, len(texts) + 1)]
    unread = check_readable(texts, names, reads)
    with console.progress() as progress:
        made = encoder.encode(texts, role, progress)  # type: ignore[arg-type]
    with atomic_file(out, "wb") as handle:
        np.save(handle, made.vectors)
    console.say(
        f"{out}: {len(texts):,} texts × {made.vectors.shape[1]} dimensions; "
        f"{made.truncated:,} texts were longer than the model reads and were cut"
        + (f"; from the column {used!r}" if used else "")
    )
    if unread:
        console.say(f"warning: {unread}")
    if empty := texts.count(""):
        console.say(f"warning: {file.name}: {empty:,} of {len(texts):,} texts are empty; their vectors say nothing.")
    console.document(
        {
            "path": str(out),
            "texts": len(texts),
            "column": used or None,
            "empty": empty,
            "dimension": made.vectors.shape[1],
            "tokens": made.tokens,
            "truncated": made.truncated,
            "warnings": [unread] if unread else [],
        }
    )


def _texts(file: Path, column: str) -> tuple[list[str], str]:
    """The texts of a file and, of a table, the column they are from.

    Raises:
        InputError: the file has no texts, or it is unclear which.
    """
    from semtune.errors import ConfigError, InputError
    from semtune.prepare.readers.tables.column_texts import column_texts
    from semtune.prepare.readers.tables.table_reader import is_table

    if is_table(file):
        found = column_texts(file, column)
        texts, used = found.texts, found.column
    elif column:
        raise ConfigError(f"--column is for tables; {file} is read as one text a line.")
    else:
        try:
            texts, used = file.read_text(encoding="utf-8").splitlines(), ""
        except UnicodeDecodeError as error:
            raise InputError(f"{file} is not text in UTF-8 ({error.reason} at byte {error.start}).") from None
    if not texts:
        raise InputError(f"{file} is empty.")
    return texts, used
