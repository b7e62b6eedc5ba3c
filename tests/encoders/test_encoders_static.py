"""The static encoder equals sentence-transformers' StaticEmbedding, and needs neither torch nor onnxruntime."""

import json
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
from tokenizers import Tokenizer

from model_variants import PROMPTS, WORDS, edit
from semtune import contract as contracts
from semtune.encoders.load import load_encoder
from semtune.encoders.static import StaticEncoder
from semtune.encoders.torch import TorchEncoder
from semtune.errors import ModelError
from semtune.io import write_jsonl
from semtune.tensors import read_tensor, tensor_shapes

TEXTS = ["", "  ", "mend the kettle", " ".join(WORDS[:3000]), "日本語 naïve 😀", "a [SEP] b [MASK] c", "UPPER lower"]


@pytest.fixture(scope="module")
def static(toy_model, tmp_path_factory):
    """A random table for the toy model's tokenizer, as sentence-transformers writes it, with prompts."""
    tokenizer = Tokenizer.from_file(str(toy_model / "tokenizer.json"))
    rows = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), 24)).astype(np.float32)
    folder = tmp_path_factory.mktemp("static") / "model"
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, rows), Normalize()], prompts=PROMPTS, device="cpu")
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


@pytest.mark.parametrize("role", ["query", "document"])
def test_it_equals_sentence_transformers(static, role):
    model = SentenceTransformer(str(static), device="cpu")
    wanted = (model.encode_query if role == "query" else model.encode_document)(TEXTS)
    made, torch = load_encoder(str(static)), TorchEncoder.load(static)
    assert made.runtime == "static-fp32"
    for encoder in (made, torch):
        np.testing.assert_allclose(encoder.encode(TEXTS, role).vectors, wanted, atol=1e-5)
    assert [made.encode(TEXTS, role).tokens, made.encode(TEXTS, role).truncated] == [
        torch.encode(TEXTS, role).tokens,
        0,
    ]
    np.testing.assert_array_equal(made.encode([]).vectors, np.zeros((0, 24), np.float32))


def test_a_text_is_the_mean_of_its_rows_and_nothing_is_zeros(static):
    folder = shutil.copytree(static, static.parent / "bare", dirs_exist_ok=True)
    edit(folder / "config_sentence_transformers.json", prompts={}, similarity_fn_name="dot")
    (folder / "modules.json").write_text(json.dumps(json.loads((folder / "modules.json").read_text())[:1]))
    rows, vocabulary = load_file(folder / "model.safetensors")["embedding.weight"], Tokenizer.from_file(
        str(folder / "tokenizer.json")
    ).get_vocab()  # fmt: skip
    encoder = StaticEncoder(folder)
    made = encoder.encode(["a 7 a", ""]).vectors
    np.testing.assert_allclose(made[0], (2 * rows[vocabulary["a"]] + rows[vocabulary["7"]]) / 3, atol=1e-6)
    assert not made[1].any()
    assert (encoder.contract.pooling, encoder.contract.normalize, encoder.contract.dimension) == ("static", False, 24)
    assert (encoder.contract.max_length, encoder.contract.passage_length) == (contracts.NO_LIMIT, 256)


def test_a_tokenizer_that_cuts_is_obeyed_and_counted(static, tmp_path):
    folder = shutil.copytree(static, tmp_path / "cut")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(5)
    tokenizer.save(str(folder / "tokenizer.json"))
    made = StaticEncoder(folder).encode(TEXTS)
    np.testing.assert_allclose(
        made.vectors, SentenceTransformer(str(folder), device="cpu").encode_document(TEXTS), atol=1e-5
    )
    assert contracts.describe(folder).max_length == 5
    assert made.truncated == TorchEncoder.load(folder).encode(TEXTS).truncated > 0


