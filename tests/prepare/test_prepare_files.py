import os

import pytest

from semtune.errors import InputError
from semtune.prepare.build.dataset import prepare
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.folder import read_folder
from semtune.prepare.readers.documents.html import read_html
from semtune.prepare.readers.documents.markdown import read_markdown
from semtune.prepare.readers.files.decode import decode
from semtune.prepare.readers.source_kind import hash_source
from semtune.prepare.settings import PrepareSettings

PAGE = """<!doctype html><html><head><title>Zip files — The Manual 3.1</title><style>p{}</style></head><body>
<nav><ul><li>Home</li></ul></nav><div>Prev | Next</div>
<h1>Zip files<a class="headerlink" href="#">¶</a></h1><p>A zip file &amp; its <b>members</b>,
wrapped&nbsp;here.</p><script>var x = 1;</script>
<h2>Reading</h2><p>Open it.</p><pre>with ZipFile("a") as z:
    z.read()</pre><ul><li>one</li><li><p>two</p></li></ul>
<table><tr><th>a</th><td>1</td></tr><tr><th>b</th><td>2</td></tr></table>
<form><button>Go</button></form><h3>Deep</h3><p>Down.</p>
<h2>Writing</h2><p>Close it.</p><footer>(c)</footer></body></html>"""


def test_html_to_sections():
    assert read_html(PAGE) == [
        (("Zip files",), "A zip file & its members, wrapped here."),
        (
            ("Zip files", "Reading"),
            'Open it.\n\n    with ZipFile("a") as z:\n        z.read()\n\n- one\n- two\na | 1\n\nb | 2',
        ),
        (("Zip files", "Reading", "Deep"), "Down."),
        (("Zip files", "Writing"), "Close it."),
    ]


def test_html_without_heading_takes_the_title_without_the_site():
    page = "<title>Lists — Python documentation</title><body><p>Text.</p></body>"
    assert read_html(page) == [(("Lists",), "Text.")]


def test_html_main_is_preferred_and_nested_dropped_nodes_are_safe():
    text = "This is long enough to be the main part of the page. " * 5
    page = f"<body><div>menu</div><main><nav><div><nav><form>x</form></nav></div></nav><p>{text}</p></main></body>"
    assert read_html(page) == [((), text.strip())]


def test_html_nested_ten_thousand_deep():
    assert read_html("<div>" * 10_000 + "Down here." + "</div>" * 10_000) == [((), "Down here.")]


def test_broken_html_is_read():
    assert read_html("<p>One<p>Two</b><table><td>x") == [((), "One\n\nTwo\n\nx")]


def test_markdown_to_sections():
    text = (
        "---\ntitle: The Guide\n---\nLead.\n\n# Install `it` #\n\n"
        "See [the page](http://x.y/z).\n```sh\n# no heading\n```\n"
        "Setext\nheading\n-------\nBelow.\n\n- a list\n---\n\n### Deep\nDown.\n"
    )
    assert read_markdown(text) == [
        (("The Guide",), "Lead."),
        (("The Guide", "Install it"), "See the page.\n```sh\n# no heading\n```"),
        (("The Guide", "Install it", "Setext heading"), "Below.\n\n- a list"),
        (("The Guide", "Install it", "Setext heading", "Deep"), "Down."),
    ]


def test_decoding():
    assert decode("é".encode()) == ("é", "utf-8")
    assert decode("\ufeffé".encode()) == ("é", "utf-8-sig")
    assert decode("é".encode("utf-16")) == ("é", "utf-16")
    assert decode("“é”".encode("cp1252")) == ("“é”", "cp1252")
    page = '<meta charset="koi8-r">Привет'
    assert decode(page.encode("koi8-r")) == (page, "koi8-r")
    assert decode(b"\x89PNG\x00\x01") is None
    assert decode(bytes(range(1, 32)) * 10) is None


