"""Archives as a source and within a folder: read like a folder, and never trusted."""

import gzip
import io
import stat
import tarfile
import zipfile

import pytest

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.spans import passage_text
from semtune.prepare.readers.documents.folder import read_archive, read_folder
from semtune.prepare.readers.files import archive
from semtune.prepare.readers.sniff import sniff
from semtune.prepare.readers.source_kind import find_kind, hash_source

FILES = {
    "docs/a.md": b"# One\n\nFirst text.",
    "docs/deep/b.html": b"<h1>Two</h1><p>Second text.",
    "c.txt.gz": gzip.compress(b"Third text.", mtime=0),
    "logo.png": b"\x89PNG",
    "docs/.git/config.txt": b"hidden",
    "inner.zip": b"PK",
    "../evil.txt": b"up",
    "/etc/evil.txt": b"absolute",
    "C:\\evil.txt": b"drive",
    "docs\\..\\..\\evil.txt": b"up again",
    "docs/a.md/": None,
}
KEPT = [("c.txt.gz", "Third text."), ("docs/a.md", "First text."), ("docs/deep/b.html", "Second text.")]
REASONS = {
    "file type not read (.png)": 1,
    "hidden file": 1,
    "archive in an archive": 1,
    "member whose path leaves the archive": 4,
    "link in an archive": 1,
}


def pack(path, files=FILES):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as made:
            for name, data in files.items():
                made.writestr(name, data or b"")
            link = zipfile.ZipInfo("docs/link.txt")
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            made.writestr(link, "/etc/passwd")
        return path
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as made:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data or b"")
            info.type = tarfile.REGTYPE if data is not None else tarfile.DIRTYPE
            made.addfile(info, io.BytesIO(data or b""))
        link = tarfile.TarInfo("docs/link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        made.addfile(link)
    return path


def texts(sections):
    return [(section.source, str(section.text)) for section in sections]


def counts(tally):
    return {reason: entry["count"] for reason, entry in tally.dropped.items()}


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.TGZ"])
def test_an_archive_is_read_like_a_folder(tmp_path, name):
    path = pack(tmp_path / name)
    tally = Tally()
    assert texts(read_archive(path, tally)) == KEPT
    assert counts(tally) == REASONS
    assert find_kind(path) == "archive"
    assert sniff(path).counts == {"files": 3, ".html files": 1, ".md files": 1, ".txt files": 1}
    before = hash_source(path)
    pack(path, FILES | {"d.txt": b"more"})
    assert hash_source(path) != before
    assert sorted(p.name for p in tmp_path.iterdir()) == [name]  # nothing was written beside it


def test_an_archive_within_a_folder(tmp_path):
    (tmp_path / "a.txt").write_text("Before.")
    (tmp_path / "z.txt").write_text("After.")
    pack(tmp_path / "m.tar.gz")
    tally = Tally()
    found = read_folder(tmp_path, tally)
    assert texts(found) == [("a.txt", "Before."), *((f"m.tar.gz/{n}", t) for n, t in KEPT), ("z.txt", "After.")]
    assert tally.dropped["hidden file"]["example"] == "m.tar.gz/docs/.git/config.txt"
    for source, name in ((tmp_path, "m.tar.gz/docs/a.md"), (tmp_path / "m.tar.gz", "docs/a.md")):
        assert passage_text(source, {"source": name, "span": [0, 5]}) == "First"
    before = hash_source(tmp_path)
    pack(tmp_path / "m.tar.gz", {"docs/a.md": b"Other."})
    assert hash_source(tmp_path) != before


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz"])
def test_broken_archives_are_refused_or_counted(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"no archive at all" * 100)
    with pytest.raises(InputError, match=r"has no readable text \(1 broken or encrypted archive"):
        read_archive(path, Tally())
    with pytest.raises(InputError, match="cannot be opened as an archive"):
        sniff(path)
    (tmp_path / "b.txt").write_text("Fine.")
    tally = Tally()
    assert texts(read_folder(tmp_path, tally)) == [("b.txt", "Fine.")]
    assert counts(tally) == {"broken or encrypted archive, read up to the break": 1}


def test_an_archive_that_was_cut_off_gives_what_is_whole(tmp_path):
    path = pack(tmp_path / "a.tar", {"a.txt": b"Whole. " * 200, "b.txt": b"Cut off. " * 2000})
    path.write_bytes(path.read_bytes()[:6000])
    tally = Tally()
    assert [section.source for section in read_archive(path, tally)] == ["a.txt"]
    assert counts(tally) == {"broken or encrypted archive, read up to the break": 1}


@pytest.mark.parametrize("name", ["a.zip", "a.tgz"])
def test_bombs_are_bounded(tmp_path, monkeypatch, name):
    bomb = {"a.txt": b"Small."} | {f"b{n}.txt": b"\0" * 2_000_000 for n in range(9)}
    path = tmp_path / name
    if name == "a.zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
            for member, data in bomb.items():
                made.writestr(member, data)
    else:
        pack(path, bomb)
    monkeypatch.setattr(archive, "FREE", 5_000_000)
    tally = Tally()
    assert texts(read_archive(path, tally)) == [("a.txt", "Small.")]
    assert (
        counts(tally)[
            "archive beyond the limits, read up to there: it expands beyond the size limit (possible zip bomb)"
        ]
        == 1
    )
    monkeypatch.setattr(archive, "MAX_MEMBERS", 1)
    tally = Tally()
    read_archive(path, tally)
    assert "archive beyond the limits, read up to there: more than 1 members" in tally.dropped
    monkeypatch.undo()
    monkeypatch.setattr(archive, "MAX_FILE", 1000)
    tally = Tally()
    assert texts(read_archive(path, tally)) == [("a.txt", "Small.")]
    assert counts(tally)["file larger than 64 MiB" if archive.MAX_FILE > 1000 else "file larger than 0 MiB"] == 9


def test_names_that_repeat_keep_the_first(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as made:
        for name, data in (("a.txt", b"First."), ("./a.txt", b"Second.")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    tally = Tally()
    assert texts(read_archive(tmp_path / "a.tar", tally)) == [("a.txt", "First.")]
    assert counts(tally) == {"duplicate member name": 1}
