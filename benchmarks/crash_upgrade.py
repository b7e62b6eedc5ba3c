"""The lives of `crash.py` that upgrade an index or build one: what they do, and what must be there afterwards.

Both use static toy models, so that a whole upgrade takes a fraction of a second and a kill hits all parts of it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

import semtune
from semtune.encoders.load import load_encoder
from semtune.errors import ConfigError
from semtune.index import manifest as manifests
from semtune.index import versions
from semtune.index.current import opened, opened_to_write
from semtune.index.manifest import IndexManifest
from semtune.index.write import write_documents
from semtune.search.places import model_folder
from semtune.testing.toy_model import write_toy_model
from semtune.types import Document

DIMENSION, IDS, MOST, FIRST = 24, 400, 40, 150
WORDS = ["kettle", "lantern", "violin", "anvil", "barrel", "wheel", "bird", "hand", "bush", "glue"]
MODULES = ("StaticEmbedding", "Normalize")
Texts = dict[str, str]


def prepare(place: Path) -> None:
    """Two models, two corpora, and an index that lives will upgrade."""
    toy = write_toy_model(place / "toy", WORDS)
    for number in (0, 1):
        static_model(toy, place / f"model{number}", number)
        corpus = place / f"corpus{number}"
        corpus.mkdir()
        rows = [{"_id": name, "text": text} for name, text in texts_of(number).items()]
        (corpus / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    semtune.index(str(place / "model0"), place / "corpus0" / "corpus.jsonl", place / "upgraded")


def static_model(toy: Path, folder: Path, seed: int) -> None:
    """A static model with random rows for the words of a toy model."""
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((toy / name).read_bytes())
    size = len(json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"])
    rows = np.random.default_rng(seed).normal(size=(size, DIMENSION)).astype(np.float32)
    save_file({"embedding.weight": rows}, folder / "model.safetensors")
    modules = [
        {"idx": at, "name": str(at), "path": "" if not at else "1_Normalize",
         "type": f"sentence_transformers.models.{kind}"} for at, kind in enumerate(MODULES)
    ]  # fmt: skip
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")


def texts_of(number: int) -> Texts:
    """Id → text of a corpus."""
    rng = np.random.default_rng(number)
    return {f"d{at}": " ".join(rng.choice(WORDS, 6)) + f" {number}" for at in range(FIRST)}


@dataclass
class Deed:
    """One thing that a life does to the upgraded index."""

    what: str
    added: Texts = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    model: int = 0

    def applied(self, kept: Texts) -> Texts:
        """What the index must hold afterwards."""
        return {name: text for name, text in {**kept, **self.added}.items() if name not in self.deleted}


def deed_number(seed: int, number: int) -> Deed:
    """The same deed for the same numbers, in the child and in the parent."""
    rng = np.random.default_rng([seed, number])
    what = str(rng.choice(["upgrade", "add", "delete", "rollback"], p=[0.4, 0.25, 0.15, 0.2]))
    names = [f"d{at}" for at in rng.choice(IDS, int(rng.integers(1, MOST)), replace=False)]
    if what == "add":
        return Deed(what, {name: f"{' '.join(rng.choice(WORDS, 6))} {seed} {number}" for name in names})
    if what == "delete":
        return Deed(what, deleted=names)
    return Deed(what, model=int(rng.integers(2)))


def do(place: Path, deed: Deed) -> None:
    """Do it to the upgraded index."""
    home = place / "upgraded"
    if deed.what == "upgrade":
        semtune.upgrade(home, str(place / f"model{deed.model}"))
    elif deed.what == "rollback":
        try:
            semtune.rollback(home)
        except ConfigError:  # it was never upgraded
            return
    else:
        with opened_to_write(home) as collection:
            if deed.what == "delete":
                collection.delete(deed.deleted)
            else:
                encoder = load_encoder(str(model_folder(home, collection.manifest)))
                write_documents(collection, encoder, [Document(name, text) for name, text in deed.added.items()])


def live(kind: str, place: Path, seed: int, name: str) -> None:
    """Upgrade or build until killed; the number of each deed that returned goes into the log."""
    log, number = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 0
    while True:
        if kind == "upgrade":
            do(place, deed_number(seed, number))
        else:
            which = (seed + number) % 2
            semtune.index(str(place / "model0"), place / f"corpus{which}" / "corpus.jsonl", place / "built")
        os.write(log, f"{number}\n".encode())
        number += 1


def after_upgrades(place: Path, seed: int, done: int, kept: Texts) -> tuple[Texts, str, str]:
    """What the upgraded index holds, the deed that was cut off, and what is wrong, after `done` deeds."""
    for number in range(done):
        kept = deed_number(seed, number).applied(kept)
    under_way = deed_number(seed, done)
    found, manifest, vectors = contents(place / "upgraded")
    later = under_way.applied(kept)
    if found == later:
        kept = later
    return kept, under_way.what, wrong(place / "upgraded", found, kept, manifest, vectors)


def after_builds(place: Path, seed: int, done: int, before: int | None) -> tuple[int | None, str]:
    """Which corpus the built index holds (None: there is none yet), and what is wrong, after `done` builds."""
    held = (seed + done - 1) % 2 if done else before
    home = place / "built"
    if not (home / manifests.FILE).is_file():
        return held, "" if held is None else "an index that was built is gone"
    found, manifest, vectors = contents(home)
    if found == texts_of((seed + done) % 2):
        held = (seed + done) % 2
    if held is None:
        return held, "half an index is there"
    return held, wrong(home, found, texts_of(held), manifest, vectors)


def contents(home: Path) -> tuple[Texts, IndexManifest, np.ndarray]:
    """Id → text, the manifest, and the vectors in the same order, of the version that is searched."""
    with opened(home) as collection, collection.snapshot() as seen:
        found = {document.id: document.text for document in seen.documents()}
        return found, manifests.read(versions.current(home)), seen.vectors(list(found))


def wrong(home: Path, found: Texts, kept: Texts, manifest: IndexManifest, vectors: np.ndarray) -> str:
    """What is wrong with an index that must hold `kept`; empty if nothing is."""
    if found != kept:
        return f"{home.name}: {len(found)} documents instead of {len(kept)}, or other texts"
    encoder = load_encoder(str(model_folder(home, manifest)))
    if encoder.contract.document_fingerprint != manifest.fingerprint:
        return f"{home.name}: the manifest names another model"
    if found and not np.allclose(vectors, encoder.encode(list(found.values())).vectors, atol=1e-5):
        return f"{home.name}: vectors that are not the model's"
    checked = semtune.verify(home)
    return "" if checked.ok else f"{home.name}: {'; '.join(checked.problems)}"
