import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from semtune.errors import InputError, StorageError
from semtune.io import (
    atomic_file,
    atomic_folder,
    files_under,
    held,
    read_json,
    read_jsonl,
    replace_folder,
    sha256_file,
    sha256_json,
    storage_errors,
    write_json,
    write_jsonl,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic_file(path) as out:
        out.write("ü\r\nx")
        assert not path.exists()
    assert path.read_bytes() == "ü\r\nx".encode()
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert names(path.parent) == ["a.txt"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def write():
        with atomic_file(path, "wb") as out:
            out.write(b"new")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        write()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / "set"
    for content in ("one", "two"):
        with atomic_folder(path) as scratch:
            (scratch / f"{content}.txt").write_text(content)
            assert scratch.parent == tmp_path
    assert names(path) == ["two.txt"]

    def write():
        with atomic_folder(path) as scratch:
            (scratch / "three.txt").write_text("three")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert names(path) == ["two.txt"]
    assert names(tmp_path) == ["set"]


def test_what_killed_processes_left_is_removed_and_what_others_hold_is_not(tmp_path):
    left, in_use, young, foreign = (
        tmp_path / name for name in (".set.scratch.a1", ".set.scratch.b2", ".set.scratch.c3", ".set.settings")
    )
    for folder in (left, in_use, young, foreign):
        folder.mkdir()
        (folder / "part").touch()
    for folder in (left, in_use, foreign):
        os.utime(folder, (0, 0))
    with held(in_use) as ours, atomic_folder(tmp_path / "set") as scratch:
        assert ours
        kept = [name for name in names(tmp_path) if not name.endswith(".lock")]
        assert kept == sorted(folder.name for folder in (in_use, young, foreign, scratch))


def test_replace_folder_moves_the_old_one_out_of_the_way(tmp_path):
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    replace_folder(tmp_path / "new", tmp_path / "old")
    assert names(tmp_path) == ["old"]
    assert names(tmp_path / "old") == ["new"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space is left on the disk"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "permission is denied"),
        (errno.EISDIR, "a folder is in the way"),
    ],
)
def test_what_the_disk_refuses_is_said_in_words(tmp_path, number, words):
    with pytest.raises(StorageError) as error, storage_errors(tmp_path):
        raise OSError(number, os.strerror(number), "/somewhere/x")
    assert str(error.value).startswith(f"Cannot write /somewhere/x: {words}. Free some space or choose another place.")
    assert error.value.exit_code == 2


def test_other_errors_stay_what_they_are(tmp_path):
    for wrong in (OSError(errno.EBADF, "bad"), ValueError("odd"), InputError("mine")):
        with pytest.raises(type(wrong)) as error, storage_errors(tmp_path):
            raise wrong
        assert error.value is wrong


def test_a_library_s_own_words_for_a_full_disk_are_understood(tmp_path):
    said = "Error while serializing: I/O error: No space left on device (os error 28)"
    with pytest.raises(StorageError) as error, storage_errors(tmp_path / "not" / "there"):
        raise RuntimeError(said)
    assert f"The disk under {tmp_path / 'not' / 'there'} is full ({said})" in str(error.value)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("file/inner/x.json", "file/inner: a part of the path is a file"),
        ("file/x.json", "file: a file is in the way"),
        ("folder", "folder: a folder is in the way"),
        ("n" * 300, "the name is too long"),
    ],
)
def test_a_place_that_is_taken_is_refused_in_words(tmp_path, place, words):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError) as error:
        write_json(tmp_path / place, {})
    assert words in str(error.value)
    assert names(tmp_path) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "mine"


def test_json_lines_come_back(tmp_path):
    rows = [{"a": "ü\u2028\n", "n": 1.5}, {}, {"b": [None, True]}]
    assert write_jsonl(tmp_path / "a.jsonl", rows) == 3
    assert list(read_jsonl(tmp_path / "a.jsonl")) == rows
    (tmp_path / "b.jsonl").write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": 2}')
    assert list(read_jsonl(tmp_path / "b.jsonl")) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"a": 1}\n{"a": \n', r"x\.jsonl:2 is not valid JSON"),
        (b'{"a": 1}\n\n[1]\n', r"x\.jsonl:3 holds list, expected a JSON object\."),
        (b'{"a": "\xff\xe9"}\n', r"x\.jsonl:1 is not valid JSON .*invalid start byte"),
    ],
)
def test_a_broken_line_is_named(tmp_path, data, words):
    (tmp_path / "x.jsonl").write_bytes(data)
    with pytest.raises(InputError, match=words):
        list(read_jsonl(tmp_path / "x.jsonl"))


def test_json_files_that_are_none_are_named(tmp_path):
    with pytest.raises(InputError, match=r"x\.json does not exist\."):
        read_json(tmp_path / "x.json")
    for data in (b"{", b"\xff"):
        (tmp_path / "x.json").write_bytes(data)
        with pytest.raises(InputError, match=r"x\.json is not valid JSON \("):
            read_json(tmp_path / "x.json")


def test_hashes_are_sha256_of_bytes_and_of_canonical_json(tmp_path):
    data = b"x" * (1 << 20) + b"tail"  # more than one block
    (tmp_path / "a").write_bytes(data)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(data).hexdigest()
    value = {"b": [1, "ü"], "a": None}
    assert sha256_json(value) == hashlib.sha256('{"a":null,"b":[1,"ü"]}'.encode()).hexdigest()
    assert sha256_json({"p": Path("/x")}) == hashlib.sha256(b'{"p":"/x"}').hexdigest()


def test_the_files_of_a_folder_are_those_that_are_neither_hidden_nor_outside(tmp_path):
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "b.txt").write_text("b")
    (tree / "a.txt").write_text("a")
    (tmp_path / "outside").write_text("o")
    (tree / "link").symlink_to(tmp_path / "outside")
    (tree / ".hidden").write_text("h")
    (tree / ".git").mkdir()
    (tree / ".git" / "x").write_text("x")
    assert [str(path.relative_to(tree)) for path in files_under(tree)] == ["a.txt", "sub/b.txt"]


def test_a_folder_is_held_by_one_and_the_lock_leaves_no_file(tmp_path):
    with held(tmp_path / "work") as ours, held(tmp_path / "work") as theirs:
        assert (ours, theirs) == (True, False)
        assert (tmp_path / ".work.lock").read_text() == str(os.getpid())
        (tmp_path / "work").rename(tmp_path / "moved")  # what is held can be put in its place
    assert names(tmp_path) == ["moved"]
    with held(tmp_path / "work") as ours:
        assert ours


HOLDER = """
import sys, time
from pathlib import Path
from semtune.io import atomic_folder
with atomic_folder(Path(sys.argv[1])) as scratch:
    print(scratch.name, flush=True)
    time.sleep(60)
"""


def test_the_scratch_folder_of_a_killed_process_is_removed_by_the_next_and_not_before(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path / "set"], stdout=subprocess.PIPE, text=True)
    try:
        left = tmp_path / process.stdout.readline().strip()
        os.utime(left, (0, 0))
        with atomic_folder(tmp_path / "set"):
            assert left.exists()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert f".{left.name[1:]}.lock" in names(tmp_path)  # the file stays, the lock does not
    os.utime(left, (0, 0))
    with atomic_folder(tmp_path / "set"):
        pass
    assert names(tmp_path) == ["set"]
