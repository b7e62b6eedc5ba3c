"""The servers of serve.py: processes that are stopped while another one is asked."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PEERS = ("naive", "coalescing")
READY = 300  # seconds for a server to start


class Server:
    """A process that listens.

    Attributes:
        name: in the results.
        facts: what it says of itself at /health, where that is JSON.
    """

    def __init__(self, name: str, command: Sequence[str], port: int, health: str) -> None:
        self.name, self.port = name, port
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - a pipe would fill up
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self._log)
        self.facts: dict[str, Any] = self._until_ready(health)
        self._process.send_signal(signal.SIGSTOP)

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        """Let it run for the length of a block."""
        self._process.send_signal(signal.SIGCONT)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGSTOP)

    def memory(self) -> float:
        """MiB in memory that are its own."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
        return round(kib / 1024, 1)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _until_ready(self, health: str) -> dict[str, Any]:
        end = time.monotonic() + READY
        while time.monotonic() < end:
            if self._process.poll() is not None:
                self._log.seek(0)
                raise RuntimeError(f"{self.name}: {self._log.read().strip()[-500:]}")
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}{health}") as found:
                told = found.read()
                return json.loads(told) if told.startswith(b"{") else {}
            time.sleep(0.2)
        self.close()
        raise RuntimeError(f"{self.name} does not answer")


def semtune(work: Path, queue: int, gather: int = 16) -> Server:
    """`semtune serve`, as it is installed; `gather` 1: each search is computed by itself."""
    port = _free_port()
    command = [sys.executable, "-m", "semtune", "serve", str(work / "index"), "--port", str(port)]
    name = "semtune" if gather > 1 else "semtune, nothing gathered"
    return Server(name, [*command, "--queue", str(queue), "--gather", str(gather)], port, "/health")


def peer(name: str, work: Path) -> Server:
    """One of serve_peers.py."""
    port = _free_port()
    script = str(Path(__file__).with_name("serve_peers.py"))
    return Server(name, [sys.executable, script, name, str(work), str(port)], port, "/openapi.json")


def infinity(python: str, work: Path) -> Server:
    """infinity-emb with the same model, with torch as by default."""
    port = _free_port()
    command = [python, "-m", "infinity_emb", "v2", "--model-id", str(work / "source"), "--port", str(port)]
    os.environ.setdefault("DO_NOT_TRACK", "1")
    return Server("infinity", [*command, "--url-prefix", "/v1", "--device", "cpu"], port, "/health")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
