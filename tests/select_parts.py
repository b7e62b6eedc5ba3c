"""Small data sets with dev and train parts, a strong and a weak backbone, and results made up by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from semtune import contract as contracts
from semtune.dataset import Dataset
from semtune.metrics import compare_means
from semtune.select.candidate_result import CandidateResult
from semtune.select.candidates import Candidate
from semtune.select.cost import ServingCost
from semtune.select.quality import Quality
from semtune.testing.toy_corpus import toy_documents
from semtune.testing.toy_model import write_toy_model
from semtune.types import Document, Pair, Query, ScoredPair


def retrieval_set() -> Dataset:
    """Section titles lead to section texts: 14 pages to train on, 6 for dev; a test split that must not be read."""
    data = Dataset(qrels={"dev": {}, "test": {"nobody": {"nothing": 1}}}, pairs={"train": []})
    for number, (name, page) in enumerate(toy_documents(20).items()):
        for at, section in enumerate(page.split("\n## ")[1:]):
            title, text = section.split("\n\n", 1)
            data.corpus.append(Document(f"{name}#{at}", text.strip()))
            if number < 14:
                data.pairs["train"].append(Pair(title, text.strip()))
            else:
                data.queries[f"q{number}-{at}"] = Query(f"q{number}-{at}", title)
                data.qrels["dev"][f"q{number}-{at}"] = {f"{name}#{at}": 1}
    return data


def scored_set(score=None) -> Dataset:
    """Pairs of sections with a score: the share of words in common, or always the one given."""
    texts = [document.text for document in retrieval_set().corpus]
    words = [set(text.split()) for text in texts]
    rng = np.random.default_rng(0)
    pairs = [
        ScoredPair(texts[i], texts[j], len(words[i] & words[j]) / len(words[i] | words[j]) if score is None else score)
        for i, j in rng.integers(0, len(texts), (90, 2))
    ]
    return Dataset(scored={"train": pairs[:60], "dev": pairs[60:]})


def raw_bert(folder: Path) -> Path:
    """A BERT with the weights that training begins from, and nothing of sentence-transformers: the weak one."""
    import torch
    from transformers import BertConfig, BertModel

    toy = write_toy_model(folder.parent / "seed", max_length=64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(BertConfig.from_pretrained(toy)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(toy / name, folder / name)
    return folder


class Means:
    """Compares made-up results as a judge of queries does."""

    metric, label, unit, n = "ndcg@10", "nDCG@10", "queries", 100

    def gain(self, a, b):
        return compare_means(a.each, b.each, 0, 500)


def quality(value, spread=0.0, n=100) -> Quality:
    """A result whose queries have this mean and lie so far from it, by turns."""
    each = value + spread * np.where(np.arange(n) % 2, 1.0, -1.0)
    return Quality(value, value - spread, value + spread, each)


def row(name, value, p50=10.0, p95=None, memory=100.0, dim=384, spread=0.0) -> CandidateResult:
    """A candidate that was measured so."""
    contract = contracts.Contract(name, "mean", True, 256, dim, "t", "w", name)
    candidate = Candidate(name, name, Path(name), contract, None, "mit", 1_000_000, 4_000_000)
    cost = ServingCost("torch-fp32", 100.0, p50, p50 * 1.5 if p95 is None else p95, memory, 64, 50)
    return CandidateResult(candidate, quality(value, spread), None, cost)
