"""int8 weights: a graph a quarter the size, with products of whole numbers, at some cost in quality."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

PRODUCTS = ["MatMul", "Gemm"]  # the layers' products, where the time goes
TABLES = ["Gather"]  # the table of word vectors, where half of a small model's bytes are


def write_int8(graph: Path, path: Path) -> None:
    """Quantise a fp32 ONNX graph to `path`: weights once and per output channel, activations as they come (dynamic).

    A text's vector depends a little on those it shares a batch with: the scale of the activations is the batch's
    (onnxruntime's dynamic quantisation is per tensor).
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises a pre-processing step that changes nothing for these graphs
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
