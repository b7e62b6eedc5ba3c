"""Encoding: Semtune's runtimes beside sentence-transformers, plain onnxruntime, fastembed and model2vec.

Short texts (10 to 25 tokens) and passages (20 to 256 tokens with a long tail) of the Debian documentation in
../shared/data or $SEMTUNE_DATA, in random order. Each encoder is a process of its own; they take turns, round by round,
and are stopped while others run. Peers that are not installed here are looked for in the environments named in
$SEMTUNE_PEERS (folders of virtual environments, with ":" between), else left out.
python benchmarks/encode.py [--json] [--rounds 5] [--texts 200]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from encode_worker import VARIANTS
from passages import MODEL
from processes import Worker, python_with
from timing import publish

from semtune import contract as contracts
from semtune.encoders.tokenizer import Tokenizer
from semtune.export.build import export_model
from semtune.hub import resolve_model
from semtune.machine import has_bf16, usable_cpus

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data")) / "debian_docs"
WORKER = Path(__file__).with_name("encode_worker.py")
PEER, TABLE_PEER = "sentence-transformers", "sentence-transformers static"
NEEDS = {"fastembed": "fastembed", "model2vec static": "model2vec", "Semtune openvino": "openvino"}
SHORT, PASSAGES = (10, 25), (20, 256)  # tokens
LAYERS, WIDTH, INNER = 6, 384, 1536  # of MiniLM
SEED = 7


class Encoding:
    """An encoder in a process of its own."""

    def __init__(self, name: str, python: str, folder: Path, threads: int) -> None:
        started = time.perf_counter()
        self._worker = Worker(name, [python, str(WORKER), name, str(folder), str(threads)])
        self.first_vector = time.perf_counter() - started
        self.name, self.peak_mb = name, 0.0

    def ask(self, how: str, texts: list[str]) -> dict[str, Any]:
        """Let the process run once: "bulk", "queries" or "vectors"."""
        return self._worker.ask({"how": how, "texts": texts})

    def close(self) -> None:
        """End the process."""
        self._worker.close()


def real_texts(tokenizer: Tokenizer, count: int) -> dict[str, list[str]]:
    """Mix → texts drawn at random; short ones are the first sentences of passages."""
    with gzip.open(DATA / "passages.jsonl.gz", "rt", encoding="utf-8") as rows:
        every = [json.loads(row)["text"] for row in rows]
    drawn = [every[i] for i in np.random.default_rng(SEED).permutation(len(every))[: 60 * count]]
    first = [text.split(". ")[0] for text in drawn]
    return {
        "short": _within(first, tokenizer.lengths(first), SHORT)[: 2 * count],
        "passages": _within(drawn, tokenizer.lengths(drawn), PASSAGES)[:count],
    }


def _within(texts: list[str], lengths: list[int], limits: tuple[int, int]) -> list[str]:
    low, high = limits
    return list(dict.fromkeys(text for text, length in zip(texts, lengths, strict=True) if low <= length <= high))


def make_models(folder: Path) -> None:
    """The source, its export, and the table of its token vectors as a static model."""
    source = resolve_model(MODEL)
    (folder / "source").symlink_to(source)
    export_model(source, ["onnx"], folder / "export", precisions=["fp32", "int8"])
    make_table(folder)


def make_table(folder: Path) -> None:
    """The model's token vectors as a static model, in the folder "table"."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

    model: Any = SentenceTransformer(str(resolve_model(MODEL)), device="cpu", local_files_only=True)
    words = model[0].auto_model.embeddings.word_embeddings.weight.detach().numpy()
    table = StaticEmbedding(model.tokenizer._tokenizer, embedding_weights=words)
    SentenceTransformer(modules=[table, Normalize()], device="cpu").save_pretrained(str(folder / "table"))


def gemm_peak(threads: int) -> dict[str, float]:
    """GFLOP/s of torch's products at the model's shapes, 2,048 tokens at once: the limit of what an encoder can do."""
    import torch

    torch.set_num_threads(threads)
    found = {}
    for name, kind in {"fp32": torch.float32, "bf16": torch.bfloat16}.items():
        left, right = torch.randn(2048, WIDTH, dtype=kind), torch.randn(WIDTH, INNER, dtype=kind)
        times = []
        for _ in range(20):
            started = time.perf_counter()
            left @ right
            times.append(time.perf_counter() - started)
        found[name] = round(2 * 2048 * WIDTH * INNER / min(times) / 1e9, 1)
    return found


