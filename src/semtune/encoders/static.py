"""The encoder of static models: the mean of rows of a token table, with only numpy and a tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from semtune import contract as contracts
from semtune.encoders.checked import not_finite, refuse_broken
from semtune.encoders.tokenizer import Tokenizer
from semtune.errors import ModelError
from semtune.io import read_json
from semtune.model_places import places
from semtune.progress import QUIET, Progress
from semtune.tensors import read_tensor, tensor_shapes
from semtune.types import Embeddings, Encoded, Role
from semtune.unit_vectors import unit

WINDOW = 1024  # texts tokenized at a time


class StaticEncoder:
    """Embeds texts with a `StaticEmbedding` folder of sentence-transformers. Safe to use from many threads.

    A vector is the mean of the tokens' rows without special tokens; a text without tokens gives a zero vector.

    Example:
        >>> encoder = StaticEncoder(Path("models/static"))  # doctest: +SKIP
        >>> encoder.encode(["how do I read a zip file"], role="query").vectors.shape  # doctest: +SKIP
        (1, 256)
    """

    runtime = "static-fp32"

    def __init__(self, folder: Path) -> None:
        """Read the table.

        Raises:
            ModelError: the folder is not a static model, its table does not match its tokenizer, or has NaN.
            ContractError: the weights do not match the contract.
        """
        place = contracts.static_folder(folder)
        if place is None or not can_serve(folder):
            raise ModelError(
                f"{folder} is not a static model with only a token table. Open it with --runtime onnx or torch."
            )
        self.contract = contracts.load(folder)
        self._table = _table(place / "model.safetensors")
        refuse_broken(folder, [] if np.isfinite(self._table).all() else not_finite(place / "model.safetensors"))
        self._tokenizer = Tokenizer(folder, self.contract)
        self._unit = any(module.kind == "Normalize" for module in places(folder).modules)
        if self._table.shape[1] < self.contract.dimension or self._tokenizer.size > len(self._table):
            raise ModelError(
                f"{folder}: the token table has {len(self._table):,} rows of {self._table.shape[1]} dimensions, but "
                f"the tokenizer has {self._tokenizer.size:,} tokens and the contract {self.contract.dimension} "
                "dimensions. Export or distil the model again."
            )

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dim) float32, in the order given."""
        vectors = np.zeros((len(texts), self._table.shape[1]), dtype=np.float32)
        lengths, beyond = np.zeros(len(texts), np.int32), np.zeros(len(texts), np.int32)
        with (progress or QUIET).track("encode", len(texts)) as advance:
            for start in range(0, len(texts), WINDOW):
                tokens = self._tokenizer.encode(texts[start : start + WINDOW], role)
                for row, ids in enumerate(tokens.ids, start):
                    if ids:
                        # One text at a time: `np.add.reduceat` over a whole window is two to four times slower.
                        vectors[row] = self._table.take(ids, axis=0).sum(axis=0) / len(ids)
                lengths[start : start + WINDOW] = [len(ids) for ids in tokens.ids]
                beyond[start : start + WINDOW] = tokens.beyond
                advance(len(tokens.ids))
        if self._unit:
            vectors = unit(vectors)
        vectors = vectors[:, : self.contract.dimension]  # truncate_dim cuts after the pipeline's own normalisation
        if self.contract.normalize:
            vectors = unit(vectors)
        cut = beyond > 0
        return Encoded(vectors, int(lengths.sum()), int(cut.sum()), lengths, cut, beyond)

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids back to text; OpenAI's API allows ids as input."""
        return self._tokenizer.decode(ids)


def can_serve(folder: Path) -> bool:
    """Whether a folder has only a token table and perhaps a Normalize: what works without torch."""
    place = contracts.static_folder(folder)
    if place is None or not (place / "model.safetensors").exists():
        return False
    return all(module["type"].endswith(".Normalize") for module in read_json(folder / "modules.json")[1:])


def _table(path: Path) -> Embeddings:
    """The rows by token id, (tokens, dim), also from Model2Vec's format with a mapping and weights."""
    names = tensor_shapes(path)
    if "embedding.weight" in names:
        return np.asarray(read_tensor(path, "embedding.weight"), dtype=np.float32)
    rows = np.asarray(read_tensor(path, "embeddings"), dtype=np.float32)
    if "mapping" in names:
        rows = rows[np.asarray(read_tensor(path, "mapping"), dtype=np.int64)]
    if "weights" in names:
        rows = rows * np.asarray(read_tensor(path, "weights"), dtype=np.float32)[:, None]
    return rows


def open_static(folder: Path, fast: bool = False) -> StaticEncoder:  # noqa: ARG001 - the signature of all runtimes
    """Open a static model with numpy."""
    return StaticEncoder(folder)
