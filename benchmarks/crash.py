"""Kills a process that writes to a local index, again and again, and checks that every acknowledged write is there.

    python benchmarks/crash.py [--rounds 1000] [--seed 0] [--state FILE] [--only writer|upgrade|build]

A child adds, replaces and deletes documents, makes segments and compacts, and tells each write that has returned. It is
killed (SIGKILL) at a random moment. Then the index must hold exactly what was acknowledged, or that and the one write
that was under way, whole; `verify` must find nothing; search, filters and words must give what brute force gives. The
next child goes on with the same index. In a fifth of the rounds the child upgrades another index to another model and
back, with writes between (`crash_upgrade.py`), in a tenth it builds an index anew over the one that is there.

The last line of the output is the result in JSON. --state keeps the counts after each round: the same command goes on
there, with new indexes. Nothing here needs an idle machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import crash_upgrade
from crash_writer import DIMENSION, Kept, after_writes, child

from semtune.index import manifest as manifests
from semtune.index.local.backend import LocalBackend
from semtune.index.manifest import IndexManifest
from semtune.index.settings import IndexSettings

LONGEST = {"writer": 0.6, "upgrade": 3.0, "build": 1.0}  # seconds of work before a kill
RARELY = 0.0003  # chance a millisecond to be killed before that


def nursery() -> None:
    """Start a child for each line of the input: a fork of this process, which has imported everything already."""
    import filelock  # noqa: F401 - so that no child imports it
    import Stemmer  # noqa: F401

    from semtune.index.local import stored_manifest  # noqa: F401

    for line in sys.stdin:
        kind, folder, seed, log = json.loads(line)
        pid = os.fork()
        if not pid:
            try:
                os.dup2(2, 1)  # the parent reads the output of this process
                if kind == "writer":
                    child(Path(folder), seed, log)
                else:
                    crash_upgrade.live(kind, Path(folder), seed, log)
            except BaseException as error:
                os.write(2, f"the child failed: {type(error).__name__}: {error}\n".encode())
            os._exit(1)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(status, flush=True)


@dataclass
class Round:
    """Where rounds take place, and what the indexes there must hold.

    Attributes:
        place: folder of all indexes.
        start: the process that starts children.
        moment: draws when a child is killed.
        kept: of the index of writers.
        texts: of the index of upgrades.
        built: which corpus the index of builds holds; None: there is none yet.
    """

    place: Path
    start: subprocess.Popen[str]
    moment: random.Random
    kept: Kept = field(default_factory=dict)
    texts: crash_upgrade.Texts = field(default_factory=lambda: crash_upgrade.texts_of(0))
    built: int | None = None

    def play(self, kind: str, seed: int) -> tuple[str, int, str]:
        """Let a child work and kill it: what was cut off, how many acknowledged writes, and what is wrong."""
        done, problem = self._life(kind, seed)
        if problem:
            return kind, 0, problem
        if kind == "upgrade":
            self.texts, what, problem = crash_upgrade.after_upgrades(self.place, seed, done, self.texts)
            return f"upgrades: {what}", done, problem
        if kind == "build":
            self.built, problem = crash_upgrade.after_builds(self.place, seed, done, self.built)
            return "build", done, problem
        self.kept, what, problem = after_writes(self.place / "index", seed, done, self.kept)
        return what, done, problem

    def _life(self, kind: str, seed: int) -> tuple[int, str]:
        """How much a child told before it was killed."""
        log = self.place / "log"
        log.unlink(missing_ok=True)
        folder = self.place / "index" if kind == "writer" else self.place
        assert self.start.stdin is not None
        assert self.start.stdout is not None
        self.start.stdin.write(json.dumps([kind, str(folder), seed, str(log)]) + "\n")
        self.start.stdin.flush()
        pid = int(self.start.stdout.readline())
        deadline = time.monotonic() + 60
        while not log.exists() and self.moment.random() > RARELY and time.monotonic() < deadline:
            time.sleep(0.001)  # until it has begun to write
        time.sleep(self.moment.random() * LONGEST[kind])
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        status = int(self.start.stdout.readline())
        if not os.WIFSIGNALED(status):
            return 0, "the child ended by itself"
        return len(log.read_text().split()) if log.exists() else 0, ""


@contextlib.contextmanager
def begun(seed: int, folder: Path | None) -> Iterator[Round]:
    """New indexes, and the process that starts children."""
    manifest = IndexManifest("local", "Flat", "ip", DIMENSION, 0, "m", "none", "none", "none", 1.0, 0)
    with tempfile.TemporaryDirectory(prefix="semtune.", dir=folder) as name:
        index = Path(name) / "index"
        index.mkdir()
        LocalBackend.create(index, index, IndexSettings(), manifest).close()
        manifests.write(manifest, index)
        crash_upgrade.prepare(Path(name))
        command = [sys.executable, __file__, "--nursery"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as start:
            yield Round(Path(name), start, random.Random(seed))
            assert start.stdin is not None
            start.stdin.close()


def crash(
    kills: int, seed: int = 0, folder: Path | None = None, state: Path | None = None, only: str = ""
) -> dict[str, object]:
    """Kill `kills` children; says what was cut off, and what went wrong.

    Args:
        kills: rounds in all.
        seed: of what is written and when it is killed.
        folder: for the indexes; None: the system's temporary one.
        state: a file of counts to go on with.
        only: "writer", "upgrade" or "build"; empty: all of them.
    """
    before = json.loads(state.read_text()) if state is not None and state.exists() else {}
    if before and before["seed"] != seed:
        raise SystemExit(f"{state} is of seed {before['seed']}. Give the same --seed, or another file.")
    found: dict[str, Any] = before or {"kills": 0, "acknowledged writes": 0, "killed in or before": {}, "wrong": []}
    began, spent = time.perf_counter(), found.get("seconds", 0.0)
    with begun(seed * 1_000_000 + found["kills"], folder) as at:
        while found["kills"] < kills and not found["wrong"]:
            life = found["kills"]
            kind = only or at.moment.choices(list(LONGEST), [0.7, 0.2, 0.1])[0]
            what, done, problem = at.play(kind, seed * 1_000_000 + life)
            cut = Counter(found["killed in or before"]) + Counter([what])
            found |= {"kills": life + 1, "killed in or before": dict(cut), "seed": seed}
            found["acknowledged writes"] += done
            found["wrong"] += [f"round {life} ({kind}): {problem}"] if problem else []
            found["seconds"] = round(spent + time.perf_counter() - began, 1)
            if state is not None:
                part = state.with_name(f"{state.name}.part")
                part.write_text(json.dumps(found))
                part.replace(state)
            if life % 50 == 49:
                print(f"{life + 1} kills, {found['acknowledged writes']} writes", file=sys.stderr, flush=True)
        return {**found, "documents at the end": len(at.kept)}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", "--kills", type=int, default=1000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--state", type=Path, help="file of counts; the same command goes on there")
    options.add_argument("--only", choices=list(LONGEST), default="")
    options.add_argument("--nursery", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.nursery:
        nursery()
        return 0
    found = crash(given.rounds, given.seed, state=given.state, only=given.only)
    print(json.dumps(found))
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
