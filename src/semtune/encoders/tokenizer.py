"""Turns texts into token ids according to a model's contract and counts the truncated texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as FastTokenizer
from tokenizers import normalizers

from semtune.contract import STATIC, Contract
from semtune.errors import ModelError
from semtune.model_places import places
from semtune.types import Role


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids of texts with special tokens and without padding.

    Attributes:
        truncated: number of truncated texts.
        cut: (n,) whether each text was truncated.
        beyond: (n,) tokens of each text beyond the limit.
    """

    ids: list[list[int]]
    truncated: int
    cut: NDArray[np.bool_] = field(compare=False)  # arrays do not compare to one truth value
    beyond: NDArray[np.int32] = field(compare=False)


class Token(NamedTuple):
    """One token of a text: its id, how the tokenizer writes it, and its first and last character (exclusive)."""

    id: int
    text: str
    special: bool
    offsets: tuple[int, int]


class Tokenizer:
    """The model's fast tokenizer, which truncates at the contract's length.

    Truncation is set only here, and padding never: changing either on a shared `tokenizers` object while
    another thread encodes raises "Already borrowed".
    """

    def __init__(self, folder: Path, contract: Contract, role: Role = "document") -> None:
        """Read the tokenizer; of a Router model, that of one role."""
        contract = contract.part(role)
        path = places(folder, role).tokenizer / "tokenizer.json"
        if not path.exists():
            raise ModelError(
                f"{folder} has no tokenizer.json. `semtune export` writes one from the slow tokenizer's files."
            )
        self._contract = contract
        self._special = contract.pooling != STATIC  # sentence-transformers adds none for a static model
        self._cutting = _read(path)
        self._cutting.no_padding()  # tokenizer.json often sets its own padding and length
        self._cutting.enable_truncation(contract.max_length)
        self._whole = _read(path)
        self._whole.no_padding()
        self._whole.no_truncation()
        if contract.lowercase:
            for tokenizer in (self._cutting, self._whole):
                _lower_case_first(tokenizer)

    @property
    def special_tokens(self) -> int:
        """Number of special tokens added to a text."""
        return self._whole.num_special_tokens_to_add(is_pair=False) if self._special else 0

    @property
    def size(self) -> int:
        """The highest token id plus one."""
        return max(self._whole.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    @property
    def splits_at_spaces(self) -> bool:
        """Whether each word is tokenized by itself, so that texts joined with a space have the tokens of their parts.

        True for BERT's tokenizers; SentencePiece and byte-level ones include the space in a token.
        """
        whole, prompt = json.loads(self._whole.to_str()), self._contract.prompt("document")
        steps = whole["normalizer"] or {}
        kinds = {step["type"] for step in steps.get("normalizers", [steps]) if step}
        return (
            (whole["pre_tokenizer"] or {}).get("type") == "BertPreTokenizer"
            and kinds <= {"BertNormalizer", "Lowercase"}
            and not any(set(token["content"]) & set(" \t\n") for token in whole["added_tokens"])
            and (not prompt or prompt[-1].isspace())
        )

    def encode(self, texts: Sequence[str], role: Role) -> Tokens:
        """Tokenize with the role's prompt in front; truncate at the limit and count the truncated texts."""
        encodings = self._cutting.encode_batch_fast(self._prepared(texts, role), add_special_tokens=self._special)
        special = self.special_tokens  # each overflowing part has its own
        beyond = np.array([sum(len(part.ids) - special for part in e.overflowing) for e in encodings], dtype=np.int32)
        return Tokens([e.ids for e in encodings], int((beyond > 0).sum()), beyond > 0, beyond)

    def lengths(self, texts: Sequence[str], role: Role = "document") -> list[int]:
        """Tokens of each text without the limit, including prompt and special tokens."""
        return [
            len(e.ids)
            for e in self._whole.encode_batch_fast(self._prepared(texts, role), add_special_tokens=self._special)
        ]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """First and last character (exclusive) of each token, without prompt, special tokens and limit."""
        return self._whole.encode(text, add_special_tokens=False).offsets

    def prompt_tokens(self, role: Role) -> int:
        """Tokens of the role's prompt before a text, counted as sentence-transformers does: without a last [SEP]."""
        ids = self._cutting.encode(self._contract.prompt(role), add_special_tokens=self._special).ids
        added = self._whole.get_added_tokens_decoder()
        ends = bool(ids) and ids[-1] in added and added[ids[-1]].special
        return max(0, len(ids) - ends) if self._contract.prompt(role) else 0

    def count(self, texts: Sequence[str]) -> tuple[int, int]:
        """Total tokens without special tokens and without the limit, and how many of them are unknown."""
        unknown = self._unknown()
        encodings = self._whole.encode_batch_fast(self._prepared(texts, "document"), add_special_tokens=False)
        return sum(len(e.ids) for e in encodings), sum(e.ids.count(unknown) for e in encodings)

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """The share of each text's tokens that are unknown, without its prompt and punctuation; 0 for an empty text."""
        if (unknown := self._unknown()) < 0:
            return [0.0] * len(texts)
        encodings = self._whole.encode_batch_fast(list(texts), add_special_tokens=False)
        shares = []
        for each in encodings:
            lost = each.ids.count(unknown)
            known = sum(any(map(str.isalnum, self._whole.id_to_token(id_) or "")) for id_ in each.ids if id_ != unknown)
            shares.append(lost / max(1, lost + known))
        return shares

    def _unknown(self) -> int:
        """The id of the unknown token; -1 if there is none, as in byte-level tokenizers."""
        model = json.loads(self._whole.to_str())["model"]
        name, number = model.get("unk_token"), model.get("unk_id")
        unknown = self._whole.token_to_id(name) if name else number
        return -1 if unknown is None else unknown

    @property
    def special_ids(self) -> frozenset[int]:
        """The ids of special tokens that stand around texts or fill batches, but not that of the unknown token."""
        added = self._whole.get_added_tokens_decoder()
        return frozenset(id_ for id_, token in added.items() if token.special) - {self._unknown()}

    def ids(self, text: str) -> list[int]:
        """The ids of a text, without prompt, special tokens and limit."""
        return self._whole.encode(text, add_special_tokens=False).ids

    def pieces(self, text: str, role: Role, special: bool = True) -> list[Token]:
        """The tokens of a text with the role's prompt in front, without the limit.

        Args:
            text: of any length.
            role: whose prompt.
            special: with the special tokens that the model reads, too.
        """
        read = self._whole.encode(self._prepared([text], role)[0], add_special_tokens=special and self._special)
        return [
            Token(*each)
            for each in zip(read.ids, read.tokens, map(bool, read.special_tokens_mask), read.offsets, strict=True)
        ]

    def decode(self, ids: Sequence[int], skip_special: bool = True) -> str:
        """Token ids back to text, by default without special tokens.

        Raises:
            ModelError: the tokenizer has no such ids.
        """
        unknown = [id_ for id_ in ids if self._whole.id_to_token(id_) is None]
        if unknown:
            raise ModelError(f"The tokenizer has no token with the id {unknown[0]}; its ids end at {self.size - 1:,}.")
        return self._whole.decode(list(ids), skip_special_tokens=skip_special)

    def _prepared(self, texts: Sequence[str], role: Role) -> list[str]:
        prompt = self._contract.prompt(role)
        return [prompt + text for text in texts] if prompt else list(texts)


def _read(path: Path) -> FastTokenizer:
    try:
        return FastTokenizer.from_file(str(path))
    except Exception as error:  # the library raises no narrower one
        raise ModelError(
            f"{path} is not a tokenizer that can be read ({error}). Copy it again from the original model, or export "
            "the model again."
        ) from None


def _lower_case_first(tokenizer: FastTokenizer) -> None:
    """Lower-case as sentence-transformers does: in the tokenizer, which does not change special tokens."""
    steps = [normalizers.Lowercase(), *([tokenizer.normalizer] if tokenizer.normalizer else [])]
    tokenizer.normalizer = normalizers.Sequence(steps)  # type: ignore[assignment]
