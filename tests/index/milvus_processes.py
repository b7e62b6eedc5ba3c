"""Milvus as it is in use: a server in a process of its own that can be killed, and clients in processes of their own.

Run as a script it is such a client: `milvus_processes.py MANIFEST.json NUMBER`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from semtune.index.manifest import IndexManifest
from semtune.index.milvus import MilvusBackend
from semtune.types import Document

OWN, SHARED, DIMENSION = 120, 40, 8


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """milvus-lite's gRPC server. Its engine takes one writer at a time, so it is given one worker."""

    def __init__(self, data, port=None, workers=1):
        self.data, self.port, self.workers = data, port or free_port(), workers
        self.start()

    @property
    def uri(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(self.data), "--host", "127.0.0.1"]
        words = [*command, "--port", str(self.port), "--max-workers", str(self.workers)]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def kill(self):
        """SIGKILL, as a power cut."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def documents_of(client, count=OWN):
    """What one client writes: its own documents."""
    return [Document(f"client {client} ä {i}", f"text {i}", metadata={"client": client, "i": i}) for i in range(count)]


def shared_documents():
    """What all clients write, each the same."""
    return [Document(f"shared {i}", f"shared text {i}", metadata={"client": -1, "i": i}) for i in range(SHARED)]


def vectors_of(documents):
    """A vector of small whole numbers for each document, by its id."""
    return np.stack([np.random.default_rng(list(d.id.encode())).integers(-3, 4, DIMENSION) for d in documents]).astype(
        np.float32
    )


def work(collection, client):
    """What one client does: write in small batches, delete a third, look its documents up, and search."""
    own, shared = documents_of(client), shared_documents()
    for start in range(0, OWN, 30):
        some = own[start : start + 30]
        made = collection.upsert(some, vectors_of(some))
        assert made.added == 30, made
        collection.upsert(shared, vectors_of(shared))
    gone = [d.id for d in own[::3]]
    assert collection.delete(gone) == len(gone)
    with collection.snapshot() as snapshot:
        assert snapshot.get([d.id for d in own]) == [None if i % 3 == 0 else d for i, d in enumerate(own)]
        np.testing.assert_array_equal(snapshot.vectors([d.id for d in own[1::3]]), vectors_of(own[1::3]))
        for document in own[1:10:3]:
            best = snapshot.search(vectors_of([document]), 500)[0]
            assert document.id in {match.id for match in best}
            assert not set(gone) & {match.id for match in best}


def spawn(manifest: IndexManifest, folder: Path, client: int) -> subprocess.Popen:
    """Start a client in a process of its own."""
    (folder / "manifest.json").write_text(json.dumps(asdict(manifest)))
    command = [sys.executable, __file__, str(folder / "manifest.json"), str(client)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


if __name__ == "__main__":
    opened = MilvusBackend.open(Path(), IndexManifest(**json.loads(Path(sys.argv[1]).read_text())))
    work(opened, int(sys.argv[2]))
    opened.close()
