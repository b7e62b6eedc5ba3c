"""The encoder of static models: rows of a token table and their mean, with numpy and a tokenizer alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from semtune import contract as contracts
from semtune.encoders.tokenizer import Tokenizer
from semtune.errors import ModelError
from semtune.io import read_json
from semtune.progress import QUIET, Progress
from semtune.tensors import read_tensor, tensor_shapes
from semtune.types import Embeddings, Encoded, Role

WINDOW = 1024  # texts tokenized at a time
SHORTEST = 1e-12  # torch's own bound: a vector of zeros stays one


class StaticEncoder:
    """Embeds texts with a folder that sentence-transformers reads as a `StaticEmbedding`. Safe in many threads.

    The mean of the tokens' rows, special tokens left out; a text without tokens is a vector of zeros.

    Example:
        >>> encoder = StaticEncoder(Path("models/static"))  # doctest: +SKIP
        >>> encoder.encode(["how do I read a zip file"], role="query").vectors.shape  # doctest: +SKIP
        (1, 256)
    """

    runtime = "static-fp32"

    def __init__(self, folder: Path) -> None:
        """Read the table.

        Raises:
            ModelError: the folder is of another kind, or its table and tokenizer do not fit together.
            ContractError: the weights are not those the contract was written for.
        """
        place = contracts.static_folder(folder)
        if place is None or not can_serve(folder):
            raise ModelError(
                f"{folder} is not a static model of a token table alone; open it with --runtime onnx or torch."
            )
        self.contract = contracts.load(folder)
        self._table = _table(place / "model.safetensors")
        self._tokenizer = Tokenizer(folder, self.contract)
        if self._table.shape[1] != self.contract.dimension or self._tokenizer.size > len(self._table):
            raise ModelError(
                f"{folder}: a table of {len(self._table):,} rows of {self._table.shape[1]} numbers does not fit a tokenizer "
                f"of {self._tokenizer.size:,} tokens and {self.contract.dimension} dimensions. Was the folder put together by hand?"
            )

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dim) float32, in the order given."""
        vectors = np.zeros((len(texts), self.contract.dimension), dtype=np.float32)
        lengths, cut = np.zeros(len(texts), np.int32), np.zeros(len(texts), bool)
        with (progress or QUIET).track("encode", len(texts)) as advance:
            for start in range(0, len(texts), WINDOW):
                tokens = self._tokenizer.encode(texts[start : start + WINDOW], role)
                for row, ids in enumerate(tokens.ids, start):
                    if ids:
                        # One text at a time: numpy's `reduceat` over a whole window is two to four times slower.
                        vectors[row] = self._table.take(ids, axis=0).sum(axis=0) / len(ids)
                lengths[start : start + WINDOW] = [len(ids) for ids in tokens.ids]
                cut[start : start + WINDOW] = tokens.cut
                advance(len(tokens.ids))
        if self.contract.normalize:
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), SHORTEST)
        return Encoded(vectors, int(lengths.sum()), int(cut.sum()), lengths, cut)

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids back to text; the OpenAI dialect allows ids as input."""
        return self._tokenizer.decode(ids)


def can_serve(folder: Path) -> bool:
    """Whether a folder is a token table and at most a Normalize after it: what is done here without torch."""
    place = contracts.static_folder(folder)
    if place is None or not (place / "model.safetensors").exists():
        return False
    return all(module["type"].endswith(".Normalize") for module in read_json(folder / "modules.json")[1:])


def _table(path: Path) -> Embeddings:
    """The rows by token id, (tokens, dim); Model2Vec's form, with a mapping and weights beside it, is unfolded."""
    names = tensor_shapes(path)
    if "embedding.weight" in names:
        return np.asarray(read_tensor(path, "embedding.weight"), dtype=np.float32)
    rows = np.asarray(read_tensor(path, "embeddings"), dtype=np.float32)
    if "mapping" in names:
        rows = rows[np.asarray(read_tensor(path, "mapping"), dtype=np.int64)]
    if "weights" in names:
        rows = rows * np.asarray(read_tensor(path, "weights"), dtype=np.float32)[:, None]
    return rows


def open_static(folder: Path, fast: bool = False) -> StaticEncoder:  # noqa: ARG001 - as every runtime is opened
    """A static model with numpy alone."""
    return StaticEncoder(folder)
