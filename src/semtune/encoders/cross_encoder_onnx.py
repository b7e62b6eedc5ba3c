"""A cross-encoder in onnxruntime, to sort the first hits of a search anew. Imports neither torch nor transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semtune.encoders.batching import padded
from semtune.encoders.onnx import open_session
from semtune.errors import ModelError
from semtune.hub import resolve_model
from semtune.io import read_json
from semtune.machine import usable_cpus

GRAPH = "cross-encoder.onnx"  # Semtune's own export
GRAPHS = (GRAPH, "onnx/model.onnx", "model.onnx")
LONGEST = 512  # tokens of a pair, where the model does not say
BATCH = 16  # pairs


class OnnxReranker:
    """Scores (question, passage) pairs from 0 to 1: the sigmoid of the graph's output. Safe to use from many threads.

    Of a pair that is too long, the longer of the two loses its end.
    """

    def __init__(self, folder: Path) -> None:
        """Open a folder with a graph and a tokenizer.json.

        Raises:
            ModelError: one of them is missing, or the graph does not give one score per pair.
        """
        from tokenizers import Tokenizer

        graph = graph_of(folder)
        if graph is None:
            raise ModelError(
                f"{folder} has no ONNX graph ({', '.join(GRAPHS)}). Make one with "
                "`semtune.export.cross_encoder.export_reranker(MODEL)`, which needs torch; `semtune search --rerank "
                "MODEL` does it by itself."
            )
        if not (folder / "tokenizer.json").is_file():
            raise ModelError(f"{folder} has no tokenizer.json, so its graph cannot be given texts.")
        self._session = open_session(graph, usable_cpus())
        self._names = frozenset(node.name for node in self._session.get_inputs())
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._whole = Tokenizer.from_str(self._tokenizer.to_str())
        self._whole.no_truncation()
        self._longest = longest_pair(folder)
        self._tokenizer.enable_truncation(self._longest)
        outputs = self._outputs([self._tokenizer.encode("a", "b")]).shape
        if outputs != (1, 1):
            raise ModelError(one_score_needed(folder, outputs[-1]))

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """(n,) pairs → n scores."""
        read = self._tokenizer.encode_batch(list(pairs))
        order = sorted(range(len(read)), key=lambda at: len(read[at].ids))
        logits = np.zeros(len(read))
        for start in range(0, len(order), BATCH):
            some = order[start : start + BATCH]
            logits[some] = self._outputs([read[at] for at in some])[:, 0]
        return (0.5 * (1 + np.tanh(0.5 * logits))).tolist()  # the sigmoid, which never overflows

    def beyond(self, pairs: Sequence[tuple[str, str]]) -> list[int]:
        """Tokens of each of (n,) pairs that are not read because of the limit."""
        return [max(0, len(each.ids) - self._longest) for each in self._whole.encode_batch_fast(list(pairs))]

    def _outputs(self, read: Sequence[Any]) -> NDArray[np.float32]:
        longest = max(len(each.ids) for each in read)
        feed = {
            "input_ids": padded([each.ids for each in read], longest),
            "attention_mask": padded([each.attention_mask for each in read], longest),
            "token_type_ids": padded([each.type_ids for each in read], longest),
        }
        return np.asarray(self._session.run(None, {k: v for k, v in feed.items() if k in self._names})[0])


def open_reranker(model: str) -> OnnxReranker:
    """Open a cross-encoder by folder or hub id.

    Raises:
        ModelError: there is no such model, or no graph of it.
    """
    return OnnxReranker(resolve_model(model))


def graph_of(folder: Path) -> Path | None:
    """The ONNX graph in a folder of a cross-encoder, if there is one."""
    return next((folder / name for name in GRAPHS if (folder / name).is_file()), None)


def longest_pair(folder: Path) -> int:
    """Tokens of a pair that a cross-encoder reads."""
    config, tokenizer = (
        read_json(folder / name) if (folder / name).is_file() else {}
        for name in ("config.json", "tokenizer_config.json")
    )
    limits = [config.get("max_position_embeddings") or LONGEST, tokenizer.get("model_max_length") or LONGEST]
    return int(min(limits))


def one_score_needed(folder: Path, scores: int) -> str:
    """Why a model with another number of scores cannot be used, in words."""
    return (
        f"{folder} gives {scores} scores per pair; exactly one is needed. Give a cross-encoder that ranks passages, "
        "such as cross-encoder/ms-marco-MiniLM-L6-v2, not a classifier."
    )
