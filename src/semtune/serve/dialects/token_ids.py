"""Token ids as input: whose they are cannot be told from the numbers, so an operator says it, or they are refused."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from semtune.encoders.checked import Tokenizes
from semtune.errors import ConfigError, ModelError
from semtune.protocols import Encoder
from semtune.serve.errors import ApiError

Policy: TypeAlias = Literal["refuse", "own", "cl100k"]
TokenIds: TypeAlias = Callable[[Sequence[int], Encoder, str], str]  # ids, encoder, name of the place → text

CL100K_URL = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken"
CL100K_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
CL100K_FILE = hashlib.sha1(CL100K_URL.encode(), usedforsecurity=False).hexdigest()  # as tiktoken names it


@runtime_checkable
class SupportsDecoding(Protocol):
    """An encoder that can also turn token ids back into text."""

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids to text, without special tokens."""
        ...


def reader(policy: Policy) -> TokenIds:
    """What turns token ids into text.

    Raises:
        ConfigError: cl100k was asked for, and its vocabulary is not on this machine.
    """
    if policy == "cl100k":
        return _cl100k(_vocabulary(vocabulary_file()))
    return own if policy == "own" else _refuse


def _refuse(ids: Sequence[int], encoder: Encoder, place: str) -> str:
    del ids, encoder
    raise _refused(
        f"{place} holds token ids, and whose they are cannot be told: those of another model would give the vector of "
        "other words. Send texts: in LangChain's OpenAIEmbeddings set check_embedding_ctx_length=False. Or start the "
        "server with --token-ids own (ids of the served model) or --token-ids cl100k (OpenAI's)."
    )


def own(ids: Sequence[int], encoder: Encoder, place: str) -> str:
    """Read ids as those of the served model.

    Raises:
        ApiError: 400; the model cannot decode, there are no such tokens, or the text of the ids has other tokens.
    """
    if not isinstance(encoder, SupportsDecoding):
        raise _refused(f"{place} holds token ids, which the model {encoder.contract.name!r} cannot decode. Send texts.")
    try:
        text = encoder.decode(ids)
        given, got = _own_ids(ids, text, encoder)
    except ModelError as error:
        raise _refused(f"{place} holds token ids, which cannot be read: {error}") from None
    if given != got:
        raise _refused(
            f"{place} holds token ids that no text gives: they include unknown tokens, were cut within a word, or are "
            "another model's. Send the text instead."
        )
    return text


def _own_ids(ids: Sequence[int], text: str, encoder: Encoder) -> tuple[list[int], list[int]]:
    """The ids that were given, without special tokens, and those of their text; nothing where there is no tokenizer."""
    if not isinstance(encoder, Tokenizes):
        return [], []
    tokenizer = encoder.tokenizer("document")
    special = tokenizer.special_ids
    return [each for each in ids if each not in special], tokenizer.ids(text)


def _cl100k(words: dict[int, bytes]) -> TokenIds:
    def read(ids: Sequence[int], encoder: Encoder, place: str) -> str:
        del encoder
        try:
            # As tiktoken decodes: a text that was cut within a character ends with a replacement character.
            return b"".join(words[each] for each in ids).decode("utf-8", errors="replace")
        except KeyError as error:
            raise _refused(f"{place} holds {error}, which is no token id of cl100k_base. Send texts.") from None

    return read


def vocabulary_file() -> Path:
    """Where tiktoken keeps the vocabulary of cl100k_base, by its own environment variables."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    return (Path(folder) if folder else Path(tempfile.gettempdir()) / "data-gym-cache") / CL100K_FILE


def _vocabulary(path: Path) -> dict[int, bytes]:
    """Token id → bytes. The file is checked, since anybody may write into a folder for temporary files."""
    if not path.is_file():
        raise ConfigError(
            f"--token-ids cl100k needs the vocabulary of cl100k_base, and there is no {path}. Semtune downloads "
            "nothing: on a machine with network run `python -c 'import tiktoken; "
            'tiktoken.get_encoding("cl100k_base")\'` with TIKTOKEN_CACHE_DIR set, copy that folder here, and set '
            "TIKTOKEN_CACHE_DIR to it. Or let the clients send texts."
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != CL100K_SHA256:
        raise ConfigError(f"{path} is not the vocabulary of cl100k_base: its hash differs. Copy it again.")
    rows = (line.split() for line in content.splitlines() if line)
    return {int(number): base64.b64decode(word) for word, number in rows}


def _refused(message: str) -> ApiError:
    return ApiError(400, message, param="input", code="token_ids")
