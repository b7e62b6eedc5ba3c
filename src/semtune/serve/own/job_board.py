"""Where the processes of one server tell each other of their jobs: a small file each, gone when the server stops."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semtune.errors import SemtuneError
from semtune.io import finite, write_json
from semtune.machine import is_running

LOST = "The process that did it has ended. Start it again: what was finished is kept."


class JobBoard:
    """The states of jobs in a folder; None: the server has one process, and nobody else to tell."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder / "jobs" if folder else None

    def post(self, state: Mapping[str, Any]) -> None:
        """Tell how a job of this process stands; a disk that is full must not stop the job."""
        if self._folder is None:
            return
        try:
            write_json(self._folder / f"{state['id']}.json", {**finite(dict(state)), "pid": os.getpid()})
        except (SemtuneError, OSError):
            return

    def others(self) -> list[dict[str, Any]]:
        """What other processes told, the oldest first; a job whose process is gone has failed."""
        if self._folder is None:
            return []
        found = [state for path in self._folder.glob("[0-9a-f]*.json") if (state := _read(path))]
        return sorted((_checked(each) for each in found if each["pid"] != os.getpid()), key=lambda s: s["started"])


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it is being replaced at this moment
        return None


def _checked(state: dict[str, Any]) -> dict[str, Any]:
    alive = is_running(state["pid"])
    told = {name: value for name, value in state.items() if name != "pid"}
    return told if alive or state["state"] != "running" else {**told, "state": "failed", "error": LOST}
