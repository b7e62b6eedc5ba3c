"""Many files: several processes, processes that die, and what a killed call leaves for the next one."""

import signal
import subprocess
import sys
from dataclasses import asdict

import pytest

from semtune import contract as contracts
from semtune.encoders.tokenizer import Tokenizer
from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.chunk import chunk
from semtune.prepare.passages.token_cache import TokenLengthCache
from semtune.prepare.readers.documents.folder import read_folder
from semtune.prepare.readers.documents.outline_types import Linked, Term, links_of
from semtune.prepare.readers.files import file_batches as batches
from semtune.types import Document
from semtune.work_cache import WorkCache, work_beside

PAGE = """<title>Page {0}</title><h1>Page {0}</h1><p>See <a href="b.html">the other page</a> for more.</p>
<dl><dt>Term {0}</dt><dd>What the term means, in some words.</dd></dl>"""


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """Eight files of many sorts, two to a batch."""
    monkeypatch.setattr(batches, "FILES", 2)
    monkeypatch.setattr(batches, "PAYS", 0)
    folder = tmp_path / "pages"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.html").write_text(PAGE.format(number))
    (folder / "5.txt").write_bytes("Größe in Windows-1252.".encode("cp1252"))
    (folder / "6.txt").write_bytes(b"\x00\x01binary")
    (folder / "7.md").write_text("# Title\n\nText with ünicode \u2028 and 日本語.")
    (folder / "8.md").touch()
    return folder


def read(folder, **how):
    tally = Tally()
    sections = read_folder(folder, tally, **how)
    kinds = [([type(heading) for heading in s.path], type(s.text), links_of(s.text)) for s in sections]
    return sections, kinds, asdict(tally), list(tally.dropped), list(tally.counts)


def test_processes_and_kept_batches_give_what_one_process_gives(pages, tmp_path):
    one = read(pages, processes=1)
    assert {Term, Linked} <= {kind for path, text, _ in one[1] for kind in (*path, text)}
    assert one[2]["dropped"]["binary file"] == {"count": 1, "example": "6.txt"}
    for processes, work in [
        (2, None),
        (2, tmp_path / "a"),
        (2, tmp_path / "a"),
        (1, tmp_path / "b"),
        (1, tmp_path / "b"),
    ]:
        assert read(pages, processes=processes, work=work) == one


def test_a_file_that_kills_its_process_is_counted_and_the_others_are_read(pages, tmp_path, monkeypatch):
    crash = "import os\nclass LexborHTMLParser:\n    def __init__(self, text):\n        os.kill(os.getpid(), 9)\n"
    for name, code in [("__init__", ""), ("lexbor", crash)]:  # what the processes find, not this one
        (tmp_path / "path" / "selectolax").mkdir(parents=True, exist_ok=True)
        (tmp_path / "path" / "selectolax" / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path / "path")
    sections, _, tally, *_ = read(pages, processes=2)
    assert [s.source for s in sections] == ["5.txt", "7.md"]
    assert tally["dropped"][batches.CRASHED] == {"count": 4, "example": "0.html"}


