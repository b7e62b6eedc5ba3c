"""How a built index is searched: chosen with the labelled dev queries of its source, which are asked of the index."""

from __future__ import annotations

from pathlib import Path

from semtune.dataset import Dataset
from semtune.evaluate.retrieval.search_mode import DENSE, ModeChoice, choose_mode
from semtune.evaluate.settings import EvaluateSettings
from semtune.index.collection import Match, Snapshot
from semtune.index.current import opened_version
from semtune.index.fusion import DEPTH
from semtune.index.sampling import encode_queries
from semtune.protocols import Encoder
from semtune.types import Qrels, Run

BLOCK = 1000  # queries asked at once


def mode_of_index(index: Path, encoder: Encoder, data: Dataset, seed: int = 0) -> ModeChoice:
    """The way of searching that a run would choose: better than vectors on dev by more than chance, else vectors.

    Args:
        index: the folder of an index that is whole.
        encoder: its model.
        data: what it was built from; without labelled dev queries nothing is asked.
        seed: of the resampling.
    """
    qrels = {
        query: row
        for query, row in data.qrels.get("dev", {}).items()
        if query in data.queries and any(grade > 0 for grade in row.values())
    }
    with opened_version(index) as collection, collection.snapshot() as seen:
        if not collection.has_full_text:
            return ModeChoice(DENSE, given="the index has no full text")
        if not qrels:
            return ModeChoice(DENSE, given="there are no labelled dev queries to choose another way with")
        if not seen.hashes(list({document for row in qrels.values() for document in row})):
            return ModeChoice(DENSE, given="the documents that dev labels are not in the index")
        return choose_mode(*_runs(seen, encoder, data, qrels), qrels, "dev", EvaluateSettings().alpha, seed)


def _runs(seen: Snapshot, encoder: Encoder, data: Dataset, qrels: Qrels) -> tuple[Run, Run]:
    """What the index answers by vectors and by words; a query that the model may not read has no answer by vectors."""
    dense: Run = {}
    keyword: Run = {}
    asked = list(qrels)
    for start in range(0, len(asked), BLOCK):
        block = asked[start : start + BLOCK]
        texts = [data.queries[query].text for query in block]
        places, vectors = encode_queries(encoder, texts)
        dense.update(_run([block[place] for place in places], seen.search(vectors, DEPTH)))
        keyword.update(_run(block, seen.keyword_search(texts, DEPTH)))
    return dense, keyword


def _run(queries: list[str], found: list[list[Match]]) -> Run:
    return {query: dict(matches) for query, matches in zip(queries, found, strict=True)}
