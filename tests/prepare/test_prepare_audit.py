import json

import pytest

from semtune.dataset import Dataset, save
from semtune.errors import GateError, InputError
from semtune.prepare.build.dataset import prepare
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.audit import audit
from semtune.prepare.split.leaks import check_leaks
from semtune.testing.toy_corpus import write_toy_folder
from semtune.types import Document, Query

WORDS = [
    "harbour",
    "lighthouse",
    "ferry",
    "lantern",
    "goat",
    "letter",
    "island",
    "morning",
    "crate",
    "keeper",
    "dog",
    "bread",
]


def sentence(number):
    return " ".join(WORDS[(number * step + number // 3) % len(WORDS)] + str(number) for step in range(1, 31))


def table(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_a_data_set_of_semtunes_own_is_innocent(tmp_path, tokenizer):
    data = prepare(write_toy_folder(tmp_path / "pages", 20), tokenizer, 64, PrepareSettings(), 1)
    save(data, tmp_path / "data")
    found = audit(tmp_path / "data")
    assert (found.total, found.share) == (0, 0.0)
    assert found.held_out > 0


def test_a_planted_copy_with_small_edits_is_found_in_tables_by_split(tmp_path):
    rows = [{"query": f"what about number {i} of them", "document": sentence(i)} for i in range(30)]
    copy = " ".join(["Butter", *sentence(25).upper().split()[1:15], "and", *sentence(25).split()[15:]])
    train = table(tmp_path / "train.jsonl", [*rows[:20], {"query": "a new one", "document": copy}])
    test = table(tmp_path / "test.jsonl", rows[20:])
    found = audit({"train": train, "test": test})
    assert {sort: count for sort, count in found.found.items() if count} == {"near-duplicate passage": 1}
    assert found.examples["near-duplicate passage"][0].startswith(sentence(25)[:40])
    assert found.held_out == 20
    assert found.share == pytest.approx(1 / 20)


def test_scored_pairs_of_their_owners_split_are_compared(tmp_path):
    rows = [{"sentence1": sentence(i), "sentence2": sentence(i + 50), "score": i % 6} for i in range(20)]
    swapped = {"sentence1": rows[15]["sentence2"], "sentence2": rows[15]["sentence1"], "score": 5}
    train = table(tmp_path / "train.jsonl", [*rows[:10], swapped])
    test = table(tmp_path / "test.jsonl", rows[10:])
    assert audit({"train": train, "test": test}).found["scored pair"] == 1
    assert audit({"train": table(tmp_path / "clean.jsonl", rows[:10]), "test": test}).total == 0


@pytest.mark.parametrize(
    ("shared_documents", "limit", "passed"), [("drop", 0, False), ("drop", 1, True), ("keep", 0, True)]
)
def test_an_audit_decides_as_prepare_does(tmp_path, shared_documents, limit, passed):
    """One rule: what prepare lets through passes an audit, and what an audit refuses is refused by prepare."""
    rows = [{"query": f"what about number {i} of them", "document": sentence(i)} for i in range(30)]
    shared = {"query": "something else entirely", "document": sentence(25)}
    source = {
        "train": table(tmp_path / "train.jsonl", [*rows[:20], shared]),
        "test": table(tmp_path / "test.jsonl", rows[20:]),
    }
    found = audit(source, PrepareSettings(shared_documents=shared_documents))
    assert {sort: count for sort, count in found.found.items() if count} == {"document": 1, "text": 1}
    assert (found.total, found.share) == (2, 0.1)
    assert found.as_dict()["exempt"] == sum(found.found.values()) - sum(found.counted.values())
    assert found.passes(limit) == passed
    content = sentence(25)
    data = Dataset(
        corpus=[Document("d", content)],
        queries={"a": Query("a", "something else entirely"), "b": Query("b", "what about number 25 of them")},
        qrels={"train": {"a": {"d": 1}}, "test": {"b": {"d": 1}}},
    )
    if passed:
        check_leaks(data, shared_documents, limit)
    else:
        with pytest.raises(GateError, match=r"1 document\(s\), 1 text\(s\)"):
            check_leaks(data, shared_documents, limit)


def test_shared_questions_are_never_exempt(tmp_path):
    rows = [{"query": f"what about number {i} of them", "document": sentence(i)} for i in range(10)]
    source = {
        "train": table(tmp_path / "train.jsonl", [*rows[:6], rows[9] | {"document": sentence(30)}]),
        "test": table(tmp_path / "test.jsonl", [*rows[6:9], rows[9] | {"query": "What about number 9 of them please"}]),
    }
    found = audit(source, PrepareSettings(shared_documents="keep"))
    assert found.counted == {"near-duplicate question": 1}
    assert not found.passes(0)


def test_what_has_no_splits_cannot_be_audited(tmp_path):
    rows = [{"query": f"question {i}", "document": sentence(i)} for i in range(5)]
    with pytest.raises(InputError, match="has no splits"):
        audit(table(tmp_path / "all.jsonl", rows))
    with pytest.raises(InputError, match="the splits train: an audit compares"):
        audit({"train": table(tmp_path / "train.jsonl", rows)})


@pytest.mark.slow
@pytest.mark.data
def test_scifacts_own_split_shares_documents_and_claims(real_data):
    found = audit(real_data / "scifact").found
    # By hand: documents with a positive judgement in both qrels files.
    ids = []
    for split in ("train", "test"):
        lines = (real_data / "scifact" / "qrels" / f"{split}.tsv").read_text().splitlines()[1:]
        ids.append({cells[1] for cells in map(str.split, lines) if int(cells[2]) > 0})
    assert found["document"] == len(ids[0] & ids[1])
    assert found["near-duplicate question"] > 20