def test_folder_counts_what_it_passes_over(tmp_path):
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "b.md").write_text("# Title\nText.")
    (folder / "a.txt").write_text("Plain text.")
    (folder / "latin.txt").write_bytes("Größe".encode("cp1252"))
    (folder / "binary.txt").write_bytes(b"\x00\x01\x02")
    (folder / "empty.html").write_text(" \n")
    (folder / "bare.html").write_text("<nav>only menu</nav>")
    (folder / "c.wma").write_text("x")
    (folder / ".hidden.txt").write_text("x")
    (folder / ".git").mkdir()
    (tmp_path / "outside.txt").write_text("secret")
    (folder / "out.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "broken.txt").symlink_to(folder / "nowhere.txt")
    (folder / "loop").symlink_to(folder)
    tally = Tally()
    sections = read_folder(folder, tally)
    assert [(s.id, s.group, s.path, s.text) for s in sections] == [
        ("a.txt#1", "a.txt", (), "Plain text."),
        ("latin.txt#1", "latin.txt", (), "Größe"),
        ("sub/b.md#1", "sub/b.md", ("Title",), "Text."),
    ]
    assert {reason: (entry["count"], entry["example"]) for reason, entry in tally.dropped.items()} == {
        "hidden folder": (1, ".git"),
        "symbolic link to a folder": (1, "loop"),
        "hidden file": (1, ".hidden.txt"),
        "symbolic link that leaves the folder": (1, "out.txt"),
        "broken link or special file": (1, "broken.txt"),
        "file type not read (.wma)": (1, "c.wma"),
        "binary file": (1, "binary.txt"),
        "empty file": (1, "empty.html"),
        "file without text": (1, "bare.html"),
    }
    words = "words of navigation, forms and boxes left out of web pages"
    assert tally.counts == {"files": 3, "files not in UTF-8, read as cp1252": 1, words: 2}


def test_folders_without_text_are_refused_in_words(tmp_path):
    with pytest.raises(InputError, match="is empty"):
        read_folder(tmp_path, Tally())
    (tmp_path / "a.wma").write_text("x")
    (tmp_path / "b.wma").write_text("x")
    with pytest.raises(InputError, match=r"Found: \.wma \(2\)\. Readable in a folder: \.txt"):
        read_folder(tmp_path, Tally())
    (tmp_path / "c.txt").write_text("")
    with pytest.raises(InputError, match="none of its 1 files has any text"):
        read_folder(tmp_path, Tally())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_counted(tmp_path):
    (tmp_path / "a.txt").write_text("Text.")
    (tmp_path / "b.txt").write_text("Text.")
    (tmp_path / "b.txt").chmod(0)
    tally = Tally()
    read_folder(tmp_path, tally)
    assert tally.dropped["unreadable file"]["count"] == 1


def test_a_run_inside_its_own_source_is_not_read_and_does_not_change_its_hash(tmp_path, tokenizer):
    from semtune.testing.toy_corpus import write_toy_folder

    source = write_toy_folder(tmp_path / "pages")
    before = hash_source(source)
    for made, files in {
        "runs/mine": ("config.yaml", ".lock", "manifest.json"),
        "model": ("semtune.json", "README.md"),
        "data": ("prepare.json", "corpus.jsonl"),
        "index": ("manifest.json", "index.sqlite"),
        "old index": ("manifest.json", "documents.offsets.npy"),
    }.items():
        (source / made).mkdir(parents=True)
        for name in (*files, "report.html"):
            (source / made / name).write_text("# A report\n\nSome text of several words that is no document.\n")
    (source / "semtune.yaml").write_text("name: mine\n")
    assert hash_source(source) == before
    data = prepare(source, tokenizer, 64, PrepareSettings(), 0)
    assert data.report["counts"]["files"] == 12
    assert data.report["dropped"]["folder made by Semtune (a run, model, data set or index)"]["count"] == 5
    (source / "kettle.md").write_text("# The kettle\n\nAnother text of several words.\n")
    assert hash_source(source) != before
