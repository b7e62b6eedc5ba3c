"""The text that benchmarks run on: passages of this Python's own documentation, so that every machine has it."""

from __future__ import annotations

from pathlib import Path

from semtune import contract as contracts
from semtune.dataset import Dataset
from semtune.encoders.tokenizer import Tokenizer
from semtune.hub import resolve_model
from semtune.prepare.build.dataset import prepare
from semtune.prepare.settings import PrepareSettings

MODEL = "all-MiniLM-L6-v2"


def python_docs() -> tuple[Dataset, Path, list[int]]:
    """The data set, the model's folder, and the tokens of each passage."""
    folder = resolve_model(MODEL)
    contract = contracts.load(folder)
    tokenizer = Tokenizer(folder, contract)
    dataset = prepare("python-docs", tokenizer, contract.max_length, PrepareSettings(), 13)
    return dataset, folder, tokenizer.lengths([document.content for document in dataset.corpus])
