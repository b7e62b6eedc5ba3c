"""A real `semtune serve` process, to be attacked."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from raw_http import Reply, exchange, request


@dataclass
class Attacked:
    """A server under attack."""

    process: subprocess.Popen
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return psutil.Process(self.process.pid).memory_info().rss

    def get(self, path: str = "/health") -> Reply:
        return exchange(self.port, request("GET", path, headers=[("Connection", "close")]))


def serve(folder: Path, log: Path, *flags: str) -> Attacked:
    """Start `semtune serve` on a free port and wait until it is ready."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "semtune", "serve", str(folder), "--port", "0", "--json", *flags],
            stdout=subprocess.PIPE, stderr=errors, env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    said = b""
    while not said.rstrip().endswith(b"}"):
        line = process.stdout.readline()
        assert line, log.read_text()
        said += line
    attacked = Attacked(process, int(json.loads(said)["url"].rsplit(":", 1)[1]), log)
    deadline = time.monotonic() + 60
    while True:
        try:
            if httpx.get(attacked.url + "/health", timeout=10).status_code == 200:
                return attacked
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stop(attacked: Attacked) -> None:
    """Kill the server."""
    attacked.process.kill()
    attacked.process.communicate()
