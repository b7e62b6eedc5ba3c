"""OpenVINO runs the same graph and gives the same vectors as sentence-transformers and onnxruntime."""

import threading

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from test_encoders_onnx import TEXTS

from model_variants import VARIANTS
from semtune.encoders.load import load_encoder
from semtune.encoders.onnx import open_onnx
from semtune.errors import ModelError

openvino = pytest.importorskip("openvino")
from semtune.encoders.openvino import OpenVinoRunner, open_openvino  # noqa: E402


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request, exported):
    return exported(request.param)


@pytest.mark.parametrize("role", ["query", "document"])
def test_openvino_equals_sentence_transformers(variant, role):
    model = SentenceTransformer(str(variant.source), device="cpu")
    asked = model.encode_query if role == "query" else model.encode_document
    want = asked(TEXTS, normalize_embeddings=variant.contract.similarity == "cosine")
    encoder = open_openvino(variant.folder)
    made = encoder.encode(TEXTS, role).vectors
    assert made.dtype == np.float32
    if encoder.runtime == "openvino-fp32":
        np.testing.assert_allclose(made, want, atol=1e-5)
    cosines = (made * want).sum(axis=1) / (np.linalg.norm(made, axis=1) * np.linalg.norm(want, axis=1))
    assert cosines.min() > 0.995  # in bf16, where the processor has it


def test_counts_are_those_of_onnxruntime(exported):
    one, two = open_onnx(exported("mean").folder).encode(TEXTS), open_openvino(exported("mean").folder).encode(TEXTS)
    assert (one.tokens, one.truncated) == (two.tokens, two.truncated)
    assert one.cut.tolist() == two.cut.tolist()
    assert one.lengths.tolist() == two.lengths.tolist()


def test_equal_texts_get_one_vector_each_in_place(exported):
    encoder = open_openvino(exported("mean").folder)
    made = encoder.encode(["kettle", "lid of a pot", "kettle", "kettle"])
    assert made.vectors[[0, 0]].tolist() == made.vectors[[2, 3]].tolist()
    assert not np.allclose(made.vectors[0], made.vectors[1])
    assert made.tokens == 3 * 3 + made.lengths[1]


def test_bf16_is_named_and_near(exported):
    path = exported("mean").folder / "onnx" / "model.onnx"
    whole, half = OpenVinoRunner(path, bf16=False), OpenVinoRunner(path, bf16=True)
    assert (whole.runtime, half.runtime) == ("openvino-fp32", "openvino-bf16")
    ids = [[2, *range(5, 25), 3], [2, 9, 3]]
    one, two = whole(ids), half(ids)
    assert ((one * two).sum(axis=1) > 0.99).all()


def test_vectors_do_not_mix_between_threads(exported):
    encoder = open_openvino(exported("mean").folder)
    wanted = {text: encoder.encode([text]).vectors[0] for text in TEXTS}
    wrong = []

    def ask(shift):
        for text in TEXTS[shift:] + TEXTS[:shift]:
            found = encoder.encode([text]).vectors[0]
            if not np.allclose(found, wanted[text], atol=1e-5):
                wrong.append(text)

    threads = [threading.Thread(target=ask, args=(shift,)) for shift in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_folder_without_a_graph_is_refused(toy_model):
    with pytest.raises(ModelError, match="no ONNX graph in fp32"):
        load_encoder(str(toy_model), "openvino")
