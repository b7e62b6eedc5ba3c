"""Searches a second over HTTP, and how long one takes: `semtune serve` beside what people write, on loopback.

Queries of 10 to 25 tokens over passages of debian_docs. Each server is a process of its own and is stopped while
another is asked; the load comes from a further process on the same processors, pinned in no way. Points take turns,
round by round; medians over the rounds. "mixed" is the queries' p99 with and without bulk embedding beside them;
"overload" asks on four times as many connections as the server admits, by clients that obey Retry-After and by clients
that do not. infinity-emb is looked for in $SEMTUNE_PEERS, as in encode.py; it embeds only.
Models, vectors and index are made once in --work: with --vectors model this embeds all passages (about ten minutes),
with table the passages are means of the model's token vectors (a minute).
python benchmarks/serve.py --work FOLDER [--json] [--quick] [--passages 113230] [--seconds 8] [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from passages import MODEL
from processes import Worker, python_with
from serve_servers import PEERS, Server, infinity, peer, semtune
from serve_work import prepare
from timing import publish

LOADS = (1, 8, 32, 128)
ADMITTED = 64  # requests of the overloaded server that may wait
SEARCH, EMBED = "/search", "/v1/embeddings"
Row = dict[str, Any]


class Client:
    """The load generator."""

    def __init__(self, name: str) -> None:
        self._worker = Worker(name, [sys.executable, str(Path(__file__).with_name("serve_load.py"))])

    def ask(self, server: Server, path: str, bodies: Path, concurrency: int, seconds: float, obey: bool = False) -> Row:
        """Ask a server for a while; with its memory afterwards."""
        found = self._worker.ask(
            {
                "port": server.port, "path": path, "bodies": str(bodies), "concurrency": concurrency,
                "seconds": seconds, "obey": obey,
            }
        )  # fmt: skip
        print(
            f"{path} {server.name} at {concurrency}: {found['per_second']}/s, p99 {found['p99_ms']} ms", file=sys.stderr
        )
        return {**found, "mib": server.memory()}

    def close(self) -> None:
        """End the process."""
        self._worker.close()


def middle(rows: Sequence[Row]) -> Row:
    """The medians of rounds; statuses and errors are added up."""
    made: Row = {}
    for name, first in rows[0].items():
        if isinstance(first, dict):
            keys = sorted({key for row in rows for key in row[name]})
            made[name] = {key: sum(row[name].get(key, 0) for row in rows) for key in keys}
        else:
            made[name] = round(statistics.median(row[name] for row in rows), 3)
    return made


def compared(
    client: Client, servers: Sequence[Server], path: str, bodies: Path, loads: Sequence[int], given: Any
) -> dict[str, dict[str, Row]]:
    """Concurrency → server → medians, the servers taking turns; the first round goes unmeasured."""
    seen: dict[str, dict[str, list[Row]]] = {str(load): {one.name: [] for one in servers} for load in loads}
    for number in range(given.rounds + 1):
        for load in loads:
            for server in servers:
                with server.awake():
                    found = client.ask(server, path, bodies, load, given.seconds if number else min(2, given.seconds))
                if number:
                    seen[str(load)][server.name].append(found)
    return {load: {name: middle(rows) for name, rows in by.items()} for load, by in seen.items()}


def mixed(client: Client, server: Server, work: Path, given: Any) -> Row:
    """The queries' latency alone and beside bulk: one query at a time, and eight."""
    bulk = Client("bulk load")
    made: dict[str, list[Row]] = {}
    with server.awake(), ThreadPoolExecutor(1) as beside:
        for _ in range(given.rounds):
            for load in (1, 8):
                alone = client.ask(server, SEARCH, work / "queries.json", load, given.seconds)
                busy = beside.submit(bulk.ask, server, EMBED, work / "bulk.json", 2, given.seconds)
                found = client.ask(server, SEARCH, work / "queries.json", load, given.seconds)
                made.setdefault(f"{load} alone", []).append(alone)
                made.setdefault(f"{load} beside bulk", []).append(found)
                made.setdefault(f"bulk beside {load}", []).append(busy.result())
    bulk.close()
    rows = {name: middle(each) for name, each in made.items()}
    ratios = {
        f"p99 ratio at {load}": round(rows[f"{load} beside bulk"]["p99_ms"] / rows[f"{load} alone"]["p99_ms"], 2)
        for load in (1, 8)
    }
    return {**rows, **ratios}


