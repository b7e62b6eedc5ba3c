"""A table of token vectors from a transformer, as Model2Vec makes it (Tulkens & van Dongen 2024)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from semtune.errors import ConfigError, ModelError
from semtune.progress import QUIET, Progress
from semtune.types import Embeddings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

SIF_COEFFICIENT = 1e-4  # Arora, Liang & Ma 2017: the frequency at which a word's weight is one half
UNUSED_TOKEN = re.compile(r"\[unused\d+\]")
TOKENS_AT_A_TIME = 512


@dataclass(frozen=True, slots=True)
class TokenTable:
    """Vectors by token id, (tokens, dim), the rotation, (teacher's dim, dim), that made them, and the tokenizer."""

    rows: Embeddings
    rotation: Embeddings
    tokenizer: Tokenizer


def token_table(model: SentenceTransformer, dimension: int, progress: Progress = QUIET) -> TokenTable:
    """Embed every token of the vocabulary alone, keep the main `dimension` components, and weight them by rarity.

    Tokens are read between the model's special tokens, as a text of one token would be. Frequencies follow from the
    order of the vocabulary by Zipf's law, so that no text is needed. Special tokens get zeros.

    Raises:
        ModelError: the model has no fast tokenizer.
        ConfigError: the model does not have that many dimensions.
    """
    tokenizer = bare_tokenizer(model)
    ids = _vocabulary(tokenizer)
    vectors = _embed_alone(model, tokenizer, ids, progress)
    if not 0 < dimension <= vectors.shape[1]:
        raise ConfigError(f"--dim is {dimension}; allowed: 1 to {vectors.shape[1]}, the teacher's own dimension.")
    rotation = main_components(vectors, dimension)
    rows = np.zeros((int(max(tokenizer.get_vocab().values())) + 1, dimension), dtype=np.float32)
    rows[ids] = ((vectors - vectors.mean(axis=0)) @ rotation) * rarity(len(ids))[:, None]
    return TokenTable(rows, rotation, tokenizer)


def main_components(vectors: Embeddings, dimension: int) -> Embeddings:
    """The `dimension` orthonormal directions, (dim, dimension), in which the (n, dim) vectors differ most."""
    _, directions = np.linalg.eigh(np.cov(vectors, rowvar=False, dtype=np.float64))
    main = directions[:, ::-1][:, :dimension]
    signs = np.sign(
        main[np.abs(main).argmax(axis=0), np.arange(dimension)]
    )  # else the sign would be the library's choice
    return np.ascontiguousarray(main * signs, dtype=np.float32)


def rarity(count: int) -> NDArray[np.float32]:
    """Weights of tokens in order of falling frequency: a / (a + p), where p follows Zipf's law."""
    share = 1.0 / np.arange(1, count + 1)
    return (SIF_COEFFICIENT / (SIF_COEFFICIENT + share / share.sum())).astype(np.float32)


def bare_tokenizer(model: SentenceTransformer) -> Tokenizer:
    """A copy of the model's fast tokenizer that neither truncates nor pads.

    Raises:
        ModelError: it has none.
    """
    from tokenizers import Tokenizer

    fast: Any = getattr(model.tokenizer, "backend_tokenizer", None)
    if fast is None:
        raise ModelError("The teacher has no fast tokenizer, which a static model needs. Choose another teacher.")
    copy = Tokenizer.from_str(fast.to_str())
    copy.no_padding()
    copy.no_truncation()
    return copy


def _vocabulary(tokenizer: Tokenizer) -> NDArray[np.int64]:
    """Token ids that a text can have, in the order of the vocabulary: no special and no unused ones."""
    special = {id for id, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    return np.array(
        sorted(
            id for token, id in tokenizer.get_vocab().items() if id not in special and not UNUSED_TOKEN.fullmatch(token)
        )
    )


def _embed_alone(
    model: SentenceTransformer, tokenizer: Tokenizer, ids: NDArray[np.int64], progress: Progress
) -> Embeddings:
    """The (n, dim) output for each token as a text of its own, before any normalisation."""
    import torch
    from sentence_transformers.sentence_transformer.modules import Normalize

    example = tokenizer.encode("a")
    inner = [at for at, special in enumerate(example.special_tokens_mask) if not special]
    before, after = example.ids[: inner[0]], example.ids[inner[-1] + 1 :]
    made = []
    model.eval()
    with progress.track("embed the vocabulary", len(ids)) as advance, torch.inference_mode():
        for start in range(0, len(ids), TOKENS_AT_A_TIME):
            chunk = ids[start : start + TOKENS_AT_A_TIME].tolist()
            tokens = torch.tensor([[*before, id, *after] for id in chunk], device=model.device)
            features: Any = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
            for module in model:
                if not isinstance(module, Normalize):
                    features = module(features)
            made.append(features["sentence_embedding"].float().cpu().numpy())
            advance(len(chunk))
    return np.concatenate(made)
