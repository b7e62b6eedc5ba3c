"""Topics beside BERTopic and turftopic, on the same texts and vectors.

For each data set and system: number of topics, share of the texts that have one, coherence of the words (NPMI, ten
words a topic, texts as windows), agreement of the topics with those of other seeds, of another order and of ten
elevenths of the texts (adjusted Rand index, noise as a group of its own), agreement with people's classes (purity,
V-measure and adjusted Rand index, over the texts that have a topic), seconds and peak memory of the process.

    python benchmarks/uses_topics.py MODEL [banking77 clinc150 debian debian-all million] [--seeds 5] [--json]

$SEMTUNE_PEERS has the environments of the peers; one that is missing is left out. $SEMTUNE_DATA has the data. The two
large sets are for Semtune alone: `debian-all` is 113,230 passages, `million` is a million vectors, each between two of
these, with noise. `--vectors FILE.npy` gives the vectors of all passages.
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from processes import python_with
from timing import publish

from semtune.encoders.load import load_encoder
from semtune.metrics import adjusted_rand, purity, v_measure
from semtune.tasks.topics.quality import coherence

WORKER = Path(__file__).with_name("uses_topics_worker.py")
SAMPLE, MILLION = 10_000, 1_000_000
LARGE = {"debian-all", "million"}


@dataclass(frozen=True)
class Case:
    """Texts, their vectors, and their classes if there are any."""

    texts: list[str]
    vectors: np.ndarray
    classes: list[str] = field(default_factory=list)


def data() -> Path:
    """Where the data sets are."""
    return Path(os.environ["SEMTUNE_DATA"])


def labelled(name: str) -> tuple[list[str], list[str]]:
    """Texts and classes of a data set."""
    if name == "banking77":
        with (data() / "banking77" / "test.csv").open(encoding="utf-8") as rows:
            found = [(row["text"], row["category"]) for row in csv.DictReader(rows)]
    else:
        parts = json.loads((data() / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
        found = [(text, label) for text, label in parts["test"] + parts["val"]]
    return [text for text, _ in found], [label for _, label in found]


def passages() -> list[str]:
    """The 113,230 passages."""
    with gzip.open(data() / "debian_docs" / "passages.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def case_of(name: str, model: str, given: str) -> Case:
    """A data set with its vectors."""
    if name in {"banking77", "clinc150"}:
        texts, classes = labelled(name)
        return Case(texts, load_encoder(model, "auto").encode(texts, "document").vectors, classes)
    texts = passages()
    if name == "debian":
        rows = np.sort(np.random.default_rng(0).choice(len(texts), SAMPLE, replace=False))
        texts = [texts[row] for row in rows]
        vectors = np.load(given, mmap_mode="r")[rows] if given else None
    else:
        vectors = np.load(given, mmap_mode="r") if given else None
    if vectors is None:
        vectors = load_encoder(model, "auto").encode(texts, "document").vectors
    return Case(texts, vectors) if name != "million" else mixed(texts, vectors)


def mixed(texts: list[str], vectors: np.ndarray) -> Case:
    """A million vectors between two real ones each, with noise; each has the text of the nearer one, with a number."""
    rng = np.random.default_rng(1)
    one, two = rng.integers(len(texts), size=(2, MILLION))
    made = np.empty((MILLION, vectors.shape[1]), dtype=np.float32)
    for start in range(0, MILLION, 50_000):
        part = slice(start, start + 50_000)
        noise = rng.normal(scale=0.01, size=(len(one[part]), vectors.shape[1]))
        made[part] = 0.75 * vectors[one[part]] + 0.25 * vectors[two[part]] + noise
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return Case([f"{texts[row][:300]} {number}" for number, row in enumerate(one)], made)


def run(system: str, python: str, seed: int, case: Case, folder: Path) -> dict[str, Any]:
    """Run a system in a process of its own."""
    (folder / "texts.json").write_text(json.dumps(case.texts), encoding="utf-8")
    np.save(folder / "vectors.npy", case.vectors)
    command = [python, str(WORKER), system, str(seed), str(folder / "texts.json"), str(folder / "vectors.npy")]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(said.splitlines()[-1])


def same(one: list[int], two: list[int]) -> float:
    """Agreement of two clusterings."""
    return round(adjusted_rand(np.array(one), np.array(two)), 4)


def measured(system: str, python: str, case: Case, seeds: int, folder: Path) -> dict[str, Any]:
    """All figures of a system on a data set."""
    runs = [run(system, python, seed, case, folder) for seed in range(seeds)]
    first = runs[0]
    labels = np.array(first["labels"])
    found = {
        "topics": len(first["words"]),
        "share_with_topic": round(float((labels >= 0).mean()), 4),
        "coherence": round(coherence(first["words"], case.texts), 4),
        "seconds": round(float(np.median([one["seconds"] for one in runs])), 1),
        "memory_mb": round(max(one["memory_mb"] for one in runs)),
    }
    if "stability" in first:
        found["stability"] = round(float(np.mean(first["stability"])), 4)
    pairs = [same(a["labels"], b["labels"]) for n, a in enumerate(runs) for b in runs[n + 1 :]]
    if pairs:
        found["same_for_other_seeds"] = round(float(np.mean(pairs)), 4)
        order = np.random.default_rng(0).permutation(len(labels))
        kept = np.sort(np.random.default_rng(9).choice(len(labels), int(len(labels) / 1.1), replace=False))
        for name, rows in (("same_for_another_order", order), ("same_with_a_tenth_more", kept)):
            part = Case([case.texts[row] for row in rows], np.asarray(case.vectors[rows]))
            found[name] = same(run(system, python, 0, part, folder)["labels"], labels[rows].tolist())
    return found | (agreement(case.classes, labels) if case.classes else {})


def agreement(classes: list[str], labels: np.ndarray) -> dict[str, float]:
    """Agreement with people's classes, over the texts that have a topic."""
    inside = labels >= 0
    gold = np.unique(classes, return_inverse=True)[1][inside]
    said = labels[inside]
    return {
        "purity": round(purity(gold, said), 4),
        "v_measure": round(v_measure(gold, said).v_measure, 4),
        "adjusted_rand": round(adjusted_rand(gold, said), 4),
    }


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("sets", nargs="*", default=["banking77", "clinc150", "debian"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--vectors", default="")
    parser.add_argument("--systems", default="semtune,bertopic,turftopic")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    results: dict[str, Any] = {}
    for name in asked.sets:
        case = case_of(name, asked.model, asked.vectors)
        for system in ["semtune"] if name in LARGE else asked.systems.split(","):
            python = python_with(system)
            if python is None:
                continue
            with tempfile.TemporaryDirectory() as folder:
                seeds = 1 if name in LARGE else asked.seeds
                results.setdefault(name, {})[system] = measured(system, python, case, seeds, Path(folder))
                print(f"{name} {system} {results[name][system]}", flush=True, file=sys.stderr)
    publish("uses_topics", {"what": "topics, beside BERTopic and turftopic", "sets": results})


if __name__ == "__main__":
    main()
