"""Texts of a test set in letters that the model does not know: what is measured on them says nothing."""

from __future__ import annotations

from collections.abc import Iterator

from semtune.dataset import Dataset
from semtune.encoders.checked import Tokenizes
from semtune.encoders.unreadable import check_readable
from semtune.errors import ModelError
from semtune.protocols import Encoder
from semtune.types import Role, Split


def unreadable_texts(encoder: Encoder, dataset: Dataset, split: Split) -> list[str]:
    """Warnings about texts of a split, and of the corpus, that a model cannot read; none if that cannot be told."""
    if not isinstance(encoder, Tokenizes):
        return []
    said = []
    for what, role, texts in _parts(dataset, split):
        try:
            tokenizer = encoder.tokenizer(role)
        except ModelError:  # its runtime has another tokenizer
            return []
        said.append(check_readable(texts, [text[:30] for text in texts], tokenizer, what, allow=True))
    return [each for each in said if each]


def _parts(dataset: Dataset, split: Split) -> Iterator[tuple[str, Role, list[str]]]:
    asked = [dataset.queries[query].text for query in dataset.qrels.get(split, {}) if query in dataset.queries]
    pairs = [text for row in dataset.sentence_pairs(split) for text in (row.sentence1, row.sentence2)]
    labelled = [row.text for row in dataset.labelled_texts.get(split, ())]
    if asked:
        yield "queries of the test set", "query", asked
        yield "documents", "document", [document.content for document in dataset.corpus]
    elif texts := pairs or labelled:
        yield "texts of the test set", "document", texts
