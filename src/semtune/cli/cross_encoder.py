"""The cross-encoder that `search` and `serve` rerank with."""

from __future__ import annotations

from semtune.cli.console import Console


def cross_encoder_graph(model: str | None, console: Console) -> str | None:
    """The folder of a cross-encoder's graph, which is made the first time."""
    if model is None:
        return None
    from semtune.encoders.cross_encoder_onnx import graph_of
    from semtune.hub import resolve_model

    folder = resolve_model(model)
    if graph_of(folder):
        return str(folder)
    from semtune.export.cross_encoder import export_reranker

    console.say(f"{model}: its ONNX graph is made once and kept; this takes a minute")
    return str(export_reranker(model))
