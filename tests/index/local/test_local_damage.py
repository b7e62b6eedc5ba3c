"""Damaged files are named and nobody gets a wrong answer; full disks and bad input lose nothing."""

import contextlib
import resource
import shutil
import signal
import warnings
from contextlib import closing

import numpy as np
import pytest
from local_parts import DIMENSION, Reference, create, document, hold, reopen, vectors

from semtune.errors import InputError, SemtuneError, StorageError
from semtune.index import manifest as manifests
from semtune.index.filters import Comparison
from semtune.index.local import compaction, segments
from semtune.types import Document

GERMAN = Comparison("lang", "=", "de")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a segment, newer rows, deleted and replaced ones; and its reference."""
    folder, rng, reference = tmp_path_factory.mktemp("damage") / "index", np.random.default_rng(11), Reference()
    with closing(create(folder)) as collection:
        for start in (0, 60):
            documents, given = [document(rng, f"d{start + i}") for i in range(60)], vectors(rng, 60)
            collection.upsert(documents, given)
            reference.upsert(documents, given)
            if not start:
                collection.compact()
        names = [f"d{i}" for i in range(0, 100, 9)]
        assert collection.delete(names) == reference.delete(names)
    return folder, reference


@pytest.fixture
def folder(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "index")
    return tmp_path / "index"


def answers(folder, reference):
    rng = np.random.default_rng(1)
    with closing(reopen(folder)) as collection:
        for where in (None, GERMAN):
            hold(collection, reference, vectors(rng, 4), 30, where)


def segment(folder):
    (file,) = (folder / "segments").iterdir()
    return file


@pytest.mark.parametrize("damage", ["gone", "empty", "half", "longer", "folder"])
def test_without_a_segment_exact_search_answers(folder, made, damage):
    file = segment(folder)
    data = file.read_bytes()
    file.unlink()
    if damage == "folder":
        shutil.rmtree(folder / "segments")
    elif damage != "gone":
        file.write_bytes({"empty": b"", "half": data[: len(data) // 2], "longer": data + b"x"}[damage])
    with pytest.warns(UserWarning, match=r"faiss.* Exact search over the database answers in its place") as told:
        answers(folder, made[1])
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with closing(reopen(folder)) as collection:
            assert any(file.name in problem and "semtune compact" in problem for problem in collection.verify())
            collection.compact()
            assert collection.verify() == []
    answers(folder, made[1])


@pytest.mark.parametrize("place", np.random.default_rng(2).random(12).tolist())
def test_a_flipped_byte_in_a_segment_is_named(folder, made, place):
    file = segment(folder)
    flip(file, int(place * file.stat().st_size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with closing(reopen(folder)) as collection:
            assert any(file.name in problem for problem in collection.verify())
            collection.compact()
            assert collection.verify() == []
    answers(folder, made[1])


def flip(file, place):
    data = bytearray(file.read_bytes())
    data[place] ^= 1 << (place % 8)
    file.write_bytes(data)


@pytest.mark.parametrize("seed", range(60))
def test_a_flipped_byte_in_the_database_is_named_or_harmless(folder, made, seed):
    file = folder / "index.sqlite"
    flip(file, int(np.random.default_rng(seed).integers(file.stat().st_size)))
    if not problems(folder):
        answers(folder, made[1])


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.6, 0.99])
def test_a_database_that_is_cut_is_named(folder, share):
    file = folder / "index.sqlite"
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    found = problems(folder)
    assert found
    assert all("index.sqlite" in problem for problem in found)


def problems(folder):
    """What opening and verifying say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with closing(reopen(folder)) as collection:
                return collection.verify()
        except SemtuneError as error:
            return [str(error)]


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"kind": "semtune-index", "format": "9.0"}'])
def test_the_mark_of_the_folder_is_named_and_mended(folder, made, text):
    file = folder / manifests.FILE
    whole = file.read_text()
    file.write_text(text) if text is not None else file.unlink()
    answers(folder, made[1])
    (problem,) = problems(folder)
    assert "manifest.json is missing or damaged" in problem
    with closing(reopen(folder)) as collection:
        collection.compact()
        assert collection.verify() == []
    assert file.read_text() == whole


def test_a_folder_without_its_database_is_refused(folder):
    (folder / "index.sqlite").unlink()
    with pytest.raises(InputError, match=r"is incomplete: its index\.sqlite is missing"):
        manifests.read(folder)


def test_a_full_disk_refuses_a_write_and_loses_nothing(folder, made):
    """The system forbids files to grow, as a full disk does."""
    rng = np.random.default_rng(4)
    size = (folder / "index.sqlite").stat().st_size
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with closing(reopen(folder)) as collection:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, old[1]))
        try:
            with pytest.raises(StorageError, match=r"index\.sqlite.*Nothing of this write was kept"):
                collection.upsert([document(rng, f"new{i}") for i in range(5000)], vectors(rng, 5000))
            with contextlib.suppress(StorageError):
                collection.compact()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
            signal.signal(signal.SIGXFSZ, handler)
        hold(collection, made[1], vectors(rng, 3))
        assert collection.verify() == []
        collection.upsert([document(rng, "after")], vectors(rng, 1))
        assert collection.delete(["after"]) == 1
    answers(folder, made[1])


