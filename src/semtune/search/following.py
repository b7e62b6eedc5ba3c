"""A searcher that moves to the new version of its index when `semtune upgrade` or `rollback` switches it."""

from __future__ import annotations

from pathlib import Path

from semtune.errors import ContractError
from semtune.index.follow import EVERY, Following
from semtune.search.arrange import Reranker
from semtune.search.searcher import Searcher, index_folder
from semtune.types import Truncate


def follow_searcher(
    path: Path,
    model: str | None = None,
    runtime: str = "auto",
    truncate: Truncate | None = None,
    every: float = EVERY,
    *,
    reranker: Reranker | None = None,
) -> Following[Searcher]:
    """Open a searcher as `Searcher.open` does, and again whenever its index was switched or built anew.

    Args:
        path: an index folder or a run folder.
        model: where the index's model is now; a version with another model is opened with the one that it names.
        runtime: of the model.
        truncate: what becomes of queries longer than the model reads; None: as with the index's documents.
        every: seconds between two looks at the folder.
        reranker: a cross-encoder, for `rerank`.

    Raises:
        SemtuneError: as `Searcher.open`.
    """
    first = True

    def open_() -> Searcher:
        nonlocal first
        try:
            return Searcher.open(path, model, runtime, truncate, reranker=reranker)
        except ContractError:
            if first or model is None:
                raise
            return Searcher.open(path, None, runtime, truncate, reranker=reranker)
        finally:
            first = False

    return Following(index_folder(path), open_, Searcher.close, every)
