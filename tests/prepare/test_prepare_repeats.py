"""Documents that repeat others, chance bonds between documents, and near duplicates that are dropped."""

import random

import pytest

from semtune.prepare.build.dataset import prepare
from semtune.prepare.dedupe.repeated_passages import find_collections
from semtune.prepare.records import Section
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.leaks import find_leaks

WORDS = [f"{a}{b}{c}" for a in "bdfgklm" for b in "aeiou" for c in "nrst"]


def sentence(rng, words=12):
    return " ".join(rng.choices(WORDS, k=words)).capitalize() + "."


def chapter(number, sections=6):
    rng = random.Random(number)
    return [
        (f"{sentence(rng, 4)[:-1]} of {number}", "\n".join(sentence(rng) for _ in range(3))) for _ in range(sections)
    ]


def write(folder, name, parts):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("# " + name + "\n\n" + "\n\n".join(f"## {head}\n\n{text}" for head, text in parts))


def as_sections(documents):
    return [
        Section(f"{name}#{n}", name, name, (head,), text)
        for name, parts in documents.items()
        for n, (head, text) in enumerate(parts)
    ]


def chapters(count, start=0):
    return {f"c{n}.md": chapter(n) for n in range(start, start + count)}


def test_a_document_that_puts_others_together_is_a_collection():
    some = chapters(5)
    whole = [part for parts in some.values() for part in parts]
    assert find_collections(as_sections(some)) == frozenset()
    assert find_collections(as_sections(some | {"all.md": whole})) == {"all.md"}
    assert find_collections(as_sections(some | {"all.md": whole, "all2.md": whole})) == {"all.md", "all2.md"}
    assert (
        find_collections(as_sections(some | {"own.md": whole[:12] + chapter(90, 20)})) == frozenset()
    )  # mostly its own
    assert find_collections(as_sections(some | {"two.md": whole[:12]})) == frozenset()  # of two only


def test_versions_of_one_text_are_no_collections():
    versions = {f"v{n}.md": chapter(1, 10) + chapter(n, 1) for n in range(2, 7)}
    assert find_collections(as_sections(versions)) == frozenset()


def test_a_manual_on_one_page_beside_its_chapters(tmp_path, tokenizer):
    some = chapters(8)
    for name, parts in some.items():
        write(tmp_path, name, parts)
    alone = prepare(tmp_path, tokenizer, 64, PrepareSettings(), 0)
    write(
        tmp_path,
        "all.md",
        [part for parts in some.values() for part in parts] + [("The end of all", sentence(random.Random(5)))],
    )
    data = prepare(tmp_path, tokenizer, 64, PrepareSettings(), 0)
    assert set(data.qrels) == {"train", "dev", "test"}
    assert find_leaks(data).total == 0
    assert data.report["dropped"]["section of a collection that repeats another document"]["count"] == 48
    assert any("1 document(s) combine other documents (all.md)" in warning for warning in data.report["warnings"])
    own = [document.id for document in data.corpus if document.id.startswith("all.md")]
    assert own == ["all.md#49"]
    assert {split: len(rows) for split, rows in data.qrels.items() if split != "train"} == {
        split: len(rows) for split, rows in alone.qrels.items() if split != "train"
    }


def test_texts_by_chance_do_not_chain_all_documents_into_one(tmp_path, tokenizer):
    """Each document shares one question with the next: all would be one group, and nothing could be judged."""
    count = 10
    for n in range(count):
        shared = [(f"How to moor boat number {m}", sentence(random.Random(f"{n} {m}"))) for m in (n, n + 1)]
        write(tmp_path, f"c{n}.md", chapter(n, 8) + shared)
    data = prepare(tmp_path, tokenizer, 64, PrepareSettings(), 0)
    assert {"dev", "test"} <= set(data.qrels)
    assert find_leaks(data).total == 0
    facts = data.report["counts"]
    assert facts["groups"] == 5  # of two documents each: three would hold more than a quarter
    assert data.report["dropped"]["question: shared by documents that together hold more than 25% of all questions"][
        "count"
    ] == 2 * (count - 1 - 5)


