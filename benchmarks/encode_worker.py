"""One encoder in a process of its own, for `encode.py`: it reads commands and answers with what it measured.

python benchmarks/encode_worker.py VARIANT FOLDER THREADS; see `VARIANTS` for the names. Each line on stdin is a JSON
list of texts and how to embed them; each line on stdout the seconds. It may be run with the Python of another
environment: what a variant needs is imported by it alone.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Encode = Callable[[Sequence[str]], Any]


def sentence_transformers(folder: Path, threads: int, bf16: bool = False) -> Encode:
    """As people use it: `model.encode(texts)` with the defaults."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    kwargs = {"model_kwargs": {"dtype": torch.bfloat16}} if bf16 else {}
    model = SentenceTransformer(str(folder / "source"), device="cpu", local_files_only=True, **kwargs)
    return lambda texts: model.encode(list(texts), show_progress_bar=False)


def plain_onnxruntime(folder: Path, threads: int) -> Encode:
    """The exported graph as many people run it: batches of 32 in the order given, padded to the longest."""
    import numpy as np
    import onnxruntime as ort
    from tokenizers import Tokenizer

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(str(folder / "export/onnx/model.onnx"), options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / "export/tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()
    names = [node.name for node in session.get_inputs()]

    def encode(texts: Sequence[str]) -> Any:
        made = []
        for start in range(0, len(texts), 32):
            batch = tokenizer.encode_batch(list(texts[start : start + 32]))
            feed = {
                "input_ids": np.array([one.ids for one in batch]),
                "attention_mask": np.array([one.attention_mask for one in batch]),
                "token_type_ids": np.array([one.type_ids for one in batch]),
            }
            made.append(session.run(None, {name: feed[name] for name in names})[0])
        return np.concatenate(made)

    return encode


def fastembed(folder: Path, threads: int) -> Encode:
    """The library fastembed on the same graph, with its own tokenising, batching and processes."""
    import numpy as np
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    TextEmbedding.add_custom_model(
        model="local/all-MiniLM-L6-v2", pooling=PoolingType.DISABLED, normalization=False,
        sources=ModelSource(url="http://localhost/none"), dim=384, model_file="onnx/model.onnx",
    )  # fmt: skip
    model = TextEmbedding("local/all-MiniLM-L6-v2", specific_model_path=str(folder / "export"), threads=threads)
    return lambda texts: np.stack(list(model.embed(list(texts))))


def semtune(folder: Path, threads: int, runtime: str) -> Encode:
    """Semtune's encoder with one runtime."""
    from semtune.encoders.load import load_encoder
    from semtune.machine import keep_freed_memory

    keep_freed_memory()
    del threads  # taken from the affinity mask
    encoder = load_encoder(str(folder / ("table" if runtime == "static" else "export")), runtime)
    return lambda texts: encoder.encode(texts).vectors


def static_sentence_transformers(folder: Path, threads: int) -> Encode:
    """sentence-transformers on the table of token vectors."""
    del threads
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder / "table"), device="cpu", local_files_only=True)
    return lambda texts: model.encode(list(texts), show_progress_bar=False)


def model2vec(folder: Path, threads: int) -> Encode:
    """model2vec on the table of token vectors."""
    del threads
    import numpy as np
    from model2vec import StaticModel
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    table = load_file(str(next((folder / "table").rglob("model.safetensors"))))["embedding.weight"]
    tokenizer = Tokenizer.from_file(str(next((folder / "table").rglob("tokenizer.json"))))
    model = StaticModel(np.asarray(table), tokenizer, normalize=True)
    return lambda texts: model.encode(list(texts), max_length=None)


VARIANTS: dict[str, Callable[[Path, int], Encode]] = {
    "sentence-transformers": sentence_transformers,
    "sentence-transformers bf16": lambda folder, threads: sentence_transformers(folder, threads, bf16=True),
    "plain onnxruntime": plain_onnxruntime,
    "fastembed": fastembed,
    "Semtune onnx": lambda folder, threads: semtune(folder, threads, "onnx"),
    "Semtune openvino": lambda folder, threads: semtune(folder, threads, "openvino"),
    "Semtune onnx-int8": lambda folder, threads: semtune(folder, threads, "onnx-int8"),
    "sentence-transformers static": static_sentence_transformers,
    "model2vec static": model2vec,
    "Semtune static": lambda folder, threads: semtune(folder, threads, "static"),
}


def main() -> None:
    """Answer commands until stdin ends."""
    import os

    name, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    answers, sys.stdout = sys.stdout, sys.stderr  # keeps prints of libraries out of the answers
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    started = time.perf_counter()
    encode = VARIANTS[name](folder, threads)
    encode(["one short text"])
    first = time.perf_counter() - started
    print(json.dumps({"first_vector": first}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(_answer(encode, json.loads(line))), file=answers, flush=True)


def _answer(encode: Encode, asked: dict[str, Any]) -> dict[str, Any]:
    texts = asked["texts"]
    if asked["how"] == "vectors":
        return {"vectors": [[round(float(x), 7) for x in row] for row in encode(texts)]}
    started = time.perf_counter()
    if asked["how"] == "bulk":
        encode(texts)
        return {"seconds": time.perf_counter() - started, "peak_mb": _peak()}
    waits = []
    for text in texts:
        started = time.perf_counter()
        encode([text])
        waits.append(time.perf_counter() - started)
    return {"seconds": sorted(waits)[len(waits) // 2], "peak_mb": _peak()}


def _peak() -> float:
    """Peak memory of this program in MB; `getrusage` would count the process that started it, too."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
