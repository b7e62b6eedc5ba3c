"""The faster serving runtime: an exported graph in OpenVINO, in bf16 where the processor multiplies it in hardware."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino as ov

from semtune.encoders.graph import GraphEncoder, graph_inputs, open_graph_encoder
from semtune.machine import has_bf16, usable_cpus
from semtune.types import Embeddings


class OpenVinoRunner:
    """Runs a graph in OpenVINO; see `semtune.encoders.graph.GraphRunner`."""

    batch_tokens, batches_at_once = 2048, 1  # see benchmarks/LOG.md

    def __init__(self, path: Path, precision: str = "fp32", threads: int = 0, bf16: bool | None = None) -> None:
        """Compile the graph.

        Args:
            path: the .onnx file.
            precision: of its weights.
            threads: 0: as many as the machine or container allows.
            bf16: compute in bf16; None: if the processor does so in hardware and the graph is fp32.
        """
        halved = precision == "fp32" and (has_bf16() if bf16 is None else bf16)
        self.runtime = f"openvino-{'bf16' if halved else precision}"
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if halved else "f32",
            "INFERENCE_NUM_THREADS": threads or usable_cpus(),
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        }
        self._model = ov.Core().compile_model(str(path), "CPU", settings)
        self._names = frozenset(port.get_any_name() for port in self._model.inputs)
        self._local = threading.local()  # a request serves one call at a time

    def __call__(self, ids: Sequence[Sequence[int]], prompt_tokens: int = 0, beside: bool = False) -> Embeddings:
        """Embed token ids, n lists → (n, dim) float32, as one padded batch."""
        del beside  # never asked for
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        self._local.request.infer(graph_inputs(ids, prompt_tokens, self._names), share_inputs=True)
        return np.array(self._local.request.get_output_tensor(0).data)  # a copy: the tensor is written again


def open_openvino(folder: Path, precision: str = "fp32", threads: int = 0) -> GraphEncoder:
    """Open a model folder's exported graph in OpenVINO.

    Raises:
        ModelError: the folder has no such graph.
        ContractError: the graph does not match the contract.
    """
    return open_graph_encoder(folder, precision, lambda path: OpenVinoRunner(path, precision, threads))
