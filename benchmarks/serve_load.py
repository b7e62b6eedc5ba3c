"""A load generator in a process of its own: many connections of HTTP/1.1 that ask again as soon as they are answered.

Answers each JSON line on stdin with one on stdout (see processes.Worker): {"port", "path", "bodies" (a file with a JSON
list), "concurrency", "seconds", "obey" (wait as Retry-After says)} -> {"requests", "per_second", "p50_ms", "p99_ms",
"statuses", "errors"}. Only answers 200 have a latency.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class Load:
    """One measurement."""

    port: int
    requests: list[bytes]
    end: float
    obey: bool
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    turn: int = 0

    def next(self) -> bytes:
        """The next request, of all connections together."""
        self.turn += 1
        return self.requests[self.turn % len(self.requests)]

    async def connection(self) -> None:
        """Ask on one connection until the time is over; open it again where it breaks."""
        while time.perf_counter() < self.end:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=64 * 1024 * 1024)
                try:
                    await self._ask(reader, writer)
                finally:
                    writer.close()
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                self.errors[type(error).__name__] += 1
                await asyncio.sleep(0.05)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (began := time.perf_counter()) < self.end:
            writer.write(self.next())
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head[9:12])
            fields = dict(line.split(": ", 1) for line in head.decode("latin-1").lower().split("\r\n")[1:-2])
            await reader.readexactly(int(fields["content-length"]))
            now = time.perf_counter()
            if now > self.end:
                return  # not counted: it ended outside of the time measured
            self.statuses[status] += 1
            if status == 200:
                self.latencies.append(now - began)
            elif self.obey:
                await asyncio.sleep(min(float(fields.get("retry-after", 0)), self.end - now))
            if fields.get("connection") == "close":
                return


async def measure(asked: dict[str, Any]) -> dict[str, Any]:
    """Ask for a while."""
    requests = [_request(asked["path"], body) for body in json.loads(Path(asked["bodies"]).read_text("utf-8"))]
    load = Load(asked["port"], requests, time.perf_counter() + asked["seconds"], asked.get("obey", False))
    await asyncio.gather(*(load.connection() for _ in range(asked["concurrency"])))
    took = np.array(load.latencies or [float("nan")]) * 1000
    return {
        "requests": len(load.latencies),
        "per_second": round(len(load.latencies) / asked["seconds"], 2),
        "p50_ms": round(float(np.percentile(took, 50)), 3),
        "p99_ms": round(float(np.percentile(took, 99)), 3),
        "statuses": {str(status): count for status, count in sorted(load.statuses.items())},
        "errors": dict(load.errors),
    }


def _request(path: str, body: Any) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def main() -> None:
    """Answer until stdin ends."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(asyncio.run(measure(json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
