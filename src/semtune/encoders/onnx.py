"""The default serving runtime: an exported graph in onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from semtune.encoders.graph import GraphEncoder, graph_inputs, open_graph_encoder
from semtune.machine import usable_cpus
from semtune.types import Embeddings


class OnnxRunner:
    """Runs a graph in onnxruntime; see `semtune.encoders.graph.GraphRunner`."""

    batch_tokens = 768  # the activations stay in the cache; see benchmarks/LOG.md

    def __init__(self, path: Path, precision: str = "fp32", threads: int = 0) -> None:
        """Load the graph.

        Args:
            path: the .onnx file.
            precision: of its weights.
            threads: 0: as many as the machine or container allows.
        """
        self.runtime = f"onnx-{precision}"
        self._session = _session(path, threads or usable_cpus())
        self._names = frozenset(node.name for node in self._session.get_inputs())

    def __call__(self, ids: Sequence[Sequence[int]], prompt_tokens: int = 0) -> Embeddings:
        """Embed token ids, n lists → (n, dim) float32, as one padded batch."""
        return np.asarray(self._session.run(None, graph_inputs(ids, prompt_tokens, self._names))[0])


def open_onnx(folder: Path, precision: str = "fp32", threads: int = 0) -> GraphEncoder:
    """Open a model folder's exported graph in onnxruntime.

    Raises:
        ModelError: the folder has no such graph.
        ContractError: the graph does not match the contract.
    """
    return open_graph_encoder(folder, precision, lambda path: OnnxRunner(path, precision, threads))


def _session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Otherwise idle threads spin and use up a core.
    options.add_session_config_entry("session.intra_op.allow_spinning", os.environ.get("SEMTUNE_ORT_SPIN", "0"))
    # The arena never returns memory (onnxruntime#11627): one long text would raise memory use for good.
    options.enable_cpu_mem_arena = False
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
