"""int8 weights: a graph a quarter the size with integer products, at some cost in quality."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

PRODUCTS = ["MatMul", "Gemm"]  # the layers' products, which take most of the time
TABLES = ["Gather"]  # the word embeddings, half of a small model's size


def write_int8(graph: Path, path: Path) -> None:
    """Quantise an fp32 ONNX graph to `path`: weights per output channel, activations dynamically.

    A vector depends a little on the other texts in its batch, because onnxruntime's dynamic quantisation scales the
    activations per tensor, that is, per batch.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it recommends a pre-processing step that does not change these graphs
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quantize_dynamic(
                graph,
                path,
                op_types_to_quantize=PRODUCTS + TABLES,
                per_channel=True,
                reduce_range=True,  # 7 bits: processors without VNNI otherwise overflow in pairs of products
                weight_type=QuantType.QInt8,
            )
    finally:
        root.setLevel(level)
