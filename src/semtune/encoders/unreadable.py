"""Texts that a model cannot read: most of their tokens are unknown to it, so that their vectors are alike.

Byte-level tokenizers (RoBERTa, Llama) and SentencePiece ones with byte fallback have no unknown tokens: every text
can be spelled out in bytes, and nothing is found here, whether or not the model understands the language.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from semtune.backbone_catalogue import MULTILINGUAL, catalogue
from semtune.errors import InputError

MAX_UNKNOWN = 0.5  # share of a text's tokens; one unknown token may stand for a whole run of letters
MOST = 0.2  # share of the texts of a source above which it is refused
ALLOW = "--allow-unreadable"
HEAD = 1_000  # characters of a text that are looked at
BATCH = 2_000  # texts
NAMED = 3  # texts, and models


class Reads(Protocol):
    """Knows which tokens a model does not, e.g. `semtune.encoders.tokenizer.Tokenizer`."""

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """The share of each text's tokens that are unknown."""
        ...


def unreadable(texts: Sequence[str], tokenizer: Reads) -> list[int]:
    """The places of the texts that the model cannot read; texts in ASCII are never among them."""
    places = [place for place, text in enumerate(texts) if not text.isascii()]
    found: list[int] = []
    for start in range(0, len(places), BATCH):
        batch = places[start : start + BATCH]
        shares = tokenizer.unknown_shares([texts[place][:HEAD] for place in batch])
        found += [place for place, share in zip(batch, shares, strict=True) if share > MAX_UNKNOWN]
    return found


def check_readable(
    texts: Sequence[str],
    names: Sequence[str],
    tokenizer: object,
    what: str = "texts",
    *,
    allow: bool = False,
    option: str = ALLOW,
) -> str:
    """A warning about texts that the model cannot read; empty if there are none, or if that cannot be told.

    Args:
        texts: to be embedded.
        names: of the texts, for the message.
        tokenizer: of the model; one that does not count unknown tokens finds nothing.
        what: the texts are, in plural.
        allow: go on, however many they are.
        option: how users say so, for the message.

    Raises:
        InputError: it cannot read more than `MOST` of them.
    """
    if not hasattr(tokenizer, "unknown_shares"):
        return ""
    found = unreadable(texts, tokenizer)  # type: ignore[arg-type]
    if not found:
        return ""
    named = ", ".join(dict.fromkeys(names[place] for place in found[: 20 * NAMED]))
    shown = ", ".join(named.split(", ")[:NAMED])
    if len(found) > MOST * len(texts) and not allow:
        raise InputError(
            f"The model cannot read {len(found):,} of {len(texts):,} {what} (e.g. {shown}): it does not know their "
            f"letters, so their vectors would all be alike. Use a multilingual model, for example {multilingual()}. "
            f"To go on nevertheless: {option}."
        )
    return (
        f"The model cannot read {len(found):,} of {len(texts):,} {what} (e.g. {shown}): it does not know their "
        f"letters. They will not be found; a multilingual model may read them, for example {multilingual()}."
    )


def unreadable_query(query: str, tokenizer: object) -> str:
    """A warning about a query that the model cannot read; empty if it can, or if that cannot be told."""
    if query.isascii() or not hasattr(tokenizer, "unknown_shares") or not unreadable([query], tokenizer):  # type: ignore[arg-type]
        return ""
    return (
        "The model cannot read this query: it does not know its letters, so the scores mean nothing. Use an index made "
        f"with a multilingual model, for example {multilingual()}."
    )


def multilingual() -> str:
    """The names of a few multilingual models, the smallest first."""
    models = [entry for entry in catalogue() if MULTILINGUAL in entry.languages and not entry.raw]
    smallest = sorted(models, key=lambda entry: entry.parameters or float("inf"))
    return " or ".join(entry.id for entry in smallest[:NAMED])
