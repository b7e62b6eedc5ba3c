"""The smallest plug-in: a runtime that hashes words, an index in a .npy file, and a reader of .recipe files."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from semtune import contract as contracts
from semtune.index.exact import ExactIndex
from semtune.protocols import FilledIndex
from semtune.registry import RegistryEntry
from semtune.types import Encoded

RUNTIME = RegistryEntry("word-hash", "semtune_toy_plugin:open_model")
INDEX = RegistryEntry("npy", "semtune_toy_plugin:NpyBackend", ("numpy",))
READER = RegistryEntry("recipe", "semtune_toy_plugin:read_recipe", facts={"suffixes": (".recipe",)})


class WordHashEncoder:
    """Each word adds one to a place of the vector, by its hash."""

    runtime = "word-hash"

    def __init__(self, contract):
        # Other vectors than the model's own, so another fingerprint.
        self.contract = replace(contract, fingerprint=f"{contract.fingerprint}-word-hash")

    def encode(self, texts, role="document", progress=None):
        """Embed (n,) texts → (n, dim)."""
        vectors = np.full((len(texts), self.contract.dimension), 1e-6, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                place = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "little")
                vectors[row, place % self.contract.dimension] += 1
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return Encoded(vectors, sum(len(text.split()) for text in texts), 0)


def open_model(folder, fast):
    """Open a model folder; `fast` is for runtimes that can compute in a lower precision."""
    return WordHashEncoder(contracts.load(folder, verify=False))


class NpyBackend:
    """Vectors in one .npy file, searched exactly; see `semtune.protocols.Backend`."""

    @staticmethod
    def build(vectors, ids, settings, folder, home, progress):
        """Write (n, dim) vectors into `folder`."""
        np.save(folder / "vectors.npy", vectors)
        return FilledIndex(ExactIndex(vectors), "npy")

    @staticmethod
    def open(folder, manifest):
        """Open what `build` wrote."""
        return ExactIndex(np.load(folder / "vectors.npy"))

    @staticmethod
    def size(folder, manifest):
        """Bytes of the file."""
        return (folder / "vectors.npy").stat().st_size

    @staticmethod
    def outside(manifest) -> list[Path]:
        """No files outside the folder."""
        return []


def read_recipe(text):
    """A title in the first line, the steps below it: one section."""
    title, _, steps = text.partition("\n")
    return [((title.strip(),), steps.strip())]
