"""int8 weights: a graph a quarter the size with integer products, at some cost in quality."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from semtune.types import TokenIds

PRODUCTS = ["MatMul", "Gemm"]  # the layers' products, which take most of the time
TABLES = ["Gather"]  # the word embeddings, half of a small model's size
HOW: dict[str, Any] = {
    "per_channel": True,
    "reduce_range": True,  # 7 bits: processors without VNNI otherwise overflow in pairs of products
}


def write_int8(graph: Path, path: Path, in_float: Sequence[str] = ()) -> None:
    """Quantise an fp32 ONNX graph to `path`: weights per output channel, activations dynamically.

    A vector depends a little on the other texts in its batch, because onnxruntime's dynamic quantisation scales the
    activations per tensor, that is, per batch.

    Args:
        graph: the fp32 graph.
        path: the file to write.
        in_float: names of products that stay as they are.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet():
        quantize_dynamic(
            graph,
            path,
            op_types_to_quantize=PRODUCTS + TABLES,
            nodes_to_exclude=list(in_float),
            weight_type=QuantType.QInt8,
            **HOW,
        )


def write_static_int8(graph: Path, path: Path, ids: Sequence[TokenIds], in_float: Sequence[str] = ()) -> None:
    """Quantise as `write_int8`, with the activations' ranges measured beforehand; a vector depends on its text alone.

    Args:
        graph: the fp32 graph.
        path: the file to write.
        ids: token ids of typical texts, with special tokens.
        in_float: names of products that stay as they are.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    with _quiet():
        quantize_static(
            graph,
            path,
            _Reader(graph, ids),  # type: ignore[arg-type] - has what the class asks for, without importing it early
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=PRODUCTS,
            nodes_to_exclude=[*in_float, *_without_weights(graph)],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            **HOW,
        )


def layers_of(graph: Path, count: int) -> list[list[str]]:
    """Names of the products with weights, in the graph's order, cut into `count` parts of equal size.

    For a graph of layers that are alike, each part is a layer.
    """
    weighted = [name for name, has_weights in _products(graph).items() if has_weights]
    size = -(-len(weighted) // max(1, count))
    return [weighted[start : start + size] for start in range(0, len(weighted), max(1, size))]


def _without_weights(graph: Path) -> list[str]:
    """Products of two activations, in the attention: they lose most and gain little."""
    return [name for name, has_weights in _products(graph).items() if not has_weights]


def _products(graph: Path) -> dict[str, bool]:
    """Name of a product → whether one side is a constant."""
    import onnx

    model = onnx.load(str(graph), load_external_data=False).graph
    constants = {one.name for one in model.initializer}
    return {node.name: bool(constants & set(node.input)) for node in model.node if node.op_type in PRODUCTS}


class _Reader:
    """What onnxruntime's calibration reads: one text at a time."""

    def __init__(self, graph: Path, ids: Sequence[TokenIds]) -> None:
        import onnx

        from semtune.encoders.graph import graph_inputs

        names = frozenset(one.name for one in onnx.load(str(graph), load_external_data=False).graph.input)
        self._rest = iter([graph_inputs([each], 0, names) for each in ids])

    def get_next(self) -> dict[str, Any] | None:
        """The next text's inputs; None at the end."""
        return next(self._rest, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the advice to pre-process, which does not change these graphs."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)
