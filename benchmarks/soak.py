"""Mixed load on a real `semtune serve`, a kill in the middle of it, and what must be left afterwards.

    python benchmarks/soak.py MODEL CORPUS [--minutes 10] [--kills 1] [--readers 4] [--writers 2]

Readers search, embed and get documents; writers add, replace and delete documents, one at a time and many in one
request. At the end of each round the server is killed (SIGKILL) under load and started again. Then the index must hold
exactly what was acknowledged, or that and the one request that each writer had under way; `semtune verify` must find
nothing. No request may fail, and the memory after the first minute must stay within 5 %. Exit code 0: all of it is so.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import httpx
import psutil

IDS = 400  # of each writer; so few that the index keeps its size
WORDS = ["kettle", "lantern", "violin", "anvil", "barrel", "wheel", "bird", "hand", "glue", "river", "stone", "paper"]
MODES = ["auto", "dense", "keyword", "hybrid"]
SETTLED = 60.0  # seconds until the memory must be flat
DRIFT = 0.05
Samples: TypeAlias = "list[tuple[float, int]]"  # seconds since the start, resident bytes
Kept: TypeAlias = "dict[str, str | None]"  # text by id; None: deleted


def sentence(rng: random.Random, length: int = 0) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(length or rng.randint(5, 60)))


@dataclass
class Server:
    """A `semtune serve` process on an index."""

    index: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers; known once it was started."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, on the same port as before, and wait until it is ready."""
        command = [sys.executable, "-m", "semtune", "serve", str(self.index), "--port", str(self.port), "--json"]
        with (self.index.parent / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout
        said = b""
        while not said.rstrip().endswith(b"}"):
            line = self.process.stdout.readline()
            assert line, (self.index.parent / "serve.log").read_text()
            said += line
        self.port = int(json.loads(said)["url"].rsplit(":", 1)[1])
        _wait_until_ready(self.url)

    def kill(self) -> None:
        """End it without a warning (SIGKILL)."""
        assert self.process
        self.process.kill()
        self.process.communicate()

    def memory(self) -> int:
        """Resident bytes of it and its children; 0 once it has ended."""
        try:
            first = psutil.Process(self.process.pid if self.process else 0)
            return sum(each.memory_info().rss for each in [first, *first.children(recursive=True)])
        except psutil.Error:
            return 0


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if httpx.get(url + "/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise TimeoutError("The server was not ready after two minutes.")


@dataclass
class Writer:
    """One client that writes, and what was acknowledged to it; the ids are its own."""

    name: str
    rng: random.Random
    kept: Kept = field(default_factory=dict)
    under_way: Kept = field(default_factory=dict)

    def step(self, client: httpx.Client) -> httpx.Response:
        """One request; what it writes is kept when it is answered, and under way until then."""
        what = self.rng.choices(["put", "delete", "many"], [6, 2, 2])[0]
        if what == "put":
            name, text = self._id(), sentence(self.rng)
            self.under_way = {name: text}
            answer = client.put(f"/documents/{quote(name)}", json={"text": text, "metadata": {"by": self.name}})
        elif what == "delete":
            name = self.rng.choice([each for each, text in self.kept.items() if text] or [self._id()])
            known = self.kept.get(name) is not None
            self.under_way = {name: None}
            answer = client.delete(f"/documents/{quote(name)}")
            if answer.status_code == 404 and not known:
                answer.status_code = 200
        else:
            self.under_way = {self._id(): sentence(self.rng) for _ in range(self.rng.randint(2, 30))}
            answer = self._many(client)
        return self._acknowledged(answer)

    def fill(self, client: httpx.Client) -> httpx.Response:
        """Write every id once, so that the index does not grow while its memory is measured."""
        self.under_way = {f"{self.name}-{number}": sentence(self.rng) for number in range(IDS)}
        return self._acknowledged(self._many(client))

    def _many(self, client: httpx.Client) -> httpx.Response:
        lines = [json.dumps({"_id": name, "text": text, "by": self.name}) for name, text in self.under_way.items()]
        kind = {"content-type": "application/x-ndjson"}
        return client.post("/documents", content="\n".join(lines).encode(), headers=kind)

    def _acknowledged(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code == 200:
            self.kept.update(self.under_way)
        if answer.status_code in (200, 429):
            self.under_way = {}
        return answer

    def _id(self) -> str:
        return f"{self.name}-{self.rng.randrange(IDS)}"


@dataclass
class Reader:
    """One client that reads."""

    rng: random.Random
    ids: list[str]

    def step(self, client: httpx.Client) -> httpx.Response:
        """One request."""
        what = self.rng.choices(["search", "embed", "bulk", "get"], [6, 2, 1, 2])[0]
        if what == "search":
            asked: dict[str, Any] = {"query": sentence(self.rng, 8), "k": self.rng.randint(1, 20)}
            asked |= {"mode": self.rng.choice(MODES), "highlight": self.rng.random() < 0.3}
            return client.post("/search", json=asked)
        if what == "get":
            return client.get(f"/documents/{quote(self.rng.choice(self.ids))}")
        texts = [sentence(self.rng) for _ in range(1 if what == "embed" else 64)]
        return client.post("/v1/embeddings", json={"input": texts, "encoding_format": "base64"})


@dataclass
class Load:
    """The clients of one round, each in a thread, until they are told to stop."""

    url: str
    clients: list[Writer | Reader]
    stop: threading.Event = field(default_factory=threading.Event)
    killed: threading.Event = field(default_factory=threading.Event)
    answers: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    def start(self) -> list[threading.Thread]:
        """Start every client."""
        threads = [threading.Thread(target=self._work, args=(client,), daemon=True) for client in self.clients]
        for thread in threads:
            thread.start()
        return threads

    def _work(self, client: Writer | Reader) -> None:
        with httpx.Client(base_url=self.url, timeout=60) as http:
            while not self.stop.is_set():
                try:
                    answer = client.step(http)
                except httpx.TransportError as error:
                    if not self.killed.is_set():
                        self.errors.append(repr(error))
                    return  # a writer's request stays under way
                self.answers[f"{type(client).__name__} {answer.status_code}"] += 1
                if answer.status_code == 429:
                    time.sleep(float(answer.headers.get("retry-after", 1)))
                elif answer.status_code != 200:
                    self.errors.append(f"{answer.request.method} {answer.request.url.path}: {answer.text[:300]}")


def round_of_load(server: Server, clients: list[Writer | Reader], seconds: float) -> tuple[Load, Samples]:
    """Load the server, and kill it at the end; gives what happened, and its memory by the second."""
    server.start()
    for client in clients:
        if isinstance(client, Writer):
            client.fill(httpx.Client(base_url=server.url, timeout=120)).raise_for_status()
    load, began, memory = Load(server.url, clients), time.monotonic(), []
    threads = load.start()
    while (now := time.monotonic() - began) < seconds and len(load.errors) < 20:
        memory.append((now, server.memory()))
        time.sleep(0.5)
    load.killed.set()
    server.kill()
    load.stop.set()
    for thread in threads:
        thread.join(70)
    return load, memory


def lost_and_strange(index: Path, first: Kept, writers: list[Writer]) -> list[str]:
    """Compare every document of the index with what was acknowledged."""
    found = {row["_id"]: row["text"] for row in dumped(index)}
    wanted: Kept = dict(first)
    either: Kept = {}
    for writer in writers:
        wanted |= writer.kept
        either |= writer.under_way
    wrong = []
    for name in sorted(wanted.keys() | found.keys() | either.keys()):
        has, kept = found.get(name), wanted.get(name)
        if has != kept and not (name in either and has == either[name]):
            wrong.append(f"{name}: acknowledged {kept!r:.80}, the index has {has!r:.80}")
    for writer in writers:  # what was under way is now known
        writer.kept |= {name: found.get(name) for name in writer.under_way}
        writer.under_way = {}
    return wrong


def dumped(index: Path) -> list[dict[str, Any]]:
    out = index.parent / "dump.jsonl"
    out.unlink(missing_ok=True)
    semtune("dump", str(index), "-o", str(out))
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def semtune(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "semtune", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout


def drift(memory: Samples, settled: float) -> float | None:
    """The furthest that the memory went from its median, after it should be flat; None: the round was too short."""
    later = sorted(bytes_ for second, bytes_ in memory if second >= settled and bytes_)
    if len(later) < 20:
        return None
    middle = later[len(later) // 2]
    return max(later[-1] - middle, middle - later[0]) / middle


def soak(index: Path, seconds: float, kills: int, readers: int, writers: int, seed: int = 0) -> dict[str, Any]:
    """Run all rounds; gives the report."""
    first: Kept = {row["_id"]: row["text"] for row in dumped(index)}
    writing = [Writer(f"w{number}", random.Random(seed * 100 + number)) for number in range(writers)]
    server, drifts, minutes = Server(index), [], []
    answers, errors, wrong = Counter[str](), list[str](), list[str]()
    for number in range(kills):
        reading = [Reader(random.Random(f"{seed} {number} {each}"), list(first)) for each in range(readers)]
        load, memory = round_of_load(server, [*writing, *reading], seconds / kills)
        answers += load.answers
        errors += load.errors
        wrong += lost_and_strange(index, first, writing)
        semtune("verify", str(index))
        drifts.append(drift(memory, SETTLED))
        minutes.append([round(bytes_ / 2**20, 1) for _, bytes_ in memory[::60]])
    flat = all(each is None or each <= DRIFT for each in drifts)
    return {
        "ok": not errors and not wrong and flat, "minutes": seconds / 60, "answers": dict(answers),
        "errors": errors[:20], "wrong_documents": wrong[:20], "memory_drift": drifts, "memory_mib": minutes,
        "documents_kept": sum(text is not None for writer in writing for text in writer.kept.values()),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("corpus")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--kills", type=int, default=1)
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--writers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="semtune-soak-") as place:
        index = Path(place) / "index"
        semtune("index", given.model, given.corpus, "-o", str(index))
        report = soak(index, given.minutes * 60, given.kills, given.readers, given.writers)
    print(json.dumps(report, indent=2))
    sys.exit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