def test_a_segment_that_cannot_be_written_leaves_what_is_there(folder, made, monkeypatch):
    def fail(index, path):
        path.write_bytes(b"some of it")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(segments, "write_index", fail)
    before = sorted((folder / "segments").iterdir())
    with closing(reopen(folder)) as collection, pytest.raises(StorageError, match="no space is left"):
        collection.compact()
    assert sorted((folder / "segments").iterdir()) == before
    answers(folder, made[1])
    monkeypatch.setattr(compaction, "SEAL_AT", 10)
    rng = np.random.default_rng(4)
    with closing(reopen(folder)) as collection:
        with pytest.warns(UserWarning, match="The documents were written, but no segment was made"):
            collection.upsert([document(rng, f"new{i}") for i in range(20)], vectors(rng, 20))
        with collection.snapshot() as snapshot:
            assert snapshot.count() == len(made[1].kept) + 20


def test_what_killed_writers_left_is_swept(folder, made):
    for name in ("0123456789abcdef.faiss", ".0123456789abcdef.faiss.part"):
        (folder / "segments" / name).write_bytes(b"x")
    with closing(reopen(folder)) as collection:
        collection.delete(["none"])
    assert [file.suffix for file in (folder / "segments").iterdir()] == [".faiss"]
    answers(folder, made[1])


BAD = {
    "twice": ([Document("a", "x"), Document("a", "y")], np.ones((2, DIMENSION)), "'a' occurs more than once"),
    "NaN": ([Document("a", "x")], np.full((1, DIMENSION), np.nan), "not finite"),
    "infinity": ([Document("a", "x")], np.full((1, DIMENSION), np.inf), "not finite"),
    "dimension": ([Document("a", "x")], np.ones((1, DIMENSION + 1)), "12 dimensions"),
    "fewer": ([Document("a", "x")], np.ones((2, DIMENSION)), "are needed"),
    "flat": ([Document("a", "x")], np.ones(DIMENSION), "are needed"),
    "surrogate": ([Document("a\ud800", "x")], np.ones((1, DIMENSION)), "cannot be stored"),
    "text": ([Document("a", "x\udfff")], np.ones((1, DIMENSION)), "cannot be stored"),
    "set": ([Document("a", "x", metadata={"a": {1, 2}})], np.ones((1, DIMENSION)), "cannot be stored"),
    "NaN in JSON": ([Document("a", "x", metadata={"a": float("nan")})], np.ones((1, DIMENSION)), "is not JSON"),
    "name": ([Document("a", "x", metadata={"a": [{1: 2}]})], np.ones((1, DIMENSION)), "is not JSON"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_whole(folder, made, case):
    documents, given, words = BAD[case]
    good = Document("good", "x")
    with closing(reopen(folder)) as collection:
        with pytest.raises(InputError, match=words):
            collection.upsert(documents, given)
        if given.ndim == 2 and given.shape[1] == DIMENSION:
            with pytest.raises(InputError, match=words):
                collection.upsert([good, *documents], np.concatenate([np.ones((1, DIMENSION)), given]))
        rng = np.random.default_rng(1)
        hold(collection, made[1], vectors(rng, 2))


def test_odd_ids_big_metadata_and_odd_questions(folder, made):
    names = [
        "",
        *(chr(c) for c in (1, 10, 34, 39, 92, 127, 0x85, 0x2028, 0xFFFF, 0x10FFFF)),
        "a" * 100_000,
        "é",
        "e\u0301",
        "\0a",
    ]
    names = [name for name in names if name]
    documents = [Document(name, name, name, {name: name}) for name in names]
    documents.append(Document("big", "x", metadata={"text": "ä" * 500_000, "deep": [[[[1]]]]}))
    given = vectors(np.random.default_rng(8), len(documents))
    with closing(reopen(folder)) as collection:
        assert collection.upsert(documents, given).added == len(documents)
        with collection.snapshot() as snapshot:
            assert snapshot.get([d.id for d in documents]) == documents
            assert snapshot.get(["a\ud800"]) == [None]
            assert snapshot.hashes(["a\ud800"]) == {}
            for one, vector in zip(documents, given, strict=True):
                assert snapshot.search(vector[None], 1)[0][0].id == one.id
                assert snapshot.count(Comparison(one.id, "=", one.id)) == (one.id != "big")
            assert len(snapshot.search(given[:1], 10**6)[0]) == snapshot.count()
            assert snapshot.search(given[:0], 5) == []
            assert snapshot.search(given[:1], 5, Comparison("none", "=", 1)) == [[]]
            with pytest.raises(InputError, match="12 dimensions"):
                snapshot.search(given[:, :-1], 5)
            with pytest.raises(InputError, match="no document 'none'"):
                snapshot.vectors(["d1", "none"])
        assert collection.delete([*names, "a\ud800"]) == len(names)
        assert collection.verify() == []
