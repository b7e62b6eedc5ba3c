"""An index holds every document of its source; the inputs once lost some of them, or were refused."""

import dataclasses
import json

import pytest

import semtune
from semtune.encoders.tokenizer import Tokenizer
from semtune.index import manifest as manifests
from semtune.prepare.build.dataset import prepare
from semtune.prepare.build.for_index import documents_for_index
from semtune.prepare.settings import PrepareSettings

SETTINGS = PrepareSettings()


@pytest.fixture(scope="module")
def tokenizer(toy_model):
    from semtune import contract as contracts

    return Tokenizer(toy_model, contracts.load(toy_model))


@pytest.fixture
def read(tokenizer):
    def call(path, limit=64):
        return documents_for_index(path, tokenizer, limit, SETTINGS)

    return call


def test_short_notes_without_headings(tmp_path, read):
    for number in range(8):
        (tmp_path / f"note{number}.txt").write_text(f"The spare key hangs behind door {number}.")
    found = read(tmp_path)
    assert [d.text for d in found.documents] == [f"The spare key hangs behind door {n}." for n in range(8)]
    assert found.documents[3].metadata["source"] == "note3.txt"
    assert found.documents[3].metadata["span"] == [0, 34]
    assert (found.left_out, found.warnings) == ({}, ())


def test_equal_texts_one_word_texts_and_titles_alone(tmp_path, read):
    path = tmp_path / "products.jsonl"
    rows = [{"id": "a", "text": "hose"}, {"id": "b", "text": "hose"}, {"id": "c", "title": "Red scarf", "text": ""}]
    rows += [{"id": f"e{n}", "text": f"rake {n}"} for n in range(9)]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"id": "d", "title": "", "text": None}]))
    found = read(path)
    assert len(found.documents) == 12
    assert [(d.id, d.title, d.text) for d in found.documents[:3]] == [
        ("a", "", "hose"), ("b", "", "hose"), ("c", "Red scarf", ""),
    ]  # fmt: skip
    assert found.documents[2].content == "Red scarf"
    assert found.left_out == {"bad row: no text": 1}


def test_further_columns_are_metadata_as_they_are(tmp_path, read):
    path = tmp_path / "ids.jsonl"
    row = {"id": "SKU-1", "text": "Oil the chain.", "url": "https://x.org/1", "price": 1.5, "tags": ["a", "b"]}
    path.write_text("\n".join(json.dumps({**row, "source": "shop", "empty": "", "id": n}) for n in ("SKU-1", "SKU-2")))
    metadata = read(path).documents[0].metadata
    assert {key: metadata[key] for key in ("url", "price", "tags", "source_")} == {
        "url": "https://x.org/1", "price": 1.5, "tags": ["a", "b"], "source_": "shop",
    }  # fmt: skip
    assert metadata["source"] == "ids.jsonl:1"
    assert "empty" not in metadata


def test_a_column_of_beir_s_corpus_is_metadata_too(tmp_path):
    path = tmp_path / "corpus.jsonl"
    path.write_text('{"_id": "1", "text": "x", "lang": "en", "metadata": {"url": "u"}}\n{"_id": "2", "text": "y"}\n')
    from semtune.dataset import read_documents

    assert [dict(d.metadata) for d in read_documents(path)] == [{"lang": "en", "url": "u"}, {}]


def test_every_text_with_a_class(tmp_path, read):
    path = tmp_path / "train.csv"
    path.write_text("text,label\n" + "".join(f"text number {n},{'odd' if n % 2 else 'even'}\n" for n in range(300)))
    documents = read(path).documents
    assert len(documents) == 300
    assert documents[1].metadata == {"label": "odd"}


def test_a_heading_without_text_stands_alone_or_above_its_sections(tmp_path, read):
    (tmp_path / "a.md").write_text("# Tools\n\n## Hose\n\nUse it.\n\n## Scarf\n\n## Rake\n\n### Handle\n")
    (tmp_path / "b.md").write_text("# Nothing but a title\n")
    assert [(d.title, d.text) for d in read(tmp_path).documents] == [
        ("Tools > Hose", "Use it."), ("Tools", "Scarf"), ("Tools > Rake", "Handle"), ("Nothing but a title", ""),
    ]  # fmt: skip


def test_every_word_of_a_long_text_is_in_a_passage(tmp_path, read):
    words = [f"word{n}" for n in range(700)]
    (tmp_path / "long.txt").write_text(" ".join(words))
    documents = read(tmp_path).documents
    assert len(documents) > 10
    assert " ".join(d.text for d in documents).split() == words


def test_what_is_prepared_for_training_is_indexed_whole(tmp_path, tokenizer):
    """Short and repeated texts ask nothing and are not judged, but they are found."""
    for number in range(12):
        (tmp_path / f"d{number:02}.md").write_text(
            f"# How to mend kettle number {number}\n\nTake the lid {number} off and clean part {number * 7} well.\n\n"
            f"## Price of kettle {number}\n\n12 euro\n\n## Licence\n\nEverybody may use this text as they please.\n"
        )
    made = prepare(str(tmp_path), tokenizer, 64, SETTINGS, 3)
    assert len(made.corpus) == 12 + 1  # the licence once, the prices are too short to be judged
    assert [d.id for d in made.to_index] == [f"d{n:02}.md#{part}" for n in range(12) for part in (1, 2, 3)]
    assert made.to_index[1].content == "How to mend kettle number 0 > Price of kettle 0 12 euro"
    capped = prepare(str(tmp_path), tokenizer, 64, PrepareSettings(max_passages=20), 3)
    assert len(capped.to_index) == 20


def test_the_command_counts_what_it_cannot_read(tmp_path, toy_model):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("A key.")
    (tmp_path / "notes" / "b.bin").write_bytes(b"\x00\x01")
    made = semtune.index(str(toy_model), tmp_path / "notes", tmp_path / "index", runtime="torch")
    assert made.count == 1
    assert sum(made.left_out.values()) == 1
    assert manifests.read(tmp_path / "index") == dataclasses.replace(made, query_ms=0.0)  # a time is not kept
