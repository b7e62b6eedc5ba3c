"""The exported encoder of a Router model: queries and documents each have a graph or a table of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from semtune import contract as contracts
from semtune.encoders.graph import GraphEncoder
from semtune.encoders.static import StaticEncoder, can_serve
from semtune.errors import ModelError
from semtune.model_places import ROLES
from semtune.progress import Progress
from semtune.types import Encoded, Role

OpenGraph: TypeAlias = Callable[[Path, str], GraphEncoder]  # folder, precision → encoder


class RoutedEncoder:
    """Sends each text to the encoder of its role; the parts lie in the folders `query` and `document`."""

    def __init__(self, folder: Path, precision: str, open_graph: OpenGraph) -> None:
        """Open both parts.

        Raises:
            ModelError: a part is missing, or has no graph in this precision.
            ContractError: a part does not match its contract.
        """
        self.contract = contracts.load(folder)
        self._parts = {role: _open(folder / role, precision, open_graph) for role in ROLES}
        graphs = [part.runtime for part in self._parts.values() if isinstance(part, GraphEncoder)]
        self.runtime = graphs[0] if graphs else self._parts["document"].runtime

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dim) float32, in the order given."""
        return self._parts[role].encode(texts, role, progress)

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids of the documents' tokenizer back to text; OpenAI's API allows ids as input."""
        return self._parts["document"].decode(ids)


def _open(folder: Path, precision: str, open_graph: OpenGraph) -> GraphEncoder | StaticEncoder:
    if not folder.is_dir():
        raise ModelError(f"{folder.parent} is the export of a Router model, but its part {folder.name} is missing.")
    return StaticEncoder(folder) if can_serve(folder) else open_graph(folder, precision)


def open_fp32(folder: Path, fast: bool = False) -> GraphEncoder | RoutedEncoder:  # noqa: ARG001 - as all runtimes
    """The fp32 graph of an exported model, or the graphs of a Router's parts, in onnxruntime."""
    from semtune.encoders.onnx import open_onnx

    return _whole(folder, "fp32", open_onnx)


def open_int8(folder: Path, fast: bool = False) -> GraphEncoder | RoutedEncoder:  # noqa: ARG001
    """The int8 graph of an exported model, or the graphs of a Router's parts, in onnxruntime."""
    from semtune.encoders.onnx import open_onnx

    return _whole(folder, "int8", open_onnx)


def open_with_openvino(folder: Path, fast: bool = False) -> GraphEncoder | RoutedEncoder:  # noqa: ARG001
    """The fp32 graph of an exported model, or the graphs of a Router's parts, in OpenVINO."""
    from semtune.encoders.openvino import open_openvino

    return _whole(folder, "fp32", open_openvino)


def _whole(folder: Path, precision: str, open_graph: OpenGraph) -> GraphEncoder | RoutedEncoder:
    routed = contracts.load(folder, verify=False).parts
    return RoutedEncoder(folder, precision, open_graph) if routed else open_graph(folder, precision)
