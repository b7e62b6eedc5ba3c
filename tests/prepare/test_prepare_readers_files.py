"""Files of a folder: reStructuredText, PDF, Word, packed ones, and such as cannot be read."""

import gzip
import io
import zipfile

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.docx import read_docx
from semtune.prepare.readers.documents.folder import read_file, read_folder
from semtune.prepare.readers.documents.markdown import read_markdown
from semtune.prepare.readers.documents.outline_types import Term
from semtune.prepare.readers.documents.pdf import read_pdf
from semtune.prepare.readers.documents.pdf.reader import NO_TEXT
from semtune.prepare.readers.documents.rst import inline, read_rst
from semtune.prepare.readers.files import decode, unpack
from semtune.prepare.readers.sniff import sniff

RST = """
.. _zip-files:

=========
Zip files
=========

.. module:: zipfile
   :synopsis: Read zips.

A :term:`zip file` holds *members*; see `the site <http://x.y>`_ or :func:`open() <builtins.open>`.

.. image:: a.png
   :alt: nothing

Reading
=======

Open ``it_`` and read::

    with ZipFile("a") as z:
        z.read()

.. note:: Close it.

   Always close **it**.

.. code-block:: python
   :linenos:

   z.close()

Deep
----

Down.

.. a comment
   of two lines

Writing
=======
Up.
"""


def test_rst_to_sections():
    assert read_rst(RST) == [
        (("Zip files",), "A zip file holds members; see the site or open()."),
        (
            ("Zip files", "Reading"),
            'Open it_ and read:\n\n    with ZipFile("a") as z:\n        z.read()\n\nClose it.\n\nAlways close it.\n\n    z.close()',
        ),
        (("Zip files", "Reading", "Deep"), "Down."),
        (("Zip files", "Writing"), "Up."),
    ]


def test_rst_without_headings_and_with_a_rule_across_the_page():
    assert read_rst("One.\n\n-----\n\nTwo.\n") == [((), "One.\n\nTwo.")]
    assert inline(":ref:`Names <a-b>` and :class:`~a.B`, ``:x:`y` ``") == "Names and a.B, :x:`y` "


DEFINITIONS = """
Title
=====

Before it,
two lines.

bow : noun
    The front.

    More of it.
stern
    The back. See::

        code()

After it.

- one
  goes on
1. two
   goes on

.. glossary::

   prow
   nose
      Same as bow.

   keel
      Runs below.

.. note::
   Not a term
   goes on.

:Author: Somebody
:param x: the value
:meth:`y` is a role
"""


def test_rst_definition_lists_glossaries_and_fields():
    found = read_rst(DEFINITIONS)
    assert found == [
        (("Title",), "Before it,\ntwo lines."),
        (("Title", "bow"), "(noun)\nThe front.\n\nMore of it."),
        (("Title", "stern"), "The back. See:\n\n    code()"),
        (("Title",), "After it.\n\n- one\n  goes on\n1. two\n   goes on"),
        (("Title", "prow, nose"), "Same as bow."),
        (("Title", "keel"), "Runs below."),
        (("Title",), "Not a term\ngoes on.\n\nAuthor: Somebody\nx: the value\ny is a role"),
    ]
    assert [path[-1] for path, _ in found if isinstance(path[-1], Term)] == ["bow", "stern", "prow, nose", "keel"]


def test_bold_terms_in_a_row_are_a_definition_list():
    text = (
        "# Boats\n\nParts:\n\n- **Bow**: the front\n  of it\n- **Stern:** the [back](b.md)\n* __Keel__ — below\n\nAfter.\n\n"
        "**A**: first\n\n**B**: second\n\n**C**: third\n\n## Few\n\n- **one**: x\n- **two**: y\n\n```\n- **a**: x\n- **b**: x\n- **c**: x\n```\n"
    )
    found = read_markdown(text)
    assert found == [
        (("Boats",), "Parts:"),
        (("Boats", "Bow"), "the front\n  of it"),
        (("Boats", "Stern"), "the back"),
        (("Boats", "Keel"), "below"),
        (("Boats",), "After."),
        (("Boats", "A"), "first"),
        (("Boats", "B"), "second"),
        (("Boats", "C"), "third"),
        (("Boats", "Few"), "- one: x\n- two: y\n\n```\n- **a**: x\n- **b**: x\n- **c**: x\n```"),
    ]
    assert sum(isinstance(path[-1], Term) for path, _ in found) == 6
    log = "- **a**: x\n- **b**: y\n- **a**: z"
    assert read_markdown(log) == [
        ((), "- a: x\n- b: y\n- a: z")
    ]  # a list of changes: it says several things of one name


