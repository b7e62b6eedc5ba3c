"""`semtune encode`: texts in, vectors out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, Console


def encode(
    model: Annotated[str, typer.Argument(help="A name, a hub id, a model folder or a run folder.")],
    file: Annotated[Path, typer.Argument(help="A text file, one text a line, or JSONL with a 'text' key.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The .npy file to write: float32, one row a text.")],
    role: Annotated[
        str, typer.Option("--role", help="query or document: which of the model's prompts to use.")
    ] = "document",
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Embed the texts of a file."""
    import numpy as np

    from semtune.encoders.load import load_encoder, parse_runtime
    from semtune.errors import ConfigError, InputError
    from semtune.io import atomic_file, read_jsonl
    from semtune.machine import keep_freed_memory

    console = Console(as_json)
    chosen = parse_runtime(runtime)
    if role not in ("query", "document"):
        raise ConfigError(f"--role is {role!r}. Allowed: query, document.")
    if out.suffix != ".npy":
        raise ConfigError(f"{out} does not end in .npy, the only format that is written.")
    if not file.is_file():
        raise InputError(f"{file.resolve()} does not exist or is not a file.")
    try:
        texts = (
            [str(row["text"]) for row in read_jsonl(file)]
            if file.suffix == ".jsonl"
            else file.read_text(encoding="utf-8").splitlines()
        )
    except KeyError:
        raise InputError(f"{file} has rows without a 'text' key.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not text in UTF-8 ({error.reason} at byte {error.start}).") from None
    if not texts:
        raise InputError(f"{file} is empty.")
    keep_freed_memory()
    with console.progress() as progress:
        made = load_encoder(model, chosen).encode(texts, role, progress)  # type: ignore[arg-type]
    with atomic_file(out, "wb") as handle:
        np.save(handle, made.vectors)
    console.say(
        f"{out}: {len(texts):,} texts × {made.vectors.shape[1]} dimensions; "
        f"{made.truncated:,} texts were longer than the model reads and were cut"
    )
    console.document(
        {
            "path": str(out),
            "texts": len(texts),
            "dimension": made.vectors.shape[1],
            "tokens": made.tokens,
            "truncated": made.truncated,
        }
    )