@pytest.mark.slow
def test_a_file_that_needs_too_much_memory_is_counted(pages, tmp_path, monkeypatch):
    (tmp_path / "path" / "selectolax").mkdir(parents=True)
    code = "class LexborHTMLParser:\n    def __init__(self, text):\n        raise MemoryError\n"
    (tmp_path / "path" / "selectolax" / "__init__.py").touch()
    (tmp_path / "path" / "selectolax" / "lexbor.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path / "path")
    sections, _, tally, *_ = read(pages, processes=2)
    assert [s.source for s in sections] == ["5.txt", "7.md"]
    assert tally["dropped"][batches.CRASHED]["count"] == 4


@pytest.mark.parametrize("error", [OSError("no semaphores"), ImportError("no loky")])
def test_files_are_read_here_where_no_process_can_be_started(pages, monkeypatch, error):
    def refuse(*args, **kwargs):
        raise error

    expected = read(pages, processes=1)
    monkeypatch.setattr("loky.ProcessPoolExecutor", refuse)
    assert read(pages, processes=2) == expected


SCRIPT = """
import sys
from pathlib import Path
from semtune.prepare.readers.files import file_batches as batches
from semtune.prepare.readers.documents.folder import read_folder
from semtune.prepare.drop_log import Tally

batches.FILES, batches.PAYS = 2, 0
print(*[section.source for section in read_folder(Path(sys.argv[1]), Tally(), processes=2)])
"""


@pytest.mark.slow
def test_a_script_needs_no_main_guard_and_its_output_is_its_own(pages, tmp_path):
    noisy = tmp_path / "path" / "selectolax"
    noisy.mkdir(parents=True)
    (noisy / "__init__.py").touch()
    (noisy / "lexbor.py").write_text("import os\nos.write(1, b'noise')\nraise MemoryError\n")
    script = SCRIPT.replace("import sys", f"import sys\nsys.path.insert(0, {str(noisy.parent)!r})", 1)
    (tmp_path / "script.py").write_text(script)
    ran = subprocess.run([sys.executable, tmp_path / "script.py", pages], check=True, capture_output=True, text=True)
    assert ran.stdout == "5.txt 7.md\n"
    assert "noise" in ran.stderr


def test_a_bug_of_a_reader_shows_as_it_would_without_processes(pages, tmp_path, monkeypatch):
    (tmp_path / "path" / "selectolax").mkdir(parents=True)
    (tmp_path / "path" / "selectolax" / "__init__.py").write_text("raise RuntimeError('only there')")
    monkeypatch.syspath_prepend(tmp_path / "path")
    assert read(pages, processes=2) == read(pages, processes=1)


KILLED = """
import os, sys
from pathlib import Path
from semtune.prepare.readers.files import file_batches as batches
from semtune.prepare.readers.documents.folder import read_folder
from semtune.prepare.drop_log import Tally

batches.FILES, batches.PAYS, real, seen = 2, 0, batches.read_outline, []

def read_outline(*args):
    seen.append(args)
    if len(seen) == 6:
        os.kill(os.getpid(), 9)
    return real(*args)

batches.read_outline = read_outline
read_folder(Path(sys.argv[1]), Tally(), work=Path(sys.argv[2]), processes=1)
"""


def test_a_killed_call_is_continued_and_a_changed_file_read_again(pages, tmp_path, monkeypatch):
    work = tmp_path / "work"
    killed = subprocess.run([sys.executable, "-c", KILLED, pages, work], check=False)
    assert killed.returncode == -signal.SIGKILL
    names = []
    real = batches.read_outline
    monkeypatch.setattr(
        batches, "read_outline", lambda path, name, *rest: names.append(name) or real(path, name, *rest)
    )
    found = read(pages, processes=1, work=work)
    assert names == ["5.txt", "6.txt", "7.md", "8.md"]  # the first two batches were finished
    assert found == read(pages, processes=1)

    names.clear()
    (pages / "1.html").write_text(PAGE.format("one"))
    changed, *_ = read(pages, processes=1, work=work)
    assert names == ["0.html", "1.html"]
    assert next(s.path for s in changed if s.source == "1.html") == ("Page one",)

    for part in work.iterdir():
        part.write_bytes(b"{broken")
    assert read(pages, processes=1, work=work) == read(pages, processes=1)


def test_the_work_folder_stays_only_where_there_is_something_to_continue(tmp_path):
    out, work = tmp_path / "set", tmp_path / ".set.work"
    for error, stays in [(None, False), (InputError("no text"), False), (KeyboardInterrupt(), True)]:
        try:
            with work_beside(out) as given:
                assert given == work
                with work_beside(out) as second:
                    assert second is None
                WorkCache(work).put("part", b"done")
                if error:
                    raise error
        except (InputError, KeyboardInterrupt):
            pass
        assert work.exists() == stays
    assert WorkCache(work).get("part") == b"done"
    with pytest.raises(InputError), work_beside(tmp_path / "new" / "set"):
        raise InputError("no text")
    assert not (tmp_path / "new").exists()


TEXTS = [
    "One sentence here. Another one, with a supercalifragilisticexpialidocious word! " * 20,
    "Wörter, Äpfel und naïve Café-Gespräche. 日本語の文。次の文です。もう一つ。\n\n- list\n    code(x)  # no",
    "x" * 3_000,
    "[SEP] in a text. e\u0301 and \u0301 alone.\x1cOdd\x1cspaces. No.Space.Between。Yes.",
    "",
]


def test_lengths_that_are_summed_are_those_that_are_counted(toy_model):
    plain = Tokenizer(toy_model, contracts.load(toy_model))
    assert plain.splits_at_spaces
    asked = []

    class Asked:
        splits_at_spaces = True

        def lengths(self, texts, role="document"):
            asked.extend(texts)
            return plain.lengths(texts, role)

    counted = TokenLengthCache(Asked())
    titles = ["A title: its Words", "", "Ein Titel > 日本", "x", "y"]
    made = chunk(TEXTS, titles, counted, 64)
    found = [Document(f"{row}", part.text, title) for row, title in enumerate(titles) for part in made[row]]
    found.append(Document("new", "never seen", "A title: its Words"))
    asked.clear()
    assert counted.of(found) == plain.lengths([document.content for document in found])
    assert len(asked) < len(found) / 2
