"""Checks what goes into an encoder and what comes out, so that no wrong vector is returned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from semtune.contract import FILE as CONTRACT_FILE
from semtune.contract import Contract, load, weights_files
from semtune.encoders.tokenizer import Tokenizer
from semtune.errors import InputError, ModelError, SemtuneError
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.tensors import read_tensor, tensor_shapes
from semtune.types import Embeddings, Encoded, Role, Truncate

ALIKE = 1e-5  # of the largest value: vectors that differ less in every dimension are one and the same
NAMED = 3  # weights in a message
SHOWN = 40  # characters of a text in a message


@runtime_checkable
class Tokenizes(Protocol):
    """An encoder that lends its tokenizer, to count tokens, to split texts and to see what the model cannot read."""

    def tokenizer(self, role: Role) -> Tokenizer:
        """The tokenizer for texts of a role."""
        ...


class CheckedEncoder:
    """Any runtime's encoder, with its input and output checked. Safe to use from many threads.

    Texts that are no texts are refused by their place. Vectors with NaN, and one vector for all of several different
    texts, are refused. Tokens beyond the limit are counted where the runtime does not do it.
    """

    truncate: Truncate = "cut"

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self.contract, self.runtime, self.folder = encoder.contract, encoder.runtime, folder
        self._encoder = encoder
        self._tokenizers: dict[Role, Tokenizer] = {}
        if decode := getattr(encoder, "decode", None):
            self.decode: Callable[[Sequence[int]], str] = decode

    def tokenizer(self, role: Role) -> Tokenizer:
        """The model's tokenizer for texts of a role.

        Raises:
            ModelError: the folder has none.
        """
        if role not in self._tokenizers:
            part = self.folder / role  # of an exported Router model
            routed = bool(self.contract.parts) and (part / CONTRACT_FILE).is_file()
            place, contract = (part, load(part, verify=False)) if routed else (self.folder, self.contract)
            self._tokenizers[role] = Tokenizer(place, contract, role)
        return self._tokenizers[role]

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dim) float32, in the order given.

        Raises:
            InputError: an input is not a text.
            ModelError: a vector is not finite, or different texts all have the same one.
        """
        check_texts(texts)
        try:
            made = self._encoder.encode(texts, role, progress)
        except TypeError:
            _refuse_half_characters(texts)
            raise
        self._check(made.vectors, texts, role)
        return count_beyond(made, texts, role, self)

    def _check(self, vectors: Embeddings, texts: Sequence[str], role: Role) -> None:
        try:
            check_vectors(vectors, self.contract)
        except ModelError as error:
            broken = not_finite(self.folder)
            raise ModelError(f"{error} Broken weights: {_listed(broken)}." if broken else str(error)) from None
        if all_alike(vectors) and self._differ(texts, role):
            raise ModelError(
                f"The model {self.contract.name!r} gives one and the same vector for {len(texts):,} different texts, "
                "so it can find nothing. Its weights are broken: train it anew with a lower learning rate, or copy or "
                "export it again."
            )

    def _differ(self, texts: Sequence[str], role: Role) -> bool:
        """Whether some texts differ for the model: in tokens that it reads and knows."""
        try:
            tokenizer = self.tokenizer(role)
        except ModelError:  # a runtime with a tokenizer of another kind
            return False
        return len({tuple(ids) for ids in tokenizer.encode(texts, role).ids}) > 1


def check_texts(texts: Sequence[str]) -> None:
    """Refuse inputs that are no texts.

    Raises:
        InputError: `texts` is a single string, or holds something that is not one.
    """
    if isinstance(texts, str | bytes):
        raise InputError(f"A list of texts is needed, and one {type(texts).__name__} was given. Put it into a list.")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(
                f"Text {place + 1} of {len(texts):,} is {_shown(text)}, of the type {type(text).__name__}, not str. "
                "Give texts only; leave out what is missing, or give an empty text for it."
            )


def check_vectors(vectors: Embeddings, contract: Contract) -> None:
    """Refuse (n, dim) vectors that are not what the contract promises; costs little beside the encoding.

    Raises:
        ModelError: they have another dimension, or NaN or infinity.
    """
    if vectors.ndim != 2 or vectors.shape[1] != contract.dimension:
        raise ModelError(
            f"The model {contract.name!r} gave vectors of {vectors.shape[-1]} dimensions, and its contract says "
            f"{contract.dimension}. Export or copy it again."
        )
    finite = np.isfinite(vectors)
    if not finite.all():
        rows: list[int] = np.flatnonzero(~finite.all(axis=1)).tolist()
        raise ModelError(
            f"The model {contract.name!r} gave NaN or infinity in the vectors of {len(rows):,} of {len(vectors):,} "
            f"texts (the first is text {rows[0] + 1}). They mean nothing and are not returned. Train, copy or export "
            "the model again."
        )


def all_alike(vectors: Embeddings) -> bool:
    """Whether two or more (n, dim) vectors are all the same one."""
    if len(vectors) < 2:
        return False
    near = ALIKE * float(np.abs(vectors[0]).max())
    if np.abs(vectors[0] - vectors[-1]).max() > near:  # nearly always, and much cheaper
        return False
    return bool(np.ptp(vectors, axis=0).max() <= near)


def count_beyond(made: Encoded, texts: Sequence[str], role: Role, encoder: object) -> Encoded:
    """The result with the tokens of each text beyond the limit, where the encoder only said which texts were cut."""
    if made.beyond is not None or made.cut is None or made.lengths is None or not isinstance(encoder, Tokenizes):
        return made
    beyond = np.zeros(len(texts), np.int32)
    rows: list[int] = np.flatnonzero(made.cut).tolist()
    if rows:
        try:
            whole = encoder.tokenizer(role).lengths([texts[row] for row in rows], role)
        except ModelError:
            return made
        beyond[rows] = np.maximum(0, np.array(whole, np.int32) - made.lengths[rows])
    return replace(made, beyond=beyond)


def truncate_of(encoder: object) -> Truncate:
    """What an encoder does with texts longer than the model reads; most cut them."""
    return getattr(encoder, "truncate", "cut")


def not_finite(place: Path) -> list[str]:
    """The names of the weights with NaN or infinity in a model folder or a .safetensors file."""
    try:
        files = [place] if place.is_file() else [path for path in weights_files(place) if path.suffix == ".safetensors"]
        return [
            name
            for path in files
            for name in tensor_shapes(path)
            if np.issubdtype((values := read_tensor(path, name)).dtype, np.floating) and not np.isfinite(values).all()
        ]
    except (SemtuneError, OSError):  # only the message becomes poorer
        return []


def refuse_broken(folder: Path, names: Sequence[str]) -> None:
    """Refuse a model with weights that are not numbers.

    Raises:
        ModelError: there are such weights; the message names them.
    """
    if names:
        raise ModelError(
            f"{folder} has NaN or infinity in {len(names):,} of its weights: {_listed(names)}. The training that made "
            "them went wrong, or the file is damaged: train it anew with a lower learning rate, or copy it again."
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _refuse_half_characters(texts: Sequence[str]) -> None:
    for place, text in enumerate(texts):
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise InputError(
                f"Text {place + 1} of {len(texts):,} holds half of a character (a lone surrogate), which is not valid "
                "Unicode. Read the file again with its right encoding, or replace such characters."
            ) from None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
