"""How far STS-B goes with silver labels: a larger model, tuned on gold, labels more pairs of the training sentences.

Augmented SBERT (Thakur et al. 2021) with a bi-encoder as the labeller. Its cosines become scores by an isotonic curve
fitted on dev; the student is tuned on gold and silver rows together, its checkpoint chosen on dev; test is looked at
once, at the end.
python benchmarks/silver.py TEACHER_FOLDER [--silver 12000] [--epochs 2] [--seeds 1] [--json]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from lift import MODEL, STSB, row, stsb
from mine import SEED
from sklearn.isotonic import IsotonicRegression
from timing import publish

from semtune import contract as contracts
from semtune import machine
from semtune.dataset import Dataset
from semtune.encoders.tokenizer import Tokenizer
from semtune.encoders.torch import TorchEncoder
from semtune.evaluate.scores import score
from semtune.hub import resolve_model
from semtune.protocols import Encoder
from semtune.train.train_model import train
from semtune.types import ScoredPair

NEAR, FAR = range(1, 8), 0.25  # ranks of the base's neighbours that are paired; share of pairs drawn at random


def more_pairs(data: Dataset, base: Encoder, wanted: int) -> list[tuple[str, str]]:
    """Pairs of training sentences that nobody labelled: near ones by the base, and some at random."""
    rng = random.Random(SEED)
    gold = {frozenset((r.sentence1, r.sentence2)) for r in data.scored["train"]}
    texts = sorted({text for r in data.scored["train"] for text in (r.sentence1, r.sentence2)})
    vectors = base.encode(texts, "query").vectors
    near = np.argsort(-(vectors @ vectors.T), axis=1)[:, : NEAR.stop]
    found: dict[frozenset[str], tuple[str, str]] = {}
    while len(found) < wanted:
        at = rng.randrange(len(texts))
        other = rng.randrange(len(texts)) if rng.random() < FAR else int(near[at, rng.choice(NEAR)])
        pair = frozenset((texts[at], texts[other]))
        if len(pair) == 2 and pair not in gold:
            found.setdefault(pair, (texts[at], texts[other]))
    return list(found.values())


def cosines(encoder: Encoder, pairs: list[tuple[str, str]]) -> np.ndarray:
    """(n,) similarity of each pair."""
    one, two = (encoder.encode([pair[side] for pair in pairs], "query").vectors for side in (0, 1))
    return np.einsum("ij,ij->i", one, two)


def silver(data: Dataset, teacher: Encoder, pairs: list[tuple[str, str]]) -> list[ScoredPair]:
    """The pairs with the teacher's opinion on the gold scale."""
    dev = data.scored["dev"]
    curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    curve.fit(cosines(teacher, [(r.sentence1, r.sentence2) for r in dev]), [r.score for r in dev])
    scores = curve.predict(cosines(teacher, pairs))
    return [ScoredPair(one, two, float(value)) for (one, two), value in zip(pairs, scores, strict=True)]


def measure(options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Teacher, labels, student."""
    base = resolve_model(MODEL)
    contract = contracts.load(base)
    data, _ = stsb(scratch, Tokenizer(base, contract), contract.max_length, 10_000, None)
    before = score(TorchEncoder.load(base, "fp32"), data)
    started = time.perf_counter()
    teacher = train(data, Path(options.teacher), "teacher", scratch / "t" / "model", scratch / "t" / "work", STSB, SEED)
    opened = TorchEncoder.load(scratch / "t" / "model", "fp32")
    facts: dict[str, Any] = {
        "teacher": {
            "dev": teacher.best,
            "test": score(opened, data).metrics["spearman"],
            "seconds": round(time.perf_counter() - started),
        },
    }
    pairs = more_pairs(data, TorchEncoder.load(base, "fp32"), options.silver)
    both = replace(data, scored=data.scored | {"train": [*data.scored["train"], *silver(data, opened, pairs)]})
    runs = []
    for seed in range(1, options.seeds + 1):
        started = time.perf_counter()
        settings = STSB.replace(num_train_epochs=options.epochs, eval_per_epoch=2)
        place = scratch / f"s{seed}"
        made = train(both, base, MODEL, place / "model", place / "work", settings, seed)
        after = score(TorchEncoder.load(place / "model", "fp32"), data)
        runs.append(
            row(before, after) | {"seed": seed, "dev": made.best, "seconds": round(time.perf_counter() - started)}
        )
    return facts | {"base": before.metrics["spearman"], "rows": len(both.scored["train"]), "runs": runs}


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("teacher", help="a folder: multilingual-e5-small, all-mpnet-base-v2")
    parser.add_argument("--silver", type=int, default=12_000, help="pairs to label")
    parser.add_argument("--epochs", type=float, default=2)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    machine.keep_freed_memory()
    with tempfile.TemporaryDirectory() as name:
        facts = measure(options, Path(name))
    publish(
        "silver",
        {
            "what": f"{MODEL} on STS-B English, gold and {options.silver:,} silver pairs, {options.epochs:g} epochs, "
            "Spearman on test",
            **facts,
        },
    )


if __name__ == "__main__":
    main()