def test_rst_nested_directives_do_not_recurse():
    depth = 1000
    text = "".join("   " * level + ".. note::\n\n" for level in range(depth)) + "   " * depth + "Down here."
    assert read_rst(text) == [((), "Down here.")]


W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STYLES = f"""<w:styles xmlns:w="{W}">
<w:style w:type="paragraph" w:styleId="Titel"><w:name w:val="Title"/></w:style>
<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
<w:style w:type="paragraph" w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style></w:styles>"""


def paragraph(text, style="", extra=""):
    style = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{style}{extra}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def docx(body, head=""):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", f'{head}<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>')
        archive.writestr("word/styles.xml", STYLES)
    return packed.getvalue()


def test_docx_to_sections():
    cell = "<w:tc>{}</w:tc>".format
    table = f"<w:tbl><w:tr>{cell(paragraph('a'))}{cell(paragraph('1') + paragraph('2'))}</w:tr></w:tbl>"
    body = (
        paragraph("The guide", "Titel")
        + paragraph("Lead &amp; more.")
        + paragraph("Install", "berschrift1")
        + "<w:p><w:r><w:t>Get</w:t><w:tab/><w:t>it.</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
        + paragraph("one", extra="<w:numPr/>")
        + paragraph("two", extra="<w:numPr/>")
        + table
        + paragraph("Deep", "berschrift2")
        + paragraph("Down.")
    )
    assert read_docx(docx(body), "a.docx") == [
        (("The guide",), "Lead & more."),
        (("The guide", "Install"), "Get it.\n\n- one\n- two\na | 1 2"),
        (("The guide", "Install", "Deep"), "Down."),
    ]


def test_docx_that_is_none_or_a_bomb(monkeypatch):
    with pytest.raises(InputError, match="cannot be opened as a Word document"):
        read_docx(b"PK nothing", "a.docx")
    entity = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    with pytest.raises(InputError, match="defines XML entities"):
        read_docx(docx(paragraph("&b;"), entity), "a.docx")
    with pytest.raises(InputError, match="not well-formed"):
        read_docx(docx("<w:p>"), "a.docx")
    monkeypatch.setattr("semtune.prepare.readers.files.unpack.MAX_FILE", 1000)
    with pytest.raises(InputError, match="too large"):
        read_docx(docx(paragraph("x" * 1000)), "a.docx")


