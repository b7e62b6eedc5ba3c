"""Semtune's local index for `index_worker.py`: string ids, documents with metadata; an answer is documents."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from semtune.index import manifest as manifests
from semtune.index.local.backend import LocalBackend
from semtune.index.manifest import IndexManifest
from semtune.index.settings import IndexSettings
from semtune.types import Document

TEXT = "A passage of the documentation, as long as such passages are, so that the database has its usual size. " * 4
SINGLE = 50  # documents added one at a time


def build(vectors: Any, folder: Path, batch: int) -> None:
    """Write the documents in batches, then add some one at a time, then compact; the rates go into writes.json."""
    manifest = IndexManifest(
        "local", "", "ip", vectors.shape[1], 0, "none", "none", "0" * 16, "static", 1.0, 0
    )  # fmt: skip
    opened = LocalBackend.create(folder, folder, IndexSettings(), manifest)
    started = time.perf_counter()
    for start in range(0, len(vectors), batch):
        block = vectors[start : start + batch]
        opened.upsert([document(start + i) for i in range(len(block))], block)
    bulk = time.perf_counter() - started
    waits = []
    for i in range(SINGLE):
        started = time.perf_counter()
        opened.upsert([document(i, "changed")], vectors[i : i + 1])
        waits.append(time.perf_counter() - started)
    started = time.perf_counter()
    opened.compact()
    facts = {
        "documents a second": round(len(vectors) / bulk),
        "one document ms": round(1000 * statistics.median(waits), 2),
        "compact s": round(time.perf_counter() - started, 1),
    }
    manifests.write(replace(opened.manifest, count=len(vectors)), folder)
    opened.close()
    (folder / "writes.json").write_text(json.dumps(facts), encoding="utf-8")


def document(number: int, text: str = TEXT) -> Document:
    """A document of usual size; its metadata has a field for each tenth, hundredth and thousandth."""
    return Document(f"doc-{number}", text, f"Title {number}", {"tenth": number % 10, "thousandth": number % 1000})


def opened(folder: Path) -> Callable[[Any, int, int], Any]:
    """A search as users make it: ids, scores, and the documents; the breadth is the index's own business."""
    manifest = manifests.read(folder)
    collection = LocalBackend.open(folder, manifest)
    now = [0]

    def search(query: Any, k: int, breadth: int) -> Any:
        if now[0] != breadth:
            now[0] = breadth
            _widen(collection, breadth)
        with collection.snapshot() as snapshot:
            [found] = snapshot.search(query[None], k)
            documents = snapshot.get([match.id for match in found])
        return [int(document.id[4:]) for document in documents if document]

    return search


def _widen(collection: Any, breadth: int) -> None:
    """Set another breadth than the one chosen at the build, to compare at equal recall."""
    from semtune.index.local import kinds

    with collection.snapshot() as snapshot:
        parts = snapshot._view.parts
    for part in parts:
        segment = part.segment.get()
        if segment is not None and part.record.kind != "Flat":
            kinds._widen(segment.index, breadth)