def overloaded(client: Client, server: Server, work: Path, given: Any) -> Row:
    """Throughput and memory at four times what is admitted, beside the best that the server does."""
    made: dict[str, list[Row]] = {}
    with server.awake():
        for _ in range(given.rounds):
            for name, load, obey in (
                ("at 32", 32, False),
                ("obey", 4 * ADMITTED, True),
                ("insist", 4 * ADMITTED, False),
            ):
                found = client.ask(server, SEARCH, work / "queries.json", load, given.seconds, obey)
                made.setdefault(name, []).append(found)
    rows = {name: middle(each) for name, each in made.items()}
    best = rows["at 32"]["per_second"]
    return {
        **rows,
        "throughput of best, obey": round(rows["obey"]["per_second"] / best, 3),
        "throughput of best, insist": round(rows["insist"]["per_second"] / best, 3),
        "mib by round": [row["mib"] for row in made["insist"]],
    }


def ratios(found: dict[str, dict[str, Row]], names: Sequence[str]) -> dict[str, dict[str, dict[str, float]]]:
    """Concurrency → peer → Semtune's requests a second over the peer's, and its p50 and p99 by the peer's."""
    return {
        load: {
            name: {
                "per_second": round(by["semtune"]["per_second"] / max(by[name]["per_second"], 1e-9), 2),
                "p50": round(by["semtune"]["p50_ms"] / by[name]["p50_ms"], 3),
                "p99": round(by["semtune"]["p99_ms"] / by[name]["p99_ms"], 3),
            }
            for name in names
            if name in by
        }
        for load, by in found.items()
    }


def main() -> None:
    """Measure and publish."""
    given = _options()
    work = prepare(given.work, given.passages, given.vectors)
    client = Client("load")
    ours = semtune(work, queue=1024)
    others = [semtune(work, queue=1024, gather=1), *(peer(name, work) for name in PEERS)]
    embedding = [ours, *([infinity(python, work)] if (python := python_with("infinity_emb")) else [])]
    try:
        loads = LOADS[:3] if given.quick else LOADS
        found = compared(client, [ours, *others], SEARCH, work / "queries.json", loads, given)
        vectors = compared(client, embedding, EMBED, work / "texts-alone.json", (1, 32), given)
        beside = mixed(client, ours, work, given)
    finally:
        for server in (*others, *embedding):
            server.close()
    small = semtune(work, queue=ADMITTED)
    try:
        much = overloaded(client, small, work, given)
    finally:
        small.close()
        client.close()
    what = (
        f"{MODEL}, {given.passages:,} passages ({given.vectors} vectors), {given.rounds} × {given.seconds:g} s. "
        f"Semtune's runtime: {ours.facts['runtime']}"
    )
    facts = {
        "what": what,
        "search": found,
        "search, Semtune by others": ratios(found, [one.name for one in others]),
        "embed one text": vectors,
        "mixed": beside,
        "overload": much,
    }
    publish("serve", facts)


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser()
    options.add_argument("--work", type=Path, required=True, help="kept between calls")
    options.add_argument("--passages", type=int, default=113_230)
    options.add_argument("--vectors", choices=("model", "table"), default="model")
    options.add_argument("--seconds", type=float, default=8)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--quick", action="store_true", help="one round of 2 seconds")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    if given.quick:
        given.seconds, given.rounds = 2, 1
    return given


if __name__ == "__main__":
    main()
