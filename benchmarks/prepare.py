"""Preparing 3,978 real HTML pages, and near duplicates among 113,230 real passages: rates and peak memory.

Needs the real data in ../shared/data or $SEMTUNE_DATA.
python benchmarks/prepare.py [--json]
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from passages import MODEL
from timing import publish

from semtune import contract as contracts
from semtune.encoders.resolve import resolve
from semtune.encoders.tokenizer import Tokenizer
from semtune.prepare import PrepareSettings, prepare
from semtune.prepare.near import fingerprint, near_duplicates

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data")) / "debian_docs"


def peak() -> float:
    """Peak memory of this process so far, in GB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 3)


def main() -> None:
    """Measure and publish."""
    if not DATA.is_dir():
        sys.exit(f"no real data at {DATA}")
    folder = resolve(MODEL)
    contract = contracts.load(folder)
    tokenizer = Tokenizer(folder, contract)
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(DATA / "html_raw.tar.gz") as archive:
            archive.extractall(scratch, filter="data")
        started = time.perf_counter()
        dataset = prepare(scratch, tokenizer, contract.max_length, PrepareSettings(), 13)
        seconds = time.perf_counter() - started
    counts = dataset.report["counts"]
    pages = {
        "documents": counts["files"],
        "passages": counts["passages"],
        "seconds": round(seconds, 1),
        "documents/s": round(counts["files"] / seconds, 1),
        "passages/s": round(counts["passages"] / seconds, 1),
        "peak GB": peak(),
    }
    del dataset
    with gzip.open(DATA / "passages.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    started = time.perf_counter()
    found = near_duplicates([fingerprint(text) for text in texts])
    seconds = time.perf_counter() - started
    near = {
        "passages": len(texts),
        "pairs": len(found),
        "seconds": round(seconds, 1),
        "passages/s": round(len(texts) / seconds),
        "peak GB": peak(),
    }
    publish(
        "prepare", {"what": "HTML pages to a data set; near duplicates", "html pages": pages, "near duplicates": near}
    )


if __name__ == "__main__":
    main()
