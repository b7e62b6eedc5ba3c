"""Vector search at equal recall: Semtune's local index beside FAISS alone, hnswlib, usearch, LanceDB and others.

Passages of debian_docs as means of MiniLM's token vectors (384 dimensions; no transformer runs), enlarged to --count by
mixing two of them; queries are sentences of other passages. Each engine builds in one process and answers in another;
for each recall the narrowest search that reaches it is found first, then the engines take turns. Peers that are not
installed here are looked for in $SEMTUNE_PEERS, as in encode.py.
python benchmarks/index.py [--json] [--count 100000] [--rounds 3] [--engines NAME,NAME]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from encode import make_table
from index_worker import ENGINES
from processes import Worker, python_with
from timing import publish

from semtune.encoders.load import load_encoder
from semtune.index.exact import ExactIndex

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data")) / "debian_docs"
WORKER = Path(__file__).with_name("index_worker.py")
MODULES = {
    "hnswlib": "hnswlib", "usearch f16": "usearch", "LanceDB": "lancedb", "sqlite-vec": "sqlite_vec",
    "milvus-lite": "milvus_lite",
}  # fmt: skip
QUERIES, K, SEED = 500, 10, 7
RECALLS = (0.95, 0.99)
BREADTHS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)


class Engine:
    """An engine that has its index open in a process of its own."""

    def __init__(self, name: str, python: str, vectors: Path, folder: Path, queries: Path) -> None:
        worker, places = [python, str(WORKER), name], [str(vectors), str(folder)]
        built = subprocess.run([*worker, "build", *places], capture_output=True, text=True)
        if built.returncode:
            raise RuntimeError(f"{name}: {built.stderr.strip().splitlines()[-1]}")
        self.facts: dict[str, Any] = json.loads(built.stdout)
        if (writes := folder / "writes.json").exists():
            self.facts.update(json.loads(writes.read_text(encoding="utf-8")))
        self.name, self._queries = name, str(queries)
        self._worker = Worker(name, [*worker, "open", *places])
        self.facts.update(self._worker.first)

    def ask(self, breadth: int, threads: int = 1, rows: bool = False) -> dict[str, Any]:
        """Ask all queries once."""
        return self._worker.ask(
            {"queries": self._queries, "k": K, "breadth": breadth, "threads": threads, "rows": rows}
        )

    def close(self) -> None:
        """End the process."""
        self._worker.close()


def texts() -> tuple[list[str], list[str]]:
    """Passages to be searched, and the first sentences of others."""
    with gzip.open(DATA / "passages.jsonl.gz", "rt", encoding="utf-8") as rows:
        every = [json.loads(row)["text"] for row in rows]
    order = np.random.default_rng(SEED).permutation(len(every))
    asked = [every[i].split(". ")[0] for i in order[:QUERIES]]
    return [every[i] for i in order[QUERIES:]], asked


def enlarged(vectors: Any, count: int) -> Any:
    """`count` unit vectors: the real ones first, then mixtures of two of them and a little noise."""
    if count <= len(vectors):
        return vectors[:count]
    rng = np.random.default_rng(SEED)
    more = count - len(vectors)
    first, second = rng.integers(0, len(vectors), (2, more))
    share = rng.uniform(0.5, 0.9, (more, 1)).astype(np.float32)
    mixed = share * vectors[first] + (1 - share) * vectors[second]
    mixed += rng.normal(0, 0.1 / vectors.shape[1] ** 0.5, mixed.shape).astype(np.float32)
    return np.concatenate([vectors, mixed / np.linalg.norm(mixed, axis=1, keepdims=True)])


def breadths(engine: Engine, vectors: Any, queries: Any, floor: Any) -> dict[float, dict[str, Any]]:
    """Recall asked → the narrowest search that reaches it, with the recall found."""
    chosen: dict[float, dict[str, Any]] = {}
    for breadth in BREADTHS[:1] if ENGINES[engine.name].exact else BREADTHS:
        rows = np.array(engine.ask(breadth, rows=True)["rows"])
        true = np.einsum("qkd,qd->qk", vectors[rows], queries)
        recall = float((true >= floor[:, None]).mean())
        for asked in RECALLS:
            if recall >= asked and asked not in chosen:
                chosen[asked] = {"breadth": breadth, "recall": round(recall, 4)}
        if len(chosen) == len(RECALLS):
            break
    return chosen


def timed(engines: list[Engine], chosen: dict[str, dict[float, dict[str, Any]]], rounds: int) -> None:
    """Queries a second of each engine at each recall with one and two threads, medians of rounds in turns."""
    for asked in RECALLS:
        for threads in (1, 2):
            able = [one for one in engines if asked in chosen[one.name] and _threads(one) >= threads]
            seconds: dict[str, list[float]] = {one.name: [] for one in able}
            for number in range(rounds + 1):
                for one in able:
                    took = one.ask(chosen[one.name][asked]["breadth"], threads)
                    if number:
                        seconds[one.name].append(took["seconds"])
                    one.facts["own_mb"] = round(took["RssAnon"] - one.facts["before_mb"])
                    one.facts["mapped_mb"] = round(took["RssFile"])
            for name, each in seconds.items():
                chosen[name][asked][f"queries/s, {threads} thread{'s' * (threads > 1)}"] = round(
                    QUERIES / statistics.median(each)
                )


def _threads(engine: Engine) -> int:
    return 1 if engine.name == "sqlite-vec" else 2


def main() -> None:
    """Measure and publish."""
    options = argparse.ArgumentParser()
    options.add_argument("--json", action="store_true")
    options.add_argument("--count", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--engines", default=",".join(ENGINES))
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_table(folder)
        encoder = load_encoder(str(folder / "table"), "static")
        searched, asked = texts()
        vectors = enlarged(encoder.encode(searched).vectors, given.count)
        queries = encoder.encode(asked, "query").vectors
        np.save(folder / "vectors.npy", vectors)
        np.save(folder / "queries.npy", queries)
        floor = ExactIndex(vectors).search(queries, K).scores[:, -1] - 1e-5
        rows, missing = measured(folder, given.engines.split(","), vectors, queries, floor, given.rounds)
    what = f"{len(vectors):,} vectors of {vectors.shape[1]} dimensions, {QUERIES} queries one at a time, k = {K}"
    publish(f"index-{given.count}", {"what": what, "missing": missing, **rows})


def measured(
    folder: Path, names: list[str], vectors: Any, queries: Any, floor: Any, rounds: int
) -> tuple[dict[str, Any], dict[str, str]]:
    """Engine → its figures, and engine → why it is not there."""
    engines: list[Engine] = []
    missing: dict[str, str] = {}
    try:
        for name in names:
            place = folder / name.replace(" ", "-").replace(",", "")
            place.mkdir()
            python = python_with(MODULES.get(name, ""))
            if python is None:
                missing[name] = "not installed"
                continue
            try:
                engines.append(Engine(name, python, folder / "vectors.npy", place, folder / "queries.npy"))
            except RuntimeError as error:
                missing[name] = str(error)
                shutil.rmtree(place)
        chosen = {one.name: breadths(one, vectors, queries, floor) for one in engines}
        timed(engines, chosen, rounds)
    finally:
        for one in engines:
            one.close()
    rows = {
        one.name: {
            **{f"recall {asked}": facts for asked, facts in chosen[one.name].items()},
            **{key: round(value, 3) for key, value in one.facts.items() if key != "before_mb"},
        }
        for one in engines
    }
    return rows, missing


if __name__ == "__main__":
    main()
