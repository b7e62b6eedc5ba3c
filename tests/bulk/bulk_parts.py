"""A static model that needs no torch, texts, and files of them in every format."""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from semtune.encoders.load import load_encoder

WORDS = [
    "kettle",
    "violin",
    "loom",
    "bicycle",
    "chain",
    "piano",
    "tent",
    "roof",
    "lamp",
    "knife",
    "zip",
    "radio",
    "hedge",
    "compost",
    "sail",
    "camera",
]


def text_of(number):
    """A short text, another one for each number; every fifth has letters beyond ASCII."""
    words = " ".join(WORDS[(number * step) % len(WORDS)] for step in (1, 3, 7))
    return f"{words} {number}{' ünï 日' if number % 5 == 0 else ''}"


@pytest.fixture(scope="session")
def texts():
    return [text_of(number) for number in range(1000)]


@pytest.fixture(scope="session")
def static(toy_model, tmp_path_factory):
    """A random table of 24 dimensions for the toy model's tokenizer, as sentence-transformers writes it."""
    folder = tmp_path_factory.mktemp("bulk") / "static"
    (folder / "1_Normalize").mkdir(parents=True)
    shutil.copy(toy_model / "tokenizer.json", folder)
    size = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()
    rows = np.random.default_rng(0).normal(size=(size, 24)).astype(np.float32)
    save_file({"embedding.weight": rows}, folder / "model.safetensors")
    kinds = [("", "StaticEmbedding"), ("1_Normalize", "Normalize")]
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (path, kind) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    settings = {"prompts": {"query": "ask: ", "document": ""}, "similarity_fn_name": "cosine"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture(scope="session")
def encoder(static):
    return load_encoder(str(static))


def write(path, texts):
    """Write texts as the format that a name asks for; gives the path."""
    path = Path(path)
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        plain = path.with_name("plain.parquet")
        pq.write_table(pa.table({"id": [f"p{n}" for n in range(len(texts))], "text": texts}), plain, row_group_size=64)
        data = plain.read_bytes()
        plain.unlink()
    elif kind == "jsonl":
        rows = [json.dumps({"_id": n, "text": text}, ensure_ascii=bool(n % 2)) for n, text in enumerate(texts)]
        data = "\n".join(rows).encode()
    elif kind in ("csv", "tsv"):
        between = "\t" if kind == "tsv" else ","
        lines = [f"doc_id{between}text", *(f'{n}{between}"{text}"' for n, text in enumerate(texts))]
        data = "\r\n".join(lines).encode()
    else:
        data = "".join(f"{text}\n" for text in texts).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path
