"""Copies what encoding needs beside a graph."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from semtune.errors import ModelError
from semtune.model_places import places

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

COPIED = (
    "config.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "README.md",
)


def copy_small_files(source: Path, target: Path, model: SentenceTransformer) -> None:
    """Copy the small files that encoding needs; a slow tokenizer is converted to a fast one."""
    found = places(source)
    for name in COPIED:
        if file := found.small_file(name):
            shutil.copyfile(file, target / name)
    if file := found.small_file("tokenizer.json"):
        shutil.copyfile(file, target / "tokenizer.json")
        return
    with tempfile.TemporaryDirectory() as scratch:
        model.tokenizer.save_pretrained(scratch)
        if not (Path(scratch) / "tokenizer.json").exists():
            raise ModelError(f"{source} has a tokenizer that cannot be converted to a fast one, which Semtune needs.")
        shutil.copyfile(Path(scratch) / "tokenizer.json", target / "tokenizer.json")
