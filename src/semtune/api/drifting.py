"""See whether an index still fits what is asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from semtune.api.index_access import index_home, read_log
from semtune.progress import QUIET, Progress

if TYPE_CHECKING:
    from semtune.contract import Contract
    from semtune.index.drift import AskedQuery, Drift, Floor
    from semtune.index.manifest import IndexManifest
    from semtune.protocols import Encoder
    from semtune.types import Embeddings, Encoded

MOST_TRAINING, MOST_HELD = 20_000, 1_000  # questions that are encoded
PERCENTILE = 5.0  # of held-out questions' likeness to training: so many in a hundred of them would count as unseen
FLOORS = ("r0.9", "best-f1")  # calibrated thresholds that say where answers end, in order of preference


def drift(
    index: str | Path,
    queries: Sequence[str | Path],
    *,
    data: str | Path | None = None,
    column: str = "",
    model: str | None = None,
    runtime: str = "auto",
    progress: Progress = QUIET,
) -> Drift:
    """See what people ask that the index answers badly, and what to do about it.

    Args:
        index: an index folder or a run folder.
        queries: logs: text files with a query a line, tables, JSON lines with "query" or "text", or a web server's log.
        data: the data set that the model was trained on; None: that of the run that the index belongs to.
        column: of tables: the one with the query.
        model: where the index's model is now; by default where it was.
        runtime: of the model.
        progress: shown while it works.

    Raises:
        InputError: there is no index, or the logs hold no query.
    """
    from semtune.encoders.load import parse_runtime
    from semtune.index.current import opened
    from semtune.index.drift import find_drift, floor_of_chunks

    home = index_home(index)
    found = read_log(queries, column)
    with opened(home) as collection, collection.snapshot() as seen, progress.track("drift", len(found)) as advance:
        encoder = _encoder(home, collection.manifest, model, parse_runtime(runtime))
        encoded = encoder.encode([question.text for question in found], "query", progress)
        asked = _asked([(q.text, q.asked) for q in found], encoded, encoder, seen.language)
        floor = _calibrated(encoder.contract) or floor_of_chunks(
            seen, lambda texts: encoder.encode(texts, "query").vectors
        )
        made = find_drift(seen, asked, encoded.vectors, floor, _unseen(home, data, encoded.vectors, encoder))
        advance(len(found))
    return made


def _encoder(home: Path, manifest: IndexManifest, model: str | None, runtime: str) -> Encoder:
    """The index's model; queries too long for it are counted, and not refused."""
    from semtune.search.index_encoder import encoder_of

    return encoder_of(home, manifest, model, runtime, "cut" if manifest.truncate == "error" else None)


def _asked(found: Sequence[tuple[str, int]], encoded: Encoded, encoder: Encoder, searched: str) -> list[AskedQuery]:
    from semtune.encoders.checked import Tokenizes
    from semtune.encoders.weak_languages import languages_of, weak_language
    from semtune.errors import ModelError
    from semtune.index.drift import AskedQuery
    from semtune.languages.codes import language_name

    known = languages_of(encoder.contract, searched)
    weak = [weak_language(text, known) for text, _ in found]
    languages = ["" if code is None else language_name(code) for code in weak]
    beyond = [0] * len(found) if encoded.beyond is None else encoded.beyond.tolist()
    counts = [(0, 0)] * len(found)
    if isinstance(encoder, Tokenizes):
        try:
            tokenizer = encoder.tokenizer("query")
            counts = [tokenizer.count([text]) for text, _ in found]
        except ModelError:  # its runtime has another tokenizer
            counts = [(0, 0)] * len(found)
    return [
        AskedQuery(text, times, cut, tokens, unknown, language)
        for (text, times), cut, (tokens, unknown), language in zip(found, beyond, counts, languages, strict=True)
    ]


def _calibrated(contract: Contract) -> Floor | None:
    """The floor that the model was calibrated with."""
    from semtune.index.drift import Floor

    name = next((name for name in FLOORS if name in contract.thresholds), None)
    return Floor(contract.thresholds[name], f"the calibrated threshold {name}") if name else None


def _unseen(home: Path, data: str | Path | None, vectors: Embeddings, encoder: Encoder) -> list[bool] | None:
    """Whether each query is less like the training questions than almost all held-out ones are; None: not known."""
    training, held = _questions(home, data)
    if not training or not held:
        return None
    known = encoder.encode(training, "query").vectors
    usual = float(np.percentile(_nearest(encoder.encode(held, "query").vectors, known), PERCENTILE))
    return (_nearest(vectors, known) < usual).tolist()


def _nearest(vectors: Embeddings, known: Embeddings) -> np.ndarray:
    """(n,) the largest inner product of each vector with the known ones."""
    return np.concatenate([(vectors[at : at + 256] @ known.T).max(axis=1) for at in range(0, len(vectors), 256)])


def _questions(home: Path, data: str | Path | None) -> tuple[list[str], list[str]]:
    """Training questions and held-out ones, always the same; empty where the data set is not known."""
    from semtune import dataset as datasets
    from semtune.api.deployment import load_dataset
    from semtune.prepare.build.for_other_steps import held_out_queries
    from semtune.text import stable_hash

    place = home.parent / "prepare" if data is None else Path(data)
    if data is None and not (place / datasets.REPORT).is_file():
        return [], []
    found = load_dataset(place)
    training = [pair.anchor for pair in found.pairs.get("train", [])]
    training += [found.queries[query].text for query in found.qrels.get("train", {}) if query in found.queries]
    held = sorted(held_out_queries(found), key=stable_hash)[:MOST_HELD]
    return sorted(dict.fromkeys(training), key=stable_hash)[:MOST_TRAINING], held
