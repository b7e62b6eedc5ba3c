"""Texts to token ids by a model's contract, with the truncated ones counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as FastTokenizer
from tokenizers import normalizers

from semtune.contract import STATIC, Contract, static_folder
from semtune.errors import ModelError
from semtune.types import Role


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids of texts, special tokens included, no padding; how many texts were cut, and (n,) which."""

    ids: list[list[int]]
    truncated: int
    cut: NDArray[np.bool_] = field(compare=False)  # arrays do not compare to one truth value


class Tokenizer:
    """The model's own fast tokenizer, cutting at the contract's length.

    Truncation is set once, here, and padding never: changing either on a shared `tokenizers` object while
    another thread encodes raises "Already borrowed".
    """

    def __init__(self, folder: Path, contract: Contract) -> None:
        path = (static_folder(folder) or folder) / "tokenizer.json"
        if not path.exists():
            raise ModelError(
                f"{folder} has no tokenizer.json. `semtune export` writes one from the slow tokenizer's files."
            )
        self._contract = contract
        self._special = contract.pooling != STATIC  # sentence-transformers gives a token table none
        self._cutting = FastTokenizer.from_file(str(path))
        self._cutting.no_padding()  # tokenizer.json often carries a padding and a length of its own
        self._cutting.enable_truncation(contract.max_length)
        self._whole = FastTokenizer.from_file(str(path))
        self._whole.no_padding()
        self._whole.no_truncation()
        if contract.lowercase:
            for tokenizer in (self._cutting, self._whole):
                _lower_case_first(tokenizer)

    @property
    def special_tokens(self) -> int:
        """How many special tokens are added to a text."""
        return self._whole.num_special_tokens_to_add(is_pair=False) if self._special else 0

    @property
    def size(self) -> int:
        """One more than the highest token id."""
        return max(self._whole.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    @property
    def splits_at_spaces(self) -> bool:
        """Whether each word is cut by itself, so that texts with a space between them have their parts' tokens.

        So it is with BERT's tokenizers; a SentencePiece or byte-level one takes the space into a token.
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
        """Tokenize with the role's prompt in front; cut at the limit and count the cut ones."""
        encodings = self._cutting.encode_batch_fast(self._prepared(texts, role), add_special_tokens=self._special)
        cut = np.array([bool(e.overflowing) for e in encodings], dtype=bool)
        return Tokens([e.ids for e in encodings], int(cut.sum()), cut)

    def lengths(self, texts: Sequence[str], role: Role = "document") -> list[int]:
        """Tokens each text would have without the limit, prompt and special tokens included."""
        return [
            len(e.ids)
            for e in self._whole.encode_batch_fast(self._prepared(texts, role), add_special_tokens=self._special)
        ]

    def count(self, texts: Sequence[str]) -> tuple[int, int]:
        """Tokens of all texts together without special ones, whatever the limit; and how many of them say "unknown"."""
        model = json.loads(self._whole.to_str())["model"]
        name, number = model.get("unk_token"), model.get("unk_id")
        unknown = self._whole.token_to_id(name) if name else number
        unknown = -1 if unknown is None else unknown  # a tokenizer of bytes knows everything
        encodings = self._whole.encode_batch_fast(self._prepared(texts, "document"), add_special_tokens=False)
        return sum(len(e.ids) for e in encodings), sum(e.ids.count(unknown) for e in encodings)

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids back to text, without special tokens."""
        return self._whole.decode(list(ids))

    def _prepared(self, texts: Sequence[str], role: Role) -> list[str]:
        prompt = self._contract.prompt(role)
        return [prompt + text for text in texts] if prompt else list(texts)


def _lower_case_first(tokenizer: FastTokenizer) -> None:
    """Lower-case as sentence-transformers does: in the tokenizer, which leaves special tokens alone."""
    steps = [normalizers.Lowercase(), *([tokenizer.normalizer] if tokenizer.normalizer else [])]
    tokenizer.normalizer = normalizers.Sequence(steps)  # type: ignore[assignment]
