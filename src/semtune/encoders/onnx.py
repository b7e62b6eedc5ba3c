"""The default serving runtime: an exported graph in onnxruntime."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from semtune.encoders.graph import GraphEncoder, graph_inputs, open_graph_encoder
from semtune.io import file_state
from semtune.machine import usable_cpus
from semtune.types import Embeddings


class OnnxRunner:
    """Runs a graph in onnxruntime; see `semtune.encoders.graph.GraphRunner`."""

    batch_tokens = 384  # the activations stay in a core's cache; see benchmarks/LOG.md

    def __init__(self, path: Path, precision: str = "fp32", threads: int = 0) -> None:
        """Load the graph.

        Args:
            path: the .onnx file.
            precision: of its weights.
            threads: 0: as many as the machine or container allows.
        """
        self.runtime = f"onnx-{precision}"
        self.batches_at_once = threads or usable_cpus()
        self._path, self._state = path, _state(path)
        self._session = open_session(path, self.batches_at_once)
        self._names = frozenset(node.name for node in self._session.get_inputs())
        self._beside: ort.InferenceSession | None = None  # the same graph for one thread a batch, made when needed
        self._lock = threading.Lock()

    def __call__(self, ids: Sequence[Sequence[int]], prompt_tokens: int = 0, beside: bool = False) -> Embeddings:
        """Embed token ids, n lists → (n, dim) float32, as one padded batch."""
        session = self._one_thread() if beside else self._session
        return np.asarray(session.run(None, graph_inputs(ids, prompt_tokens, self._names))[0])

    def _one_thread(self) -> ort.InferenceSession:
        """The session for batches that run beside each other; the other one if the file was replaced meanwhile."""
        with self._lock:
            if self._beside is None:
                made = open_session(self._path, 1) if _state(self._path) == self._state else None
                self._beside = made if made and _state(self._path) == self._state else self._session
            return self._beside


def open_onnx(folder: Path, precision: str = "fp32", threads: int = 0) -> GraphEncoder:
    """Open a model folder's exported graph in onnxruntime.

    Raises:
        ModelError: the folder has no such graph.
        ContractError: the graph does not match the contract.
    """
    return open_graph_encoder(folder, precision, lambda path: OnnxRunner(path, precision, threads))


def _state(path: Path) -> tuple[int, ...]:
    """As `file_state`; () if the file is gone."""
    try:
        return file_state(path)
    except OSError:
        return ()


def open_session(path: Path, threads: int) -> ort.InferenceSession:
    """Load a graph into onnxruntime."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Otherwise idle threads spin and use up a core.
    options.add_session_config_entry("session.intra_op.allow_spinning", os.environ.get("SEMTUNE_ORT_SPIN", "0"))
    # The arena never returns memory (onnxruntime#11627): one long text would raise memory use for good.
    options.enable_cpu_mem_arena = False
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