def test_older_and_model2vec_folders_are_read(static, tmp_path):
    older = shutil.copytree(static, tmp_path / "older")
    modules = json.loads((older / "modules.json").read_text())
    modules[0]["path"] = "0_StaticEmbedding"
    (older / "modules.json").write_text(json.dumps(modules))
    (older / "0_StaticEmbedding").mkdir()
    rows = load_file(older / "model.safetensors")["embedding.weight"]
    (older / "model.safetensors").unlink()
    shutil.move(older / "tokenizer.json", older / "0_StaticEmbedding" / "tokenizer.json")
    weights = np.random.default_rng(1).uniform(size=len(rows))
    table = {"embeddings": rows[::-1].copy(), "mapping": np.arange(len(rows))[::-1].copy(), "weights": weights}
    save_file(table, older / "0_StaticEmbedding" / "model.safetensors")
    wanted = SentenceTransformer(str(older), device="cpu").encode_query(TEXTS)
    np.testing.assert_allclose(StaticEncoder(older).encode(TEXTS, "query").vectors, wanted, atol=1e-5)


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int64])
def test_tensors_are_read_as_safetensors_reads_them(tmp_path, kind):
    values = {"a": np.arange(12).reshape(3, 4).astype(kind), "b": np.ones(2, np.float32)}
    save_file(values, tmp_path / "x.safetensors", metadata={"format": "pt"})
    assert tensor_shapes(tmp_path / "x.safetensors") == {"a": (3, 4), "b": (2,)}
    np.testing.assert_array_equal(read_tensor(tmp_path / "x.safetensors", "a"), values["a"])


def test_bf16_becomes_fp32(tmp_path):
    import torch
    from safetensors.torch import save_file as save_torch

    values = torch.randn(3, 5).to(torch.bfloat16)
    save_torch({"a": values}, tmp_path / "x.safetensors")
    np.testing.assert_array_equal(read_tensor(tmp_path / "x.safetensors", "a"), values.float().numpy())


def test_what_does_not_fit_is_refused(static, toy_model, tmp_path):
    with pytest.raises(ModelError, match="is not a static model"):
        StaticEncoder(toy_model)
    folder = shutil.copytree(static, tmp_path / "short")
    rows = load_file(folder / "model.safetensors")["embedding.weight"]
    save_file({"embedding.weight": rows[:-3].copy()}, folder / "model.safetensors")
    with pytest.raises(ModelError, match="but the tokenizer has"):
        StaticEncoder(folder)
    whole = (static / "model.safetensors").read_bytes()
    for part, said in (
        (whole[:-9], "is truncated"),
        (b"", "is truncated"),
        (b"\x05" + b"\0" * 7 + b"{abcd", "is not a safe"),
    ):
        (folder / "model.safetensors").write_bytes(part)
        with pytest.raises(ModelError, match=said):
            StaticEncoder(folder)
    from semtune.export.build import export_model

    with pytest.raises(ModelError, match="needs no graph"):
        export_model(static, ["onnx"])


def test_all_commands_that_serve_run_without_torch_and_onnxruntime(static, tmp_path):
    code = textwrap.dedent("""
        import sys
        FORBIDDEN = {"torch", "transformers", "sentence_transformers", "datasets", "onnx", "onnxruntime", "safetensors"}

        class Poison:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in FORBIDDEN:
                    raise AssertionError(f"{name} was imported")

        sys.meta_path.insert(0, Poison())
        model, data, out = sys.argv[1:]
        from semtune.cli.main import app
        for words in (["index", model, data, "-o", out], ["search", out, "kettle " * 9, "-k", "1"], ["evaluate", model, data],
                      ["encode", model, data + "/texts.txt", "-o", out + ".npy"]):
            app([*words, "--json"], standalone_mode=False)
        from pathlib import Path
        from fastapi.testclient import TestClient
        from semtune.search.searcher import Searcher
        from semtune.serve.app import create_app
        from semtune.serve.catalogue import Catalogue
        searcher = Searcher.open(Path(out))
        with TestClient(create_app(Catalogue.single(searcher.encoder, searcher))) as client:
            print("SERVED", client.post("/search", json={"query": "kettle " * 9, "k": 1}).json()["hits"][0]["id"])
    """)
    data = tmp_path / "data"
    (data / "qrels").mkdir(parents=True)
    asked = "kettle " * 9  # the prompts, which differ by role, must not decide
    write_jsonl(data / "corpus.jsonl", [{"_id": "k", "text": asked}, {"_id": "v", "text": "the violin"}])
    write_jsonl(data / "queries.jsonl", [{"_id": "q", "text": asked}])
    (data / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\tk\t1\n")
    (data / "texts.txt").write_text("kettle\n")
    done = subprocess.run(
        [sys.executable, "-c", code, str(static), str(data), str(tmp_path / "index")],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"ndcg@10": 1.0' in done.stdout
    assert "SERVED k" in done.stdout
    wanted = SentenceTransformer(str(static), device="cpu").encode_document(["kettle"])
    np.testing.assert_allclose(np.load(tmp_path / "index.npy"), wanted, atol=1e-5)
