"""Stores vectors on disk, so that no text is embedded twice by the same model.

There is one folder for each combination of model, runtime, library versions and role. It holds blocks of three files:
`ID.vectors.npy`, (n, dim) float32; `ID.lengths.npy`, tokens per text, negative if the text was truncated; and, written
last, `ID.texts.npy`, the hashes of the texts. A block without its last file is ignored. Everything here can be computed
again, so it may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semtune.encoders.checked import count_beyond, truncate_of
from semtune.errors import StorageError, TooLongError
from semtune.io import atomic_file
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.run_directory import versions
from semtune.types import Embeddings, Encoded, Role

HASH = "S16"  # bytes of a text's hash
COMPUTING = ("torch", "sentence-transformers", "onnxruntime", "openvino", "tokenizers")


class VectorStore:
    """A folder of vectors with a size limit: when it is full, the oldest blocks go. Only one process may write."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Use `folder`, which is created when something is stored; with `max_bytes` 0 nothing is stored."""
        self.folder = folder
        self._max_bytes = max_bytes

    def over(self, encoder: Encoder) -> Encoder:
        """Wrap an encoder: texts are looked up here first, and new vectors are stored."""
        return StoredEncoder(encoder, self) if self._max_bytes else encoder

    def folder_of(self, encoder: Encoder, role: Role) -> Path:
        """The folder of the vectors of an encoder and role."""
        facts = repr((encoder.contract.fingerprint, encoder.runtime, role, _libraries(), *_long_texts(encoder)))
        return self.folder / hashlib.sha256(facts.encode()).hexdigest()[:24]

    def find(self, place: Path, wanted: NDArray[np.bytes_], dimension: int) -> tuple[Embeddings, NDArray[np.int32]]:
        """The stored vectors of these texts, (n, dim), and their lengths; length 0 if a text is not stored."""
        vectors = np.zeros((len(wanted), dimension), dtype=np.float32)
        lengths = np.zeros(len(wanted), dtype=np.int32)
        for texts in sorted(place.glob("*.texts.npy")):
            with contextlib.suppress(ValueError, OSError, EOFError):  # a damaged block is computed again
                hashes = np.load(texts, allow_pickle=False)
                order = np.argsort(hashes)
                at = np.searchsorted(hashes, wanted, sorter=order).clip(max=len(hashes) - 1)
                rows = order[at]
                hit = np.flatnonzero((hashes[rows] == wanted) & (lengths == 0))
                if not len(hit):
                    continue
                block = texts.name.removesuffix(".texts.npy")
                kept = np.load(place / f"{block}.vectors.npy", mmap_mode="r", allow_pickle=False)
                read = np.load(place / f"{block}.lengths.npy", allow_pickle=False)
                vectors[hit] = kept[rows[hit]]
                lengths[hit] = read[rows[hit]]
        return vectors, lengths

    def find_all(self, encoder: Encoder, role: Role, texts: Sequence[str]) -> Embeddings | None:
        """The (n, dim) vectors of these texts, if there are texts and all of them are stored; else None."""
        hashes = np.array([_hash(text) for text in texts], dtype=HASH)
        vectors, lengths = self.find(self.folder_of(encoder, role), hashes, encoder.contract.dimension)
        return vectors if len(texts) and lengths.all() else None

    def store(self, place: Path, hashes: NDArray[np.bytes_], made: Encoded) -> None:
        """Store a block; if the disk is full, it is dropped."""
        assert made.lengths is not None  # noqa: S101 - the caller checked
        assert made.cut is not None  # noqa: S101
        size = made.vectors.nbytes + hashes.nbytes
        if size > self._max_bytes:
            return
        self._make_room(size)
        block = hashlib.sha256(hashes.tobytes()).hexdigest()[:32]
        parts = {"vectors": made.vectors, "lengths": np.where(made.cut, -made.lengths, made.lengths), "texts": hashes}
        with contextlib.suppress(StorageError):
            for name, values in parts.items():  # the hashes last: they make the block valid
                with atomic_file(place / f"{block}.{name}.npy", "wb") as out:
                    np.save(out, values.astype(np.int32) if name == "lengths" else values)

    def clear(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make_room(self, size: int) -> None:
        blocks = sorted(self.folder.glob("*/*.texts.npy"), key=lambda path: path.stat().st_mtime)
        used = sum(path.stat().st_size for path in self.folder.glob("*/*.npy"))
        for texts in blocks:
            if used + size <= self._max_bytes:
                return
            block = texts.name.removesuffix(".texts.npy")
            for name in ("texts", "lengths", "vectors"):
                part = texts.with_name(f"{block}.{name}.npy")
                used -= part.stat().st_size if part.exists() else 0
                part.unlink(missing_ok=True)


class StoredEncoder:
    """An encoder with a `VectorStore`: texts that are stored are not computed again."""

    def __init__(self, encoder: Encoder, store: VectorStore) -> None:
        self.contract, self.runtime, self.truncate = encoder.contract, encoder.runtime, truncate_of(encoder)
        self._encoder, self._store = encoder, store

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dim) float32, in the order given."""
        place = self._store.folder_of(self._encoder, role)
        hashes = np.array([_hash(text) for text in texts], dtype=HASH)
        vectors, lengths = self._store.find(place, hashes, self.contract.dimension)
        missing: dict[bytes, int] = {}  # hash → first row of its text
        for row in np.flatnonzero(lengths == 0).tolist():
            missing.setdefault(bytes(hashes[row]), row)
        if missing:
            made = self._computed(texts, list(missing.values()), role, progress)
            if made.lengths is None or made.cut is None:
                return self._encoder.encode(texts, role, progress) if len(missing) < len(texts) else made
            new = np.array(list(missing), dtype=HASH)
            self._store.store(place, new, made)
            number = {text: at for at, text in enumerate(missing)}
            for row in np.flatnonzero(lengths == 0).tolist():
                at = number[bytes(hashes[row])]
                vectors[row] = made.vectors[at]
                lengths[row] = -made.lengths[at] if made.cut[at] else made.lengths[at]
        cut = lengths < 0
        made = Encoded(vectors, int(np.abs(lengths).sum()), int(cut.sum()), np.abs(lengths), cut)
        return count_beyond(made, texts, role, self._encoder)

    def _computed(self, texts: Sequence[str], rows: Sequence[int], role: Role, progress: Progress | None) -> Encoded:
        try:
            return self._encoder.encode([texts[row] for row in rows], role, progress)
        except TooLongError as error:  # its places are those among the missing texts
            places = [rows[place] for place in error.places]
            raise TooLongError(places, error.beyond, error.limit, len(texts)) from None


def _long_texts(encoder: Encoder) -> tuple[str, ...]:
    """What becomes of long texts, where they are not cut as usual."""
    return () if truncate_of(encoder) == "cut" else (truncate_of(encoder),)


def _hash(text: str) -> bytes:
    # Hexadecimal: numpy drops zero bytes from the end of a byte string.
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest().encode()


@cache
def _libraries() -> tuple[tuple[str, str], ...]:
    return tuple(sorted(versions(*COMPUTING).items()))
