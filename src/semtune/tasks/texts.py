"""The texts of a user's file, and their vectors: what every use begins with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from semtune.bulk.rows import TextRow
from semtune.bulk.rows import texts as rows_of
from semtune.bulk.source import open_source
from semtune.encoders.checked import Tokenizes
from semtune.encoders.unreadable import check_readable
from semtune.errors import InputError
from semtune.prepare.drop_log import BadRows, Tally, by_reason
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.types import Embeddings, Role

EMPTY = "empty text"
MAX_BAD = 0.5  # share of rows that may be unusable


@dataclass(frozen=True, slots=True)
class ReadTexts:
    """The texts of a file.

    Attributes:
        rows: those that can be used, in the file's order.
        left_out: reason → number of rows.
        warnings: about the file.
    """

    rows: list[TextRow]
    left_out: dict[str, int]
    warnings: list[str]

    @property
    def texts(self) -> list[str]:
        """The texts alone."""
        return [row.text for row in self.rows]


@dataclass(frozen=True, slots=True)
class EmbeddedTexts:
    """(n, dim) unit vectors, how many of the texts and tokens were cut, and a warning of texts that cannot be read."""

    vectors: Embeddings
    truncated: int
    cut_tokens: int
    warning: str


def read_texts(path: Path, column: str = "") -> ReadTexts:
    """Read every text of a file: text lines, JSON lines, CSV, TSV, Parquet, also as .gz, or another table.

    Args:
        path: of the file.
        column: of a table; empty: the one that holds the text.

    Raises:
        InputError: the file cannot be read, or holds no text.
        ConfigError: the file has no such column.
    """
    source, tally = open_source(path, column), Tally()
    bad = BadRows(path.name, tally)
    rows: list[TextRow] = []
    for row in rows_of(source, bad):
        if row.text.strip():
            rows.append(row)
        else:
            tally.drop(EMPTY, f"{path.name}:{row.line}")
    bad.check(MAX_BAD)
    if not rows:
        raise InputError(f"{path} holds no text. Give a file with a text a line, or a table with a column of texts.")
    return ReadTexts(rows, by_reason(tally.dropped), [*source.warnings, *tally.warnings])


def embed(
    encoder: Encoder,
    texts: Sequence[str],
    names: Sequence[str],
    role: Role,
    progress: Progress,
    allow_unreadable: bool = False,
) -> EmbeddedTexts:
    """Embed texts; equal ones are computed once by the encoder.

    Args:
        encoder: the model.
        texts: at least one.
        names: of the texts, for messages.
        role: which of the model's prompts is put before each.
        progress: shown while it works.
        allow_unreadable: go on where the model does not know the letters of many texts.

    Raises:
        InputError: the model does not know the letters of more than a fifth of the texts.
    """
    tokenizer = encoder.tokenizer(role) if isinstance(encoder, Tokenizes) else None
    warning = check_readable(texts, names, tokenizer, allow=allow_unreadable)
    made = encoder.encode(list(texts), role, progress)
    return EmbeddedTexts(made.vectors, made.truncated, made.cut_tokens, warning)
