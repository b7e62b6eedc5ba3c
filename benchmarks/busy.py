"""Encoding and training beside one busy core, as on a laptop in use, against the same on an idle machine.

Each variant is a process of its own; they take turns, round by round, idle and then beside a process that computes
without end, and are stopped while others run. "ratio" is the throughput beside the busy core over the idle one.
python benchmarks/busy.py [--json] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from encode import Encoding, make_models, real_texts
from passages import MODEL
from processes import Worker
from timing import publish

from semtune import contract as contracts
from semtune.encoders.tokenizer import Tokenizer
from semtune.machine import usable_cpus

TRAINING = {
    "training": {},
    "training, GOMP_SPINCOUNT=0": {"GOMP_SPINCOUNT": "0"},
    "training, OMP_WAIT_POLICY=PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
}
ENCODING = ("sentence-transformers", "Semtune onnx", "Semtune openvino")
PAIRS, TOKENS = 32, 96


def train() -> None:
    """Train a step at each line of stdin, on random token ids; answer with its seconds."""
    import torch
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    from semtune.encoders.torch import open_sentence_transformer
    from semtune.hub import resolve_model
    from semtune.machine import keep_freed_memory
    from semtune.train.cpu.fast_training import fast_on_cpu

    keep_freed_memory()
    model = open_sentence_transformer(resolve_model(MODEL), "cpu").train()
    loss = MultipleNegativesRankingLoss(model)
    ids = torch.randint(1000, 20_000, (2, PAIRS, TOKENS))
    with fast_on_cpu(model):
        print(json.dumps({"ready": True}), flush=True)
        for _ in sys.stdin:
            started = time.perf_counter()
            columns = [{"input_ids": each, "attention_mask": torch.ones_like(each)} for each in ids]
            loss(columns, None).backward()
            model.zero_grad()
            print(json.dumps({"seconds": time.perf_counter() - started}), flush=True)


@contextmanager
def busy_core() -> Iterator[None]:
    """One process that computes without end."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.5)
        yield
    finally:
        process.kill()
        process.wait()


def measured(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, dict[str, float]]:
    """Way → seconds idle and busy, and the ratio of the throughputs; medians over rounds in turns."""
    idle: dict[str, list[float]] = {name: [] for name in ways}
    busy: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            idle[name].append(run())
        with busy_core():
            for name, run in ways.items():
                busy[name].append(run())
    return {
        name: {
            "idle s": round(statistics.median(idle[name]), 3),
            "busy s": round(statistics.median(busy[name]), 3),
            "ratio": round(statistics.median(a / b for a, b in zip(idle[name], busy[name], strict=True)), 3),
        }
        for name in ways
    }


def main() -> None:
    """Measure and publish."""
    options = argparse.ArgumentParser()
    options.add_argument("--json", action="store_true")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--texts", type=int, default=100)
    options.add_argument("--train", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.train:
        train()
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_models(folder)
        texts = real_texts(Tokenizer(folder / "source", contracts.load(folder / "source")), given.texts)["passages"]
        workers = [Encoding(each, sys.executable, folder, usable_cpus()) for each in ENCODING]
        trainers = {each: _trainer(each, environment) for each, environment in TRAINING.items()}
        ways: dict[str, Callable[[], float]] = {
            **{one.name: _bulk(one, texts) for one in workers},
            **{each: _step(one) for each, one in trainers.items()},
        }
        try:
            for run in ways.values():  # not counted
                run()
            rows: dict[str, Any] = measured(ways, given.rounds)
        finally:
            for one in (*workers, *trainers.values()):
                one.close()
    what = f"{MODEL}, {usable_cpus()} threads, {given.rounds} rounds: throughput beside a busy core over the idle one"
    publish("busy", {"what": what, **rows})


def _trainer(name: str, environment: dict[str, str]) -> Worker:
    given = {key: value for key, value in os.environ.items() if key not in {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}}
    return Worker(name, [sys.executable, __file__, "--train"], {**given, **environment})


def _step(trainer: Worker) -> Callable[[], float]:
    return lambda: float(trainer.ask({})["seconds"])


def _bulk(worker: Encoding, texts: list[str]) -> Callable[[], float]:
    return lambda: float(worker.ask("bulk", texts)["seconds"])


if __name__ == "__main__":
    main()