def flops(lengths: list[int]) -> float:
    """Floating-point operations of the model for texts of these lengths, without padding."""
    each = np.asarray(lengths, dtype=float)
    return float((LAYERS * (8 * each * WIDTH**2 + 4 * each * WIDTH * INNER + 4 * each**2 * WIDTH)).sum())


def measured(workers: list[Encoding], texts: dict[str, list[str]], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Worker → mix → seconds of each round, in turns; one round first that does not count."""
    found: dict[str, dict[str, list[float]]] = {one.name: {mix: [] for mix in (*texts, "query")} for one in workers}
    queries = texts["short"][:50]
    for number in range(rounds + 1):
        for mix, given in (*texts.items(), ("query", queries)):
            for one in workers:
                answer = one.ask("queries" if mix == "query" else "bulk", given)
                one.peak_mb = answer["peak_mb"]
                if number:
                    found[one.name][mix].append(answer["seconds"])
    return found


def rows_of(
    workers: list[Encoding], seconds: dict[str, dict[str, list[float]]], vectors: dict[str, Any]
) -> dict[str, Any]:
    """Worker → its figures, as ratios to its peer."""
    by_name = {one.name: one for one in workers}
    result = {}
    for name, mixes in seconds.items():
        peer = TABLE_PEER if "static" in name else PEER
        ratios = {
            f"{mix} x": round(statistics.median(p / s for p, s in zip(seconds[peer][mix], own, strict=True)), 2)
            for mix, own in mixes.items()
        }
        same = (vectors[name] * vectors[peer]).sum(axis=1)
        result[name] = {
            **ratios,
            "query p50 ms": round(1000 * statistics.median(mixes["query"]), 2),
            "seconds": {mix: round(statistics.median(own), 3) for mix, own in mixes.items() if mix != "query"},
            "first vector s": round(by_name[name].first_vector, 2),
            "peak MB": round(by_name[name].peak_mb),
            "cosine mean, min": [round(float(same.mean()), 6), round(float(same.min()), 6)],
        }
    return result


def main() -> None:
    """Measure and publish."""
    options = argparse.ArgumentParser()
    options.add_argument("--json", action="store_true")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--texts", type=int, default=200)
    options.add_argument("--threads", type=int, default=usable_cpus())
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_models(folder)
        source = folder / "source"
        tokenizer = Tokenizer(source, contracts.load(source))
        texts = real_texts(tokenizer, given.texts)
        useless = set() if has_bf16() else {"sentence-transformers bf16"}  # six times slower than fp32 then
        pythons = {variant: python_with(NEEDS.get(variant, "")) for variant in VARIANTS if variant not in useless}
        workers = [Encoding(variant, python, folder, given.threads) for variant, python in pythons.items() if python]
        try:
            every = [*texts["short"], *texts["passages"]]
            vectors = {one.name: np.array(one.ask("vectors", every)["vectors"]) for one in workers}
            rows = rows_of(workers, measured(workers, texts, given.rounds), vectors)
        finally:
            for one in workers:
                one.close()
        lengths = {mix: tokenizer.lengths(each) for mix, each in texts.items()}
        peak = gemm_peak(given.threads)
        for name, row in rows.items():
            if "static" not in name:
                kind = "bf16" if "bf16" in name else "fp32"
                rate = {mix: flops(lengths[mix]) / row["seconds"][mix] / 1e9 for mix in lengths}
                row["share of GEMM peak"] = {mix: round(each / peak[kind], 2) for mix, each in rate.items()}
        publish(
            "encode",
            {
                "what": f"{MODEL}, {given.threads} threads, medians of {given.rounds} rounds in turns, ratio to {PEER}",
                "texts": {mix: [len(each), round(float(np.mean(lengths[mix])), 1)] for mix, each in texts.items()},
                "GEMM GFLOP/s": peak,
                "missing peers": [name for name, python in pythons.items() if not python],
                **rows,
            },
        )


if __name__ == "__main__":
    main()