def test_documents_that_share_much_stay_together_with_a_warning(tmp_path, tokenizer):
    for n in range(3):
        write(tmp_path, f"v{n}.md", [(head, f"{text} Boat {n} sails {n}.") for head, text in chapter(1, 10)])
    for n in range(6):
        write(tmp_path, f"z{n}.md", chapter(n + 20, 1))
    data = prepare(tmp_path, tokenizer, 64, PrepareSettings(), 0)
    assert find_leaks(data).total == 0
    assert data.report["counts"]["groups"] == 7
    assert any(
        "3 of 9 documents share so many texts or questions that they are one group (v0.md, v1.md, v2.md) with 30 of 36"
        in warning
        for warning in data.report["warnings"]
    )
    assert not any(
        id_.startswith("v") for split in ("dev", "test") for row in data.qrels[split].values() for id_ in row
    )


def test_near_duplicates_can_be_dropped(tmp_path, tokenizer):
    rng = random.Random(4)
    for n in range(6):
        write(tmp_path, f"c{n}.md", [(f"{sentence(rng, 4)[:-1]} {n}", sentence(rng, 40))])
    text = sentence(rng, 40)
    near = text.replace(text.split()[20], "boat")
    write(tmp_path, "d.md", [("First of three", text)])
    write(tmp_path, "e.md", [("Second of three", near)])
    write(tmp_path, "f.md", [("Third of three", text.replace(text.split()[5], "pier"))])
    kept = prepare(tmp_path, tokenizer, 99, PrepareSettings(), 0)
    data = prepare(tmp_path, tokenizer, 99, PrepareSettings(near_duplicates="drop"), 0)
    gone = {document.id for document in kept.corpus} - {document.id for document in data.corpus}
    assert gone == {"e.md#1", "f.md#1"}
    assert {document.id for document in data.documents} == {document.id for document in data.corpus}
    entry = data.report["dropped"]["near duplicate of an earlier passage"]
    assert entry == {"count": 2, "example": "e.md#1 repeats d.md#1"}
    assert len(data.report["alike"]["near-duplicate passages, the second left out"]) == 2
    assert find_leaks(data).total == 0


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("folder", "least"), [("nodejs-doc", 30), ("r-doc-html", 100)])
def test_manuals_that_repeat_themselves_have_something_to_judge_with(real_data, tmp_path, tokenizer, folder, least):
    import tarfile

    with tarfile.open(real_data / "debian_docs" / "html_raw.tar.gz") as archive:
        archive.extractall(
            tmp_path, [m for m in archive if m.name.removeprefix("./").startswith(folder)], filter="data"
        )
    data = prepare(tmp_path, tokenizer, 256, PrepareSettings(), 13)
    assert min(len(data.qrels["dev"]), len(data.qrels["test"])) >= least
    assert find_leaks(data).total == 0


def test_rows_that_repeat_are_counted_and_left_out(tmp_path, tokenizer):
    words = [f"boat {word}" for word in WORDS[:12]]
    rows = [f"what is {word},{word} is a thing" for word in words]
    (tmp_path / "pairs.csv").write_text("query,document\n" + "\n".join([*rows, rows[3].upper(), rows[5]]) + "\n")
    data = prepare(tmp_path / "pairs.csv", tokenizer, 64, PrepareSettings(), 0)
    assert sum(map(len, data.pairs.values())) == 12
    assert data.report["dropped"]["duplicate pair"] == {
        "count": 2, "example": rows[3].upper().replace(",", " | "),
    }  # fmt: skip
    rows = [f"{word} sails,{word} floats,{n % 5}" for n, word in enumerate(words)]
    turned = f"{words[0]} floats,{words[0]} sails,0"
    other = f"{words[1]} sails,{words[1]} floats,4"  # another judgement, and no copy
    text = "sentence1,sentence2,score\n" + "\n".join([*rows, turned, other]) + "\n"
    (tmp_path / "scored.csv").write_text(text)
    data = prepare(tmp_path / "scored.csv", tokenizer, 64, PrepareSettings(), 0)
    assert sum(map(len, data.scored.values())) == 13
    assert data.report["dropped"]["duplicate pair"]["count"] == 1
