"""The seams that runtimes and index back-ends fill, seen from those who use them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from semtune.contract import Contract
from semtune.progress import Progress
from semtune.types import Embeddings, Encoded, Neighbours, Role


@runtime_checkable
class Encoder(Protocol):
    """Texts in, unit-length vectors out, by the rules of the model's contract.

    Thread-safe: a server calls one encoder from many threads.
    """

    contract: Contract
    runtime: str

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dim) float32, in the order given."""
        ...


@runtime_checkable
class VectorIndex(Protocol):
    """Rows of vectors that can be searched; the document behind a row is the index folder's matter."""

    def search(self, vectors: Embeddings, k: int) -> Neighbours:
        """Find the `k` most similar rows for each of the (n, dim) query vectors."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


@dataclass(frozen=True, slots=True)
class FilledIndex:
    """What a back-end made: the index, what kind it is, and where a database keeps it (else empty)."""

    index: VectorIndex
    kind: str
    uri: str = ""
    collection: str = ""


class Backend(Protocol):
    """Where vectors are kept: fills an index, opens it again, and says what lies outside the index folder.

    `settings` are `semtune.index.settings.IndexSettings`, `manifest` a `semtune.index.manifest.IndexManifest`.
    """

    def build(
        self, vectors: Embeddings, ids: Sequence[str], settings: Any, folder: Path, home: Path, progress: Progress
    ) -> FilledIndex:
        """Keep (n, dim) vectors of n ids; files go into `folder`, which will lie at `home` when it is whole."""
        ...

    def open(self, folder: Path, manifest: Any) -> VectorIndex:
        """Open what `build` made.

        Raises:
            InputError: it is damaged or another index's, or its database cannot be reached.
        """
        ...

    def size(self, folder: Path, manifest: Any) -> int | None:
        """Bytes of the vectors on disk; None where a server keeps them."""
        ...

    def outside(self, manifest: Any) -> list[Path]:
        """Files outside the index folder that it needs."""
        ...
