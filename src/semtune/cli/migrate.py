"""`semtune migrate`: an index in another back-end, without encoding."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, Console
from semtune.cli.index_options import (
    COLLECTION,
    DATABASE,
    INDEX,
    TLS_CA,
    TLS_CERTIFICATE,
    TLS_KEY,
    TOKEN_ENV,
    TOKEN_VARIABLE,
    URI,
)


def migrate(
    index: Annotated[Path, INDEX],
    new: Annotated[Path, typer.Argument(help="The new index folder.")],
    backend: Annotated[str, typer.Option("--backend", help="local or milvus")] = "local",
    uri: Annotated[str, URI] = "",
    collection: Annotated[str, COLLECTION] = "",
    database: Annotated[str, DATABASE] = "",
    token_env: Annotated[str, TOKEN_ENV] = TOKEN_VARIABLE,
    tls_ca: Annotated[str, TLS_CA] = "",
    tls_certificate: Annotated[str, TLS_CERTIFICATE] = "",
    tls_key: Annotated[str, TLS_KEY] = "",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Copy an index to another back-end, or an old one into today's form, without encoding; the copy is compared."""
    from semtune import api
    from semtune.index.settings import IndexSettings

    console = Console(as_json)
    with console.progress() as progress:
        settings = IndexSettings(
            backend=backend, uri=uri, collection=collection, database=database, token_env=token_env, tls_ca=tls_ca,
            tls_certificate=tls_certificate, tls_key=tls_key,
        )  # fmt: skip
        done = api.migrate(index, new, settings=settings, progress=progress)
    console.say(
        f"{done.path}: {done.count:,} documents from {done.from_backend} to {done.to_backend}; texts, metadata and "
        "vectors are the same"
    )
    console.document(asdict(done))
