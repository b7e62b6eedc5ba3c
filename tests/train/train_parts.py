"""A small retrieval set and a small similarity set of the toy pages; also used by the process that is killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from semtune.dataset import Dataset
from semtune.testing.toy_corpus import toy_documents
from semtune.testing.toy_model import write_toy_model
from semtune.train.settings import TrainSettings
from semtune.train.train_model import Trained, train
from semtune.types import Document, Pair, Query, ScoredPair

SETTINGS = TrainSettings(
    num_train_epochs=2, learning_rate=0.02, per_device_train_batch_size=8, eval_per_epoch=2, precision="fp32"
)


def deep_teacher(folder: Path) -> Path:
    """Write a model of four layers whose weights are large enough to matter."""
    from safetensors.numpy import load_file, save_file

    write_toy_model(folder, toy_documents(20).values(), layers=4)
    weights = load_file(folder / "model.safetensors")
    large = {name: 6 * w if ".layer." in name and "LayerNorm" not in name else w for name, w in weights.items()}
    save_file(large, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def retrieval_set() -> Dataset:
    """Section titles lead to section texts: 14 pages to train on, 6 for dev, with grades."""
    data = Dataset(qrels={"dev": {}}, pairs={"train": [], "dev": []})
    for number, (name, page) in enumerate(toy_documents(20).items()):
        sections = [section.split("\n\n", 1) for section in page.split("\n## ")[1:]]
        for at, (title, text) in enumerate(sections):
            data.corpus.append(Document(f"{name}#{at}", text.strip()))
            part = "train" if number < 14 else "dev"
            data.pairs[part].append(Pair(title, text.strip()))
            if part == "dev":
                query = f"q{number}-{at}"
                data.queries[query] = Query(query, title)
                data.qrels["dev"][query] = {f"{name}#{at}": 2, f"{name}#{(at + 1) % len(sections)}": 1}
    return data


def similarity_set() -> Dataset:
    """Pairs of sections; how alike they are is the share of words in common."""
    texts = [document.text for document in retrieval_set().corpus]
    words = [set(text.split()) for text in texts]
    rng = np.random.default_rng(0)
    pairs = [
        ScoredPair(texts[i], texts[j], len(words[i] & words[j]) / len(words[i] | words[j]))
        for i, j in rng.integers(0, len(texts), (90, 2))
    ]
    return Dataset(scored={"train": pairs[:60], "dev": pairs[60:]})


def fit(data: Dataset, base: Path, place: Path, settings: TrainSettings = SETTINGS, seed: int = 0, **others) -> Trained:
    """Train in `place`: the model in `place/model`, checkpoints and log in `place/work`."""
    return train(data, base, "toy", place / "model", place / "work", settings, seed, **others)
