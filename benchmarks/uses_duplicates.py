"""Duplicates: quality on labelled pairs, and seconds and completeness on many texts, beside what users take instead.

Part 1, on pairs that people labelled (covidqa_faq English and German, stsb English test: 4 of 5 or more is a
duplicate): the threshold for a precision of 0.95 is chosen on one half and judged on the other.
Part 2, on vectors of real passages (--vectors FILE.npy, without it MiniLM embeds the first --texts ones of
debian_docs), all with a threshold of 0.9 and without the time of encoding: seconds; the share of all similar pairs
that is found; texts kept; texts that are kept although they are similar to another kept one; texts that are removed
although they are similar to none that is kept. Beside sentence-transformers' paraphrase_mining and, where an
interpreter in $SEMTUNE_PEERS has it, semhash. Every program runs in a process of its own.

python benchmarks/uses_duplicates.py [--texts 100000] [--vectors FILE.npy] [--model all-MiniLM-L6-v2] [--json]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from processes import python_with
from timing import publish

from semtune.encoders.load import load_encoder
from semtune.evaluate.kinds.pairs import BinaryPair
from semtune.protocols import Encoder
from semtune.tasks.duplicates.threshold import cosines, threshold_from
from semtune.unit_vectors import unit

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data"))
THRESHOLD, WANTED, SEED = 0.9, 0.95, 0
MOST = 1_000_000  # pairs that are listed

OURS = """
import sys, time, json, numpy as np
from semtune.tasks.duplicates.search import find_pairs
vectors = np.load(sys.argv[1])
began = time.perf_counter()
found = find_pairs(vectors, float(sys.argv[2]), int(sys.argv[3]))
seconds = time.perf_counter() - began
np.save(sys.argv[4], np.flatnonzero(found.closest.other < 0))
print(json.dumps({"seconds": seconds, "pairs": found.total}))
"""
MINING = """
import sys, time, json, numpy as np, torch
from sentence_transformers.util import paraphrase_mining_embeddings
vectors = torch.from_numpy(np.load(sys.argv[1]))
began = time.perf_counter()
pairs = paraphrase_mining_embeddings(vectors, max_pairs=int(sys.argv[3]), top_k=100)
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "pairs": sum(score >= float(sys.argv[2]) for score, _, _ in pairs)}))
"""
SEMHASH = """
import sys, time, json, numpy as np
from semhash import SemHash
vectors = np.load(sys.argv[1])
records = [str(number) for number in range(len(vectors))]
began = time.perf_counter()
index = SemHash.from_embeddings(vectors, records, model=None)
made = index.self_deduplicate(threshold=float(sys.argv[2]))
seconds = time.perf_counter() - began
np.save(sys.argv[4], np.array(sorted(int(one) for one in made.selected)))
print(json.dumps({"seconds": seconds}))  # it does not list all similar pairs
"""
PROGRAMS = {
    "semtune": ("semtune", OURS),
    "sentence-transformers paraphrase_mining": ("sentence_transformers", MINING),
    "semhash": ("semhash", SEMHASH),
}


def covidqa(language: str) -> list[BinaryPair]:
    """Pairs of questions about the pandemic; half of them ask the same."""
    with (DATA / "covidqa_faq" / f"eval_question_similarity_{language}.csv").open(encoding="utf-8") as lines:
        return [BinaryPair(r["question_1"], r["question_2"], r["similar"] == "1") for r in csv.DictReader(lines)]


def stsb() -> list[BinaryPair]:
    """Pairs of sentences; 4 of 5 or more means the same but for details."""
    with (DATA / "stsb" / "stsb-en-test.csv").open(encoding="utf-8") as lines:
        return [BinaryPair(row[0], row[1], float(row[2]) >= 4) for row in csv.reader(lines)]


def quality(encoder: Encoder, pairs: Sequence[BinaryPair]) -> dict[str, Any]:
    """The threshold chosen on one half of the pairs, and what it brings on the other."""
    texts = [pair.sentence1 for pair in pairs] + [pair.sentence2 for pair in pairs]
    chosen = threshold_from(pairs, cosines(encoder.encode(texts, "query").vectors), WANTED, SEED)
    assert chosen.held_out is not None
    return {"threshold": chosen.value, **asdict(chosen.held_out)}


def passages(model: str, count: int) -> np.ndarray:
    """(count, dim) vectors of real passages."""
    with gzip.open(DATA / "debian_docs" / "passages.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line, _ in zip(lines, range(count), strict=False)]
    return load_encoder(model).encode(texts, "query").vectors


def completeness(vectors: np.ndarray, kept: np.ndarray) -> dict[str, int]:
    """What is wrong with a choice of texts: similar ones that are both kept, and lost ones like none that is kept."""
    rows, both, lost = vectors[kept], 0, 0
    gone = np.setdiff1d(np.arange(len(vectors)), kept)
    for start in range(0, len(kept), 1000):
        scores = rows[start : start + 1000] @ rows.T
        scores[np.arange(len(scores)), np.arange(start, start + len(scores))] = -1
        both += int((scores.max(axis=1) >= THRESHOLD + 1e-5).sum())
    for start in range(0, len(gone), 1000):
        scores = vectors[gone[start : start + 1000]] @ rows.T
        lost += int((scores.max(axis=1) < THRESHOLD - 1e-5).sum())
    return {"kept": len(kept), "kept_with_a_similar_one": both, "lost": lost}


def race(vectors: np.ndarray) -> dict[str, Any]:
    """Every program on the same vectors."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        given, kept = Path(name) / "vectors.npy", Path(name) / "kept.npy"
        np.save(given, vectors)
        for program, (module, code) in PROGRAMS.items():
            python = python_with(module)
            if python is None:
                print(f"left out: {program} is not installed; name its environment in $SEMTUNE_PEERS", file=sys.stderr)
                continue
            kept.unlink(missing_ok=True)
            words = [python, "-c", code, str(given), str(THRESHOLD), str(MOST), str(kept)]
            said = subprocess.run(words, stdout=subprocess.PIPE, text=True)
            if said.returncode:
                found[program] = {"failed": said.returncode}
                continue
            found[program] = json.loads(said.stdout.splitlines()[-1])
            if kept.exists():
                found[program] |= completeness(vectors, np.load(kept))
    total = found["semtune"]["pairs"]  # every pair was compared
    for row in found.values():
        if "pairs" in row:
            row["recall"] = row["pairs"] / total if total else 1.0
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--vectors", default="")
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    encoder = load_encoder(given.model)
    sets = {"covidqa_faq en": covidqa("en"), "covidqa_faq de": covidqa("de"), "stsb en test": stsb()}
    labelled = {name: quality(encoder, pairs) for name, pairs in sets.items()}
    if given.vectors:
        vectors = unit(np.array(np.load(given.vectors, mmap_mode="r")[: given.texts], dtype=np.float32))
    else:
        vectors = passages(given.model, given.texts)
    publish(
        "uses_duplicates",
        {
            "what": f"duplicates on labelled pairs, and among {len(vectors):,} passages at {THRESHOLD}",
            "model": given.model,
            "labelled": labelled,
            "texts": len(vectors),
            "programs": race(vectors),
        },
    )


if __name__ == "__main__":
    main()
