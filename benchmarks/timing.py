"""Interleaved timing: every variant once a round, medians over the rounds, ratios within them."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from semtune import machine
from semtune.io import finite

RESULTS = Path(__file__).parent / "results"


def interleaved(variants: Mapping[str, Callable[[], Any]], rounds: int, peer: str) -> dict[str, dict[str, float]]:
    """Seconds of each variant, and how many times faster than `peer` it is; one unmeasured round first."""

    def clocked(run: Callable[[], Any]) -> Callable[[], float]:
        def once() -> float:
            started = time.perf_counter()
            run()
            return time.perf_counter() - started

        return once

    return timed({name: clocked(run) for name, run in variants.items()}, rounds, peer, first=1)


def timed(
    variants: Mapping[str, Callable[[], float]], rounds: int, peer: str, first: int = 0
) -> dict[str, dict[str, float]]:
    """As `interleaved`, for variants that return their seconds; `first` rounds go unmeasured."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(first + rounds):
        for name, run in variants.items():
            took = run()
            if number >= first:
                seconds[name].append(took)
    return {
        name: {
            "seconds": statistics.median(times),
            "least": min(times),
            "most": max(times),
            "ratio": statistics.median(there / here for there, here in zip(seconds[peer], times, strict=True)),
        }
        for name, times in seconds.items()
    }


def publish(name: str, facts: Mapping[str, Any]) -> None:
    """Print the result as JSON with `--json`, as a table without; keep it in `results/`."""
    whole = finite(
        {
            "benchmark": name,
            "cpu": machine.cpu_name(),
            "flags": sorted(machine.cpu_flags()),
            "cpus": machine.usable_cpus(),
            **facts,
        }
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    if "--json" in sys.argv:
        print(json.dumps(whole))
        return
    print(f"{name}: {facts['what']}\n")
    for part, figures in facts.items():
        if part not in {"what", "variants"}:
            print(f"{part}: {figures}")
    for variant, row in facts.get("variants", {}).items():
        print(f"{row['ratio']:6.2f} ×  {row['seconds']:8.2f} s [{row['least']:.2f}, {row['most']:.2f}]  {variant}")
