"""The same items from a local index and from Milvus, from the exported model, and the benchmark's reading of packages."""

import importlib.util
import sys
from pathlib import Path

import pytest

import semtune
from semtune.encoders.load import load_encoder
from semtune.encoders.toy import ToyEncoder
from semtune.index.build import build_index
from semtune.index.settings import IndexSettings
from semtune.tasks.recommend.settings import RecommendSettings
from semtune.types import Document

TEXTS = [
    "mend the kettle with solder", "a kettle boils water", "solder and a hot iron", "rake the leaves of autumn",
    "roses beside the lawn", "mow the lawn and rake it", "the bow of a violin", "piano and violin",
]  # fmt: skip
DOCUMENTS = [Document(f"d{n}", text, metadata={"n": n}) for n, text in enumerate(TEXTS)]


def rows(found):
    return [(item.id, pytest.approx(item.score, abs=1e-4)) for item in found.items]


@pytest.mark.slow
def test_milvus_and_the_local_index_recommend_the_same(tmp_path):
    encoder, gone = ToyEncoder(), tmp_path / "gone"
    build_index(DOCUMENTS, encoder, gone, tmp_path / "local", IndexSettings())
    uri = str(tmp_path / "vectors.db")
    build_index(DOCUMENTS, encoder, gone, tmp_path / "milvus", IndexSettings(backend="milvus", uri=uri))
    for given in (
        RecommendSettings(like=("d0", "d5"), dislike=("d6",), k=4),
        RecommendSettings(like=("d0",), viewed=("d7",), where="n>=2", diversity=0.4, k=3),
        RecommendSettings(like=tuple(f"d{n}" for n in range(8))),
    ):
        found = semtune.recommend(tmp_path / "milvus", given)
        assert rows(found) == rows(semtune.recommend(tmp_path / "local", given))


def test_an_exported_model_recommends_by_its_own_vectors(exported, tmp_path):
    folder = exported("mean").folder
    encoder = load_encoder(str(folder))
    build_index(DOCUMENTS, encoder, folder, tmp_path / "index", IndexSettings())
    found = semtune.recommend(tmp_path / "index", RecommendSettings(like=("d0",), k=7))
    vectors = encoder.encode(TEXTS).vectors
    cosines = vectors @ vectors[0]
    order = sorted(range(1, 8), key=lambda n: -cosines[n])
    assert [item.id for item in found.items] == [f"d{n}" for n in order]
    assert [item.score for item in found.items] == pytest.approx(cosines[order].tolist(), abs=1e-3)


def test_the_benchmark_reads_packages_as_debian_writes_them(monkeypatch):
    folder = Path(__file__).parents[2] / "benchmarks"
    monkeypatch.syspath_prepend(str(folder))
    spec = importlib.util.spec_from_file_location("uses_recommend", folder / "uses_recommend.py")
    made = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "uses_recommend", made)
    spec.loader.exec_module(made)
    block = ("Package: aa\nDepends: bb (>= 1.0), cc | dd, bb:any\nRecommends: ee [amd64], gone\nDescription: A tool\n"
             "Tag: role::program,\n use::editing\nSection: text")  # fmt: skip
    found = made.fields(block)
    assert made.depends(found, dict.fromkeys(("aa", "bb", "cc", "dd", "ee"))) == ["bb", "cc", "ee"]
    assert made.text_of(found) == "A tool. text. role program  use editing"
