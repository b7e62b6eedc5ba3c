"""A cross-encoder as an ONNX graph: its scores are torch's, and torch is not needed for them."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from semtune.encoders.cross_encoder_onnx import GRAPH, open_reranker
from semtune.errors import ModelError
from semtune.export.cross_encoder import export_reranker

PAIRS = [
    ("how to mend a kettle", "a kettle is mended with a new lid and some glue"),
    ("mend", "short"),
    ("where is the violin " * 9, "the violin hangs beside the lantern " * 40),
    ("日本", ""),
]


@pytest.mark.slow
def test_the_graph_gives_the_scores_of_torch(cross_encoder, tmp_path, monkeypatch):
    from sentence_transformers import CrossEncoder
    from torch.nn import Sigmoid

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = cross_encoder()
    made = export_reranker(str(folder))
    assert made.is_relative_to(tmp_path)
    assert not (folder / GRAPH).exists()  # a model's folder is left as it is
    reranker = open_reranker(str(made))
    want = CrossEncoder(str(folder), local_files_only=True).predict(PAIRS, activation_fn=Sigmoid())
    assert reranker(PAIRS) == pytest.approx(want.tolist(), abs=1e-4)
    assert reranker(PAIRS * 20)[4:8] == pytest.approx(reranker(PAIRS), abs=1e-5)
    assert len(set(np.round(want, 3))) > 2
    assert reranker([]) == []
    before = (made / GRAPH).stat().st_mtime_ns
    assert export_reranker(str(folder)) == made
    assert (made / GRAPH).stat().st_mtime_ns == before
    assert export_reranker(str(made)) == made

    script = f"""
        import sys
        from semtune.encoders.cross_encoder_onnx import open_reranker
        print(open_reranker({str(made)!r})([("mend", "short")])[0])
        assert not {{"torch", "transformers"}} & set(sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(want[1], abs=1e-4)


@pytest.mark.slow
def test_what_cannot_rank_is_refused(cross_encoder, toy_model, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ModelError, match=r"rerank: .*gives 3 scores per pair"):
        export_reranker(str(cross_encoder(labels=3)))
    with pytest.raises(ModelError, match=r"rerank: .*not a cross-encoder"):
        export_reranker(str(toy_model))
    with pytest.raises(ModelError, match="has no ONNX graph"):
        open_reranker(str(cross_encoder()))
