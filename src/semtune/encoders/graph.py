"""Embeds texts with a model folder's exported graph (transformer, pooling and normalisation in one), without torch.

Which library runs the graph is the runner's matter: `semtune.encoders.onnx`, `semtune.encoders.openvino`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from semtune import contract as contracts
from semtune.encoders.batching import by_length, pad
from semtune.encoders.tokenizer import Tokenizer
from semtune.errors import ContractError, ModelError
from semtune.io import sha256_file
from semtune.progress import QUIET, Progress
from semtune.types import Embeddings, Encoded, Role


class GraphRunner(Protocol):
    """Runs an exported graph: token ids to vectors. Safe to call from many threads.

    Attributes:
        runtime: library and arithmetic, such as "openvino-bf16".
        batch_tokens: padded tokens of a batch that suit the library.
        batches_at_once: how many batches to run beside each other.
    """

    runtime: str
    batch_tokens: int
    batches_at_once: int

    def __call__(self, ids: Sequence[Sequence[int]], prompt_tokens: int = 0, beside: bool = False) -> Embeddings:
        """Embed token ids, n lists → (n, dim) float32, as one padded batch.

        Args:
            ids: of each text, with its prompt.
            prompt_tokens: at the start of each list; a model that pools without the prompt leaves them out.
            beside: other batches run at the same time, so this one gets a single thread.
        """
        ...


class GraphEncoder:
    """Embeds texts with an exported graph.

    Example:
        >>> from semtune.encoders.onnx import open_onnx  # doctest: +SKIP
        >>> encoder = open_onnx(Path("runs/python-docs/export"))  # doctest: +SKIP
        >>> encoder.encode(["how do I read a zip file"], role="query").vectors.shape  # doctest: +SKIP
        (1, 384)
    """

    def __init__(self, contract: contracts.Contract, tokenizer: Tokenizer, graph: GraphRunner) -> None:
        """Combine parts that are already open; see `open_graph_encoder`."""
        self.contract = contract
        self.runtime = graph.runtime
        self._tokenizer, self._graph = tokenizer, graph
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dim) float32, in the order given; equal texts are computed once."""
        if not texts:
            empty, none = np.zeros((0, self.contract.dimension), dtype=np.float32), np.zeros(0, np.int32)
            return Encoded(empty, 0, 0, none, none > 0, none)
        numbers: dict[str, int] = {}
        places = np.array([numbers.setdefault(text, len(numbers)) for text in texts])
        times = np.bincount(places)
        tokens = self._tokenizer.encode(list(numbers), role)
        lengths = np.array([len(ids) for ids in tokens.ids], dtype=np.int32)
        vectors = np.zeros((len(numbers), self.contract.dimension), dtype=np.float32)
        prompt = self._tokenizer.prompt_tokens(role)
        with (progress or QUIET).track("encode", len(texts)) as advance:
            for batch, made in self._computed(tokens.ids, lengths, prompt):
                vectors[batch] = made
                advance(int(times[batch].sum()))
        cut, read = tokens.cut[places], lengths[places]
        return Encoded(vectors[places], int(read.sum()), int(cut.sum()), read, cut, tokens.beyond[places])

    def _computed(
        self, ids: Sequence[Sequence[int]], lengths: NDArray[np.int32], prompt: int
    ) -> Iterator[tuple[list[int], Embeddings]]:
        """Yield positions and vectors of each batch.

        Several batches on one thread each are faster than one batch on several threads, which wait for each other at
        every operation, and a core that others use delays only its own batch; see benchmarks/LOG.md.
        """
        batches = list(by_length(lengths.tolist(), self._graph.batch_tokens))
        beside = min(self._graph.batches_at_once, len(batches)) > 1

        def compute(batch: list[int]) -> Embeddings:
            return self._graph([ids[i] for i in batch], prompt, beside)

        if not beside:
            yield from ((batch, compute(batch)) for batch in batches)
            return
        waiting = [self._threads().submit(compute, batch) for batch in batches]
        try:
            for batch, made in zip(batches, waiting, strict=True):
                yield batch, made.result()
        finally:
            for each in waiting:  # after an error or Ctrl-C, what waits is not computed
                each.cancel()

    def _threads(self) -> ThreadPoolExecutor:
        """The threads of all calls: more than there are processors would only take memory."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._graph.batches_at_once, "encode")
            return self._pool

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids back to text; OpenAI's API allows ids as input."""
        return self._tokenizer.decode(ids)


def open_graph_encoder(folder: Path, precision: str, open_graph: Callable[[Path], GraphRunner]) -> GraphEncoder:
    """Open a model folder's exported graph.

    Args:
        folder: a folder made by `semtune export`.
        precision: which exported graph to load: "fp32" or "int8".
        open_graph: opens the file with a library.

    Raises:
        ModelError: the folder has no such graph.
        ContractError: the graph does not match the contract.
    """
    contract = contracts.load(folder)
    graph = open_graph(_verified(folder, contract, precision))
    return GraphEncoder(contract, Tokenizer(folder, contract), graph)


def graph_inputs(
    ids: Sequence[Sequence[int]], prompt_tokens: int, names: frozenset[str]
) -> dict[str, NDArray[np.int64]]:
    """The padded inputs of a graph, (n, longest) each, by the names that it has."""
    input_ids, mask = pad(ids)
    feed = {"input_ids": input_ids, "attention_mask": mask}
    if "token_type_ids" in names:
        feed["token_type_ids"] = np.zeros_like(input_ids)
    if "pooling_mask" in names:
        feed["pooling_mask"] = pooled = mask.copy()
        pooled[:, :prompt_tokens] = 0
    return feed


def _verified(folder: Path, contract: contracts.Contract, precision: str) -> Path:
    """The file of an exported graph, which is the one that the contract names."""
    export = contract.exports.get(f"onnx-{precision}")
    if export is None or not (folder / export.file).exists():
        raise ModelError(
            f"{folder} has no ONNX graph in {precision} (it has {sorted(contract.exports) or 'none'}). "
            f"Make one with `semtune export {folder} --format onnx --precision {precision}`."
        )
    if sha256_file(folder / export.file) != export.sha256:
        raise ContractError(f"{folder / export.file} does not match its contract (SHA-256). Export the model again.")
    return folder / export.file