def pdf(*texts, title="", password=""):
    writer = PdfWriter()
    font = DictionaryObject(
        {NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1"), NameObject("/BaseFont"): NameObject("/Helvetica")}
    )  # fmt: skip
    for text in texts:
        page = writer.add_blank_page(600, 800)
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        lines = " T* ".join(f"({line}) Tj" for line in text.split("\n"))
        stream.set_data(f"BT /F1 12 Tf 14 TL 50 700 Td {lines} ET".encode() if text else b"")
        page[NameObject("/Contents")] = writer._add_object(stream)
    if title:
        writer.add_metadata({"/Title": title})
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_pdf_page_by_page():
    tally = Tally()
    pages = read_pdf(pdf("First page, hyphen-\nated.", "", "Third page.", title="The guide"), "a.pdf", tally)
    assert pages == [(("The guide",), "First page, hyphenated."), (("The guide",), "Third page.")]
    assert tally.counts == {"PDF pages": 3}
    assert tally.dropped == {NO_TEXT: {"count": 1, "example": "a.pdf, page 2"}}
    assert read_pdf(pdf("Text.", title="Microsoft Word - a.doc"), "a.pdf", Tally()) == [((), "Text.")]


def test_folder_with_every_type_packed_and_not(tmp_path):
    (tmp_path / "a.rst").write_text("Title\n=====\n\nBy hand.\n")
    (tmp_path / "b.docx").write_bytes(docx(paragraph("Head", "berschrift1") + paragraph("By Word.")))
    (tmp_path / "c.pdf.gz").write_bytes(gzip.compress(pdf("By press.")))
    (tmp_path / "d.md.gz").write_bytes(gzip.compress(b"# Head\nBy gzip."))
    (tmp_path / "e.txt.gz").write_bytes(b"no gzip at all")
    (tmp_path / "f.txt.gz").write_bytes(gzip.compress(b"cut short" * 99)[:25])
    (tmp_path / "g.pdf").write_bytes(pdf("Secret.", password="x"))
    (tmp_path / "h.pdf").write_bytes(b"%PDF-1.4\nbroken")
    (tmp_path / "i.docx").write_bytes(b"PK\x03\x04")
    (tmp_path / "j.pdf").write_bytes(pdf("", ""))
    tally = Tally()
    sections = read_folder(tmp_path, tally)
    assert [(s.source, s.path, s.text) for s in sections] == [
        ("a.rst", ("Title",), "By hand."),
        ("b.docx", ("Head",), "By Word."),
        ("c.pdf.gz", (), "By press."),
        ("d.md.gz", ("Head",), "By gzip."),
    ]
    assert {reason: (entry["count"], entry["example"]) for reason, entry in tally.dropped.items()} == {
        "unreadable file": (2, "e.txt.gz (broken gzip file)"),
        ".pdf file that needs a password": (1, "g.pdf needs a password. Save it without one."),
        ".pdf file that is broken or cut off": (1, "h.pdf is no PDF, or is broken or cut off."),
        ".docx file that cannot be read": (1, "i.docx cannot be opened as a Word document (broken or encrypted)."),
        NO_TEXT: (2, "j.pdf, page 1"),
        "file without text": (1, "j.pdf"),
    }
    found = sniff(tmp_path)
    assert found.description == "a folder of 10 text files (4 .pdf, 2 .docx, 2 .txt, 1 .rst, 1 .md)"


def test_broken_utf8_keeps_what_is_good(tmp_path):
    assert decode.decode("Größe, Füße".encode() + b"\xff!") == ("Größe, Füße\ufffd!", "utf-8 with broken bytes")
    (tmp_path / "a.txt").write_bytes("Größe, Füße".encode() + b"\xff!")
    tally = Tally()
    assert [s.text for s in read_file(tmp_path / "a.txt", "a.txt", tally)] == ["Größe, Füße\ufffd!"]
    assert tally.counts == {"files in utf-8 with broken bytes, shown as \ufffd": 1, "files": 1}


def test_files_and_lines_that_are_too_large_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(decode, "MAX_FILE", 1000)
    monkeypatch.setattr(decode, "MAX_TEXT_LINE", 100)
    (tmp_path / "a.txt").write_text("word " * 201)
    (tmp_path / "b.txt").write_text("word " * 21)
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"word " * 100_000))
    (tmp_path / "d.txt").write_text("Text.")
    tally = Tally()
    assert [s.id for s in read_folder(tmp_path, tally)] == ["d.txt#1"]
    assert {reason: entry["count"] for reason, entry in tally.dropped.items()} == {
        "file larger than 0 MiB": 2,
        "file with a line longer than 100 characters": 1,
    }


def test_names():
    from pathlib import Path

    assert [unpack.suffix_of(Path(name)) for name in ("a.MD", "a.b.md.gz", "a.gz", "a")] == [".md", ".md", "", ""]
    assert [unpack.stem_of(Path(name)) for name in ("a.b.tsv", "a.b.tsv.gz", "a")] == ["a.b", "a.b", "a"]
