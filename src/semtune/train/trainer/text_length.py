"""The length at which a model cuts texts, shortened while it is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from semtune.contract import NO_LIMIT, STATIC, Contract

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def model_limit(contract: Contract) -> int:
    """Tokens at which a model cuts texts; 0 for a static model that reads texts of any length."""
    return contract.max_length if contract.max_length < NO_LIMIT else 0


def set_text_length(model: SentenceTransformer, contract: Contract, length: int) -> None:
    """Let `model` cut texts at `length` tokens; 0: nowhere, which only a static model can do."""
    if contract.pooling != STATIC:
        if length:
            model.max_seq_length = length
        return
    tokenizer: Any = model.tokenizer  # of the tokenizers library: a static model has no length of its own
    if length:
        tokenizer.enable_truncation(length)
    else:
        tokenizer.no_truncation()
