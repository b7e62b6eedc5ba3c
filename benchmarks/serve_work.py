"""What serve.py needs, made once: the exported model, the index, the same vectors for the peers, and what is asked."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from encode import make_table
from passages import MODEL

from semtune import contract as contracts
from semtune.encoders.load import load_encoder
from semtune.encoders.tokenizer import Tokenizer
from semtune.export.build import export_model
from semtune.hub import resolve_model
from semtune.index.build import build_index
from semtune.index.settings import IndexSettings
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.types import Document, Encoded, Role

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data")) / "debian_docs"
QUERIES, SHORTEST, LONGEST, SEED = 2000, 10, 25, 7
BULK_REQUESTS, BULK_TEXTS = 16, 64
END = re.compile(r"(?<=[.!?])\s")


class Recorded:
    """Keeps the vectors that an encoder makes of documents, under the contract of the model that serves."""

    def __init__(self, encoder: Encoder, contract: contracts.Contract) -> None:
        self.contract, self.runtime = contract, encoder.runtime
        self._encoder = encoder
        self.made: list[np.ndarray] = []

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """As the encoder."""
        made = self._encoder.encode(texts, role, progress)
        if role == "document":
            self.made.append(made.vectors)
        return made


def prepare(work: Path, passages: int, vectors: str) -> Path:
    """The folder with everything that a benchmark of this many passages needs; what is missing is made."""
    place = work / f"{vectors}-{passages}"
    if (place / "complete").exists():
        return place
    place.mkdir(parents=True, exist_ok=True)
    source = resolve_model(MODEL)
    if not (place / "source").exists():
        (place / "source").symlink_to(source)
        export_model(source, ["onnx"], place / "export", precisions=["fp32"])
    rows = _rows(passages)
    documents = [Document(row["_id"], row["text"], row["title"]) for row in rows]
    _index(place, documents, vectors)
    texts = [document.text for document in documents]
    _write(place / "texts.json", texts)
    queries = _queries(place, texts)
    _write(place / "queries.json", [{"query": query, "k": 10} for query in queries])
    _write(place / "texts-alone.json", [{"input": query} for query in queries])
    some = np.random.default_rng(SEED).choice(len(texts), BULK_REQUESTS * BULK_TEXTS).reshape(BULK_REQUESTS, -1)
    _write(place / "bulk.json", [{"input": [texts[i] for i in few]} for few in some])
    (place / "complete").touch()
    return place


def _index(place: Path, documents: list[Document], vectors: str) -> None:
    encoder: Encoder = load_encoder(str(place / "export"))
    contract = encoder.contract
    if vectors == "table":
        make_table(place)
        encoder = load_encoder(str(place / "table"))
    recorded = Recorded(encoder, contract)
    build_index(documents, recorded, place / "export", place / "index", IndexSettings())
    made = np.concatenate(recorded.made)
    assert len(made) >= len(documents)
    np.save(place / "vectors.npy", made[-len(documents) :])  # samples for the recall may come first


def _queries(place: Path, texts: list[str]) -> list[str]:
    """Sentences of the passages, of 10 to 25 tokens with the special ones."""
    order = np.random.default_rng(SEED).permutation(len(texts))[: 20 * QUERIES]
    sentences = [" ".join(sentence.split()) for i in order for sentence in END.split(texts[i])[:1]]
    tokenizer = Tokenizer(place / "export", contracts.load(place / "export"))
    lengths = tokenizer.lengths(sentences, "query")
    found = [text for text, n in zip(sentences, lengths, strict=True) if SHORTEST <= n <= LONGEST]
    return list(dict.fromkeys(found))[:QUERIES]


def _rows(passages: int) -> list[dict[str, Any]]:
    with gzip.open(DATA / "passages.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line, _ in zip(lines, range(passages), strict=False)]


def _write(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content), encoding="utf-8")
