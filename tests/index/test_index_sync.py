"""What sync deletes: documents of files that are gone, and never those of a folder that cannot be read."""

from pathlib import Path

import pytest

from semtune.errors import GateError
from semtune.index.sync import check_deletions, file_of, find_gone, is_in
from semtune.types import Document


def doc(id_, source=None):
    return Document(id_, "text", metadata={} if source is None else {"source": source})


@pytest.mark.parametrize(
    ("metadata", "file"),
    [({"source": "a/b.md"}, "a/b.md"), ({"source": "t.csv:12"}, "t.csv"), ({"source": 3}, ""), ({}, "")],
)
def test_the_file_of_a_document(metadata, file):
    assert file_of(metadata) == file


def test_removed_files_and_removed_parts_go():
    indexed = [doc("a#1", "a"), doc("a#2", "a"), doc("b#1", "b"), doc("c#1", "c")]
    gone = find_gone(indexed, [doc("a#1", "a"), doc("c#1", "c")], lambda _: False)
    assert (gone.ids, gone.kept, gone.elsewhere) == (("a#2", "b#1"), (), 0)


def test_a_file_that_is_there_but_gave_nothing_keeps_its_documents():
    gone = find_gone([doc("a#1", "a"), doc("b#1", "b")], [doc("a#1", "a")], lambda name: name == "b")
    assert (gone.ids, gone.kept) == ((), ("b#1",))


def test_documents_from_elsewhere_stay():
    gone = find_gone([doc("a#1", "a"), doc("x")], [doc("a#1", "a")], lambda _: False)
    assert (gone.ids, gone.elsewhere) == ((), 1)


def test_a_source_without_files_is_the_whole_index():
    gone = find_gone([doc("1"), doc("2"), doc("a#1", "a")], [doc("1")], lambda _: False)
    assert gone.ids == ("2", "a#1")


def test_what_is_in_a_folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.md").write_text("x")
    (tmp_path / "empty.md").write_text("")
    (tmp_path / "pack.zip").write_text("x")
    there = is_in(tmp_path)
    names = ["sub/a.md", "empty.md", "pack.zip/inner/b.md", "sub", "gone.md", "../sub/a.md", str(Path(tmp_path, "sub"))]
    assert [there(name) for name in names] == [True, False, True, False, False, False, False]


def test_most_of_an_index_is_not_deleted_without_being_asked():
    check_deletions(5, 10, Path("notes"))
    with pytest.raises(GateError, match=r"no longer has 6 of the index's 10 documents.*--allow-many-deletions"):
        check_deletions(6, 10, Path("notes"))
    check_deletions(0, 0, Path("notes"))
