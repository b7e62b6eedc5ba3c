"""Programs in processes of their own: commands of Semtune, and workers that are stopped except while they are asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any


class Worker:
    """A program that answers each JSON line on stdin with one on stdout, after a first one when it is ready.

    It is stopped except while it is asked, so that workers take turns.

    Attributes:
        name: in messages.
        first: what it said when it was ready.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=environment,
        )  # fmt: skip
        self.first = self._answer()
        self._process.send_signal(signal.SIGSTOP)

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Let the program answer once."""
        self._process.send_signal(signal.SIGCONT)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        found = self._answer()
        self._process.send_signal(signal.SIGSTOP)
        return found

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with {self._process.wait()}")
        return json.loads(line)


def python_with(module: str) -> str | None:
    """The interpreter that has a module: this one, or one of the environments in $SEMTUNE_PEERS; "": this one."""
    places = [sys.executable, *(f"{one}/bin/python" for one in os.environ.get("SEMTUNE_PEERS", "").split(":") if one)]
    for python in places if module else places[:1]:
        if not module or not subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode:
            return python
    return None


def semtune(*words: Any) -> dict[str, Any]:
    """Run a command; returns its JSON document."""
    command = [sys.executable, "-m", "semtune", *map(str, words), "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
