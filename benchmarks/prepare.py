"""Preparing 3,978 real HTML pages and a table of 113,230 real passages, and near duplicates among these: rates, memory.

Needs the real data in ../shared/data or $SEMTUNE_DATA. Each part runs in a process of its own, so that its peak memory
is its own; about five minutes in all on two cores.
python benchmarks/prepare.py [--json]
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data")) / "debian_docs"
TABLE = DATA / "passages.jsonl.gz"


def peaks() -> dict[str, float]:
    """Peak memory of this process so far and of the largest of those that it started, in GB."""
    own, others = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"peak GB": round(own / 1e6, 3), "peak GB of a reading process": round(others / 1e6, 3)}


def prepared(source: str) -> dict[str, Any]:
    """A source made a data set."""
    from passages import MODEL

    from semtune import contract as contracts
    from semtune.encoders.tokenizer import Tokenizer
    from semtune.hub import resolve_model
    from semtune.prepare.build.dataset import prepare
    from semtune.prepare.settings import PrepareSettings

    folder = resolve_model(MODEL)
    contract = contracts.load(folder)
    tokenizer = Tokenizer(folder, contract)
    started = time.perf_counter()
    counts = prepare(source, tokenizer, contract.passage_length, PrepareSettings(), 13).report["counts"]
    seconds = time.perf_counter() - started
    documents = counts.get("files") or counts["rows"]
    return {
        "documents": documents,
        "passages": counts["passages"],
        "seconds": round(seconds, 1),
        "documents/s": round(documents / seconds, 1),
        "passages/s": round(counts["passages"] / seconds, 1),
    }


def near(source: str) -> dict[str, Any]:
    """Near duplicates among the texts of a table."""
    from semtune.prepare.dedupe.near_duplicates import fingerprint, near_duplicates

    with gzip.open(source, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    started = time.perf_counter()
    found = near_duplicates([fingerprint(text) for text in texts])
    seconds = time.perf_counter() - started
    return {
        "passages": len(texts),
        "pairs": len(found),
        "seconds": round(seconds, 1),
        "passages/s": round(len(texts) / seconds),
    }


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {"prepared": prepared, "near": near}


def measure(part: str, source: Path | str, cores: int | None = None) -> dict[str, Any]:
    """Run one part in a process of its own, on so many cores."""
    chosen = sorted(os.sched_getaffinity(0))[:cores]
    command = [sys.executable, __file__, "--part", part, str(source), ",".join(map(str, chosen))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return {"cores": len(chosen), **json.loads(done.stdout.splitlines()[-1])}


def main() -> None:
    """Measure and publish."""
    if "--part" in sys.argv:
        part, source, cores = sys.argv[-3:]
        os.sched_setaffinity(0, map(int, cores.split(",")))  # before a library counts them
        print(json.dumps(PARTS[part](source) | peaks()))
        return
    if not DATA.is_dir():
        sys.exit(f"no real data at {DATA}")
    from timing import publish

    facts: dict[str, Any] = {"what": "HTML pages and a table to data sets; near duplicates"}
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(DATA / "html_raw.tar.gz") as archive:
            archive.extractall(scratch, filter="data")
        facts["html pages, one core"] = measure("prepared", scratch, 1)
        facts["html pages"] = measure("prepared", scratch)
    facts["table of passages"] = measure("prepared", TABLE)
    facts["near duplicates"] = measure("near", TABLE)
    publish("prepare", facts)


if __name__ == "__main__":
    main()
