"""Real data: published sets must come out as published."""

import pytest

from semtune.prepare.build.dataset import prepare
from semtune.prepare.build.for_evaluation import load_for_evaluation
from semtune.prepare.readers.sniff import sniff
from semtune.prepare.settings import PrepareSettings


@pytest.mark.data
def test_scifact_loses_the_labels_that_share_a_document_with_test(shared_data, tokenizer):
    data = prepare(shared_data / "scifact", tokenizer, 256, PrepareSettings(), 42)
    assert len(data.corpus) == 5183
    assert (len(data.qrels["test"]), sum(map(len, data.qrels["test"].values()))) == (300, 339)
    left = sum(len(row) for split in ("train", "dev") for row in data.qrels[split].values())
    # 295 share a document or question with test; two ask nearly what test asks (test_prepare_near counts them too).
    assert left == 919 - 295 - 2
    assert data.report["leaks"]["removed"] == 297
    assert data.report["leaks"]["found"] == 0
    assert len(load_for_evaluation(shared_data / "scifact").qrels["train"]) == 809


@pytest.mark.slow
@pytest.mark.data
def test_stsb_without_header(shared_data, tokenizer):
    folder = shared_data / "stsb"
    test = load_for_evaluation(folder / "stsb-en-test.csv").scored["test"]
    assert len(test) == 1379
    assert (test[0].sentence1, test[0].score) == ("A girl is styling her hair.", 0.5)
    data = prepare({s: str(folder / f"stsb-en-{s}.csv") for s in ("train", "dev", "test")}, tokenizer, 256)
    assert [len(data.scored[split]) for split in ("train", "dev", "test")] == [5749 - 45 - 19 - 8, 1500, 1379]
    assert data.scored["test"] == test


@pytest.mark.slow  # 16,407 rows; every shape of it has a small test
@pytest.mark.data
def test_medquad_pairs(shared_data, tokenizer):
    path = shared_data / "medquad_liveqa" / "medquad_pairs.jsonl"
    assert sniff(path).columns == {"anchor": "question", "positive": "answer", "id": "id"}
    data = prepare(path, tokenizer, 256, PrepareSettings(max_pairs=2000), 42)
    assert data.report["counts"]["rows"] == 16407
    assert data.report["leaks"]["found"] == 0
    assert len(data.pairs["train"]) == 2000


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.model
def test_python_docs_are_enough_to_train_and_to_judge():
    from semtune import contract
    from semtune.encoders.tokenizer import Tokenizer
    from semtune.errors import ModelError
    from semtune.hub import resolve_model

    try:
        folder = resolve_model("all-MiniLM-L6-v2")
    except ModelError:
        pytest.skip("no all-MiniLM-L6-v2 here")
    rules = contract.load(folder)
    data = prepare("python-docs", Tokenizer(folder, rules), rules.max_length, PrepareSettings(), 42)
    assert 1000 <= len(data.pairs["train"]) <= 3500
    assert len(data.qrels["test"]) >= 100
    assert len(data.corpus) <= 8000
    assert data.report["tokens"]["truncated"] == 0
    assert data.report["leaks"]["found"] == 0
