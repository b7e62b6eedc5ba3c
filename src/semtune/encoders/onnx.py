"""The serving encoder: an exported graph in onnxruntime, without torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from semtune import contract as contracts
from semtune.encoders.batching import by_length, pad
from semtune.encoders.tokenizer import Tokenizer
from semtune.errors import ContractError, ModelError
from semtune.io import sha256_file
from semtune.machine import usable_cpus
from semtune.progress import QUIET, Progress
from semtune.types import Embeddings, Encoded, Role


class GraphRunner:
    """Runs an exported graph in onnxruntime: token ids to vectors. Safe to call from many threads."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        self._session = _session(path, threads or usable_cpus())
        self._inputs = {node.name for node in self._session.get_inputs()}

    def __call__(self, ids: Sequence[Sequence[int]], prompt_tokens: int = 0) -> Embeddings:
        """Embed token ids, n lists → (n, dim) float32, as one padded batch.

        Args:
            ids: of each text, with its prompt.
            prompt_tokens: at the start of each list; a model that pools without the prompt leaves them out.
        """
        input_ids, mask = pad(ids)
        pooled = mask.copy()
        pooled[:, :prompt_tokens] = 0
        types = np.zeros_like(input_ids)
        feed = {"input_ids": input_ids, "attention_mask": mask, "token_type_ids": types, "pooling_mask": pooled}
        return np.asarray(self._session.run(None, {name: feed[name] for name in self._inputs})[0])


class OnnxEncoder:
    """Embeds texts with a model folder's ONNX graph (transformer, pooling and normalisation in one).

    Example:
        >>> encoder = OnnxEncoder(Path("runs/python-docs/export"))  # doctest: +SKIP
        >>> encoder.encode(["how do I read a zip file"], role="query").vectors.shape  # doctest: +SKIP
        (1, 384)
    """

    def __init__(self, folder: Path, precision: str = "fp32", threads: int = 0) -> None:
        """Load the graph.

        Args:
            folder: a folder made by `semtune export`.
            precision: which exported graph to load.
            threads: 0: as many as the machine or container allows.

        Raises:
            ModelError: the folder has no such graph.
            ContractError: the graph does not match the contract.
        """
        self.contract = contracts.load(folder)
        export = self.contract.exports.get(f"onnx-{precision}")
        if export is None or not (folder / export.file).exists():
            raise ModelError(
                f"{folder} has no ONNX graph in {precision} (it has {sorted(self.contract.exports) or 'none'}). "
                f"Make one with `semtune export {folder} --format onnx --precision {precision}`."
            )
        if sha256_file(folder / export.file) != export.sha256:
            raise ContractError(
                f"{folder / export.file} does not match its contract (SHA-256). Export the model again."
            )
        self.runtime = f"onnx-{precision}"
        self._tokenizer = Tokenizer(folder, self.contract)
        self._graph = GraphRunner(folder / export.file, threads)

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dim) float32, in the order given."""
        vectors = np.zeros((len(texts), self.contract.dimension), dtype=np.float32)
        if not texts:
            return Encoded(vectors, 0, 0, np.zeros(0, np.int32), np.zeros(0, bool))
        tokens = self._tokenizer.encode(texts, role)
        lengths = [len(ids) for ids in tokens.ids]
        prompt = self._tokenizer.prompt_tokens(role)
        with (progress or QUIET).track("encode", len(texts)) as advance:
            for batch in by_length(lengths):
                vectors[batch] = self._graph([tokens.ids[i] for i in batch], prompt)
                advance(len(batch))
        return Encoded(vectors, sum(lengths), tokens.truncated, np.array(lengths, np.int32), tokens.cut)

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids back to text; OpenAI's API allows ids as input."""
        return self._tokenizer.decode(ids)


def _session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Otherwise idle threads spin and use up a core.
    options.add_session_config_entry("session.intra_op.allow_spinning", os.environ.get("SEMTUNE_ORT_SPIN", "0"))
    # The arena never returns memory (onnxruntime#11627): one long text would raise memory use for good.
    options.enable_cpu_mem_arena = False
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
