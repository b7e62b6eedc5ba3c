"""Further formats: office files, mail, notebooks, light mark-up; and links into a cache of Hugging Face."""

import io
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.docx import read_docx
from semtune.prepare.readers.documents.folder import read_file, read_folder
from semtune.prepare.readers.documents.office.books import read_epub
from semtune.prepare.readers.documents.office.mail import read_eml, read_mbox
from semtune.prepare.readers.documents.office.markup import read_adoc, read_mdx, read_org, read_rtf, read_xml
from semtune.prepare.readers.documents.office.open_document import read_odt
from semtune.prepare.readers.documents.office.sheets import read_workbook
from semtune.prepare.readers.documents.office.slides import read_pptx

FILES = Path(__file__).parent / "files" / "markdown_and_others"
A = 'xmlns:a="a" xmlns:p="p" xmlns:r="r"'
RELS = "<Relationships>{}</Relationships>"


def packed(**parts):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def shape(kind, *lines):
    paragraphs = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in lines)
    role = f'<p:nvPr><p:ph type="{kind}"/></p:nvPr>' if kind else ""
    return f"<p:sp>{role}<p:txBody>{paragraphs}</p:txBody></p:sp>"


def pptx():
    cells = "".join(f"<a:tc><a:txBody><a:p><a:r><a:t>{cell}</a:t></a:r></a:p></a:txBody></a:tc>" for cell in "AB")
    return packed(**{
        "ppt/presentation.xml": f'<p:presentation {A}><p:sldIdLst><p:sldId id="1" r:id="r2"/><p:sldId id="2" r:id="r1"/>'
        "</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": RELS.format(
            '<Relationship Id="r1" Type="x/slide" Target="slides/slide1.xml"/>'
            '<Relationship Id="r2" Type="x/slide" Target="/ppt/slides/slide2.xml"/>'
        ),
        "ppt/slides/slide1.xml": f"<p:sld {A}>{shape('title', 'Second')}{shape('', 'One.', 'Two.')}{shape('sldNum', '2')}</p:sld>",
        "ppt/slides/slide2.xml": f"<p:sld {A}>{shape('ctrTitle', 'First')}<a:tbl><a:tr>{cells}</a:tr></a:tbl></p:sld>",
        "ppt/slides/_rels/slide1.xml.rels": RELS.format(
            '<Relationship Id="r1" Type="x/notesSlide" Target="../notesSlides/notesSlide1.xml"/>'
        ),
        "ppt/notesSlides/notesSlide1.xml": f"<p:notes {A}>{shape('sldImg', '')}{shape('body', 'Say this.')}</p:notes>",
    })  # fmt: skip


def odt(content):
    return packed(**{"content.xml": f'<d xmlns:text="t" xmlns:table="b" xmlns:office="o">{content}</d>'})


def docx(body, main="word/document.xml", **parts):
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    return packed(**{
        "_rels/.rels": f'<Relationships><Relationship Id="r1" Type="{office}/officeDocument" Target="/{main}"/></Relationships>',
        main: f'<w:document xmlns:w="w"><w:body>{body}</w:body></w:document>',
        **{name.replace("_", "/", 1) + ".xml": f'<w:notes xmlns:w="w">{content}</w:notes>' for name, content in parts.items()},
    })  # fmt: skip


def xlsx(cells):
    rows = "".join(
        f'<row r="{n}">' + "".join(f'<c r="{column}{n}" t="inlineStr"><is><t>{cell}</t></is></c>' for column, cell in zip("AB", row, strict=True)) + "</row>"
        for n, row in enumerate(cells, 1)
    )  # fmt: skip
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    return packed(**{
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": f'<Relationships><Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="Prices" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships><Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>',
    })  # fmt: skip


def test_the_folder_of_cases():
    tally = Tally()
    found = {s.group: (s.path, s.text) for s in read_folder(FILES, tally)}
    assert tally.dropped == {}
    assert found["Guide.MARKDOWN"] == (
        ("Grinder guide",),
        "Dress the grinder wheel with a star dresser until the face of the wheel is flat and bright again.",
    )
    assert found["README"][1].startswith("A file without an extension.")
    assert found["log.log"] == ((), "2026-01-01 forge lit\n2026-01-01 forge out")
    assert found["notes.TXT"][1].startswith("NOTES IN UPPER CASE")
    assert found["page.htm"][0] == ("Tongs",)
    assert found["page.xhtml"][0] == ("Bellows leather",)
    assert found["adoc.adoc"] == (
        ("Forge manual", "Lighting the forge"),
        "Put paper and charcoal in the pot of the forge and open the air slowly until the coals glow orange.",
    )
    assert found["data.xml"][1] == "Quenching\n\nQuench the blade in warm oil and move it up and down, not sideways."
    assert found["mail.eml"] == (
        ("The drill press belt",),
        "The belt of the drill press slips when it is cold. Move it to the middle step and tighten the motor plate.",
    )
    assert found["mdx.mdx"] == (
        ("Spinning wheel",),
        "The spinning wheel squeaks when the leather bearings are dry. Use a drop of oil on each side.",
    )
    assert found["org.org"] == (
        ("Anvil care",),
        "Wipe the anvil with oil at night, or the face gets rust and the hammer slips on it.",
    )
    assert found["nb.ipynb"][0] == ("Measuring dough", "Cooling the bread")
    assert found["toml.md"][0] == ("Loom maintenance", "Storing the loom")
    text = "\n".join(text for _, text in found.values())
    assert not any(mark in text for mark in ("{#", "<details", "<summary", "https://example.org/kiln", "import X"))


def test_slides_in_the_order_of_the_presentation():
    assert read_pptx(pptx(), "a.pptx") == [(("First",), "A | B"), (("Second",), "One.\nTwo.\n\nSay this.")]
    with pytest.raises(InputError, match="cannot be opened as PowerPoint slides"):
        read_pptx(b"PK\x03\x04", "a.pptx")


def test_open_document():
    content = (
        "<office:text><text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
        '<text:h text:outline-level="1">The guide</text:h><text:p>Lead<text:s/>and <text:span>more</text:span>.</text:p>'
        "<text:list><text:list-item><text:p>one</text:p></text:list-item></text:list>"
        '<text:h text:outline-level="2">Deep</text:h><table:table><table:table-row><table:table-cell><text:p>a</text:p>'
        "</table:table-cell><table:table-cell><text:p>b</text:p><text:p>c</text:p></table:table-cell></table:table-row>"
        "</table:table></office:text>"
    )
    assert read_odt(odt(content), "a.odt") == [
        (("The guide",), "Lead and more.\n\n- one"),
        (("The guide", "Deep"), "a | b c"),
    ]


def note(text, kind="footnote"):
    return (
        f'<text:note text:id="n" text:note-class="{kind}"><text:note-citation>1</text:note-citation><text:note-body>'
        f"{text}</text:note-body></text:note>"
    )


def test_open_document_with_notes_and_hyphens():
    two = "<text:p>First\n line.</text:p><text:list><text:list-item><text:p>Second line.</text:p></text:list-item></text:list>"
    label = "<text:p>See the la\xadbel.</text:p>"
    inner = "<table:table><table:table-row><table:table-cell><text:p>x</text:p></table:table-cell></table:table-row></table:table>"
    content = (
        '<office:text><text:h text:outline-level="1">Shirts</text:h>'
        f"<text:p>The T\u2011shirt{note(label)} is dor\xadmant.{note(two, 'endnote')}</text:p>"
        f"<text:p>Empty{note('')}{note('<text:p> </text:p>')}, deep{note(f'<text:p>a</text:p>{inner}<text:h>b</text:h>')}.</text:p>"
        f"<text:list><text:list-item><text:p>wash{note('<text:p>Cold.</text:p>')}</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>A</text:p></table:table-cell><table:table-cell>"
        f"<text:p>B{note('<text:p>In a cell.</text:p>')} c</text:p></table:table-cell></table:table-row></table:table>"
        "</office:text>"
    )
    assert read_odt(odt(content), "a.odt") == [
        (
            ("Shirts",),
            "The T-shirt (See the label.) is dormant. (First line. Second line.)\n\nEmpty, deep (a x b).\n\n"
            "- wash (Cold.)\nA | B (In a cell.) c",
        )
    ]


def test_book():
    book = packed(**{
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OEBPS/a.opf"/></rootfiles></container>',
        "OEBPS/a.opf": '<package><manifest><item id="two" href="b%20c.xhtml"/><item id="one" href="a.xhtml"/></manifest>'
        '<spine><itemref idref="one"/><itemref idref="two"/></spine></package>',
        "OEBPS/a.xhtml": "<html><body><h1>One</h1><p>First chapter.</p></body></html>",
        "OEBPS/b c.xhtml": "<html><body><h1>Two</h1><p>Second chapter.</p></body></html>",
    })  # fmt: skip
    assert read_epub(book, "a.epub") == [(("One",), "First chapter."), (("Two",), "Second chapter.")]


def test_workbook():
    assert read_workbook(xlsx([("Model", "Weight"), ("Kite A", "300 g")]), "a.xlsx") == [
        (("Prices",), "Model | Weight\nKite A | 300 g")
    ]
    with pytest.raises(InputError, match="cannot be"):
        read_workbook(b"PK\x03\x04", "a.xlsx")


@pytest.mark.parametrize(
    ("read", "data"),
    [(read_pptx, pptx()), (read_odt, odt("<text:p>" + "x" * 900 + "</text:p>")), (read_workbook, xlsx([("a", "b")]))],
)
def test_bombs_are_refused(monkeypatch, read, data):
    monkeypatch.setattr("semtune.prepare.readers.files.unpack.MAX_FILE", 500)
    with pytest.raises(InputError, match="too large"):
        read(data, "a")


def test_mail_with_html_and_attachments():
    mail = EmailMessage()
    mail["Subject"] = "Größe der Pumpe"
    mail.set_content("Die Pumpe läuft.")
    mail.add_alternative("<p>other</p>", subtype="html")
    mail.add_attachment(b"x", maintype="image", subtype="png", filename="a.png")
    tally = Tally()
    assert read_eml(mail.as_bytes(), "a.eml", tally) == [(("Größe der Pumpe",), "Die Pumpe läuft.")]
    assert tally.dropped == {"attachment of a mail": {"count": 1, "example": "a.eml: a.png"}}
    only = EmailMessage()
    only["Subject"] = "Page"
    only.set_content("<h1>Head</h1><p>Words.</p>", subtype="html")
    box = (
        b"From a@b Mon Jan  1 10:00:00 2026\n"
        + mail.as_bytes()
        + b"\nFrom a@b Mon Jan  1 10:01:00 2026\n"
        + only.as_bytes()
    )
    assert read_mbox(box, "a.mbox") == [(("Größe der Pumpe",), "Die Pumpe läuft."), (("Page", "Head"), "Words.")]


def test_light_markup():
    adoc = "= Title\n:toc:\n\n[source,sh]\n----\n= no heading\n----\n\nSee https://x.y[the page].\n\n////\ngone\n////\n"
    assert read_adoc(adoc) == [(("Title",), "    = no heading\n\nSee the page.")]
    org = "#+TITLE: Notes\n* TODO Oil it :work:\n:PROPERTIES:\n:ID: 1\n:END:\nSee [[http://x.y][the page]].\n"
    assert read_org(org) == [(("Notes", "Oil it"), "See the page.")]
    mdx = "export const x = 1\n\n# A\n\n<Box a={1}>\n\nText.\n\n</Box>\n\n```js\nimport a from 'b'\n<Box/>\n```\n"
    assert read_mdx(mdx) == [(("A",), "Text.\n\n```js\nimport a from 'b'\n<Box/>\n```")]
    assert read_xml("<a><b>Größe &amp; mehr</b><c>two</c></a>".encode(), "a.xml") == [((), "Größe & mehr\n\ntwo")]
    rtf = rb"{\rtf1\ansi\ansicpg1251 {\b Bold} text \'ea\'f0\'e0\'ed.\par Next.}"
    assert read_rtf(rtf, "a.rtf") == [((), "Bold text кран.\nNext.")]


def test_without_the_extra_the_command_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.xlsx").write_bytes(xlsx([("a", "b")]))
    (tmp_path / "b.md").write_text("Text.")
    monkeypatch.setattr("semtune.registry.installed", lambda module: module != "python_calamine")
    tally = Tally()
    assert [s.group for s in read_folder(tmp_path, tally)] == ["b.md"]
    assert tally.dropped == {
        ".xlsx file not read (needs: pip install 'semtune[documents]')": {"count": 1, "example": "a.xlsx"}
    }


def test_links_into_a_hugging_face_cache(tmp_path):
    repository = tmp_path / "hub" / "datasets--someone--notes"
    snapshot, blobs = repository / "snapshots" / "abc", repository / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "1f2e").write_text("Words of a note.")
    (snapshot / "note.txt").symlink_to("../../blobs/1f2e")
    (snapshot / "loop.txt").symlink_to("loop.txt")
    (tmp_path / "secret").write_text("secret")
    (snapshot / "out.txt").symlink_to(tmp_path / "secret")
    tally = Tally()
    assert [(s.group, s.text) for s in read_folder(snapshot, tally)] == [("note.txt", "Words of a note.")]
    assert {reason: entry["example"] for reason, entry in tally.dropped.items()} == {
        "broken link or special file": "loop.txt",
        "symbolic link that leaves the folder": "out.txt",
    }


def test_one_file_of_a_new_kind():
    assert [s.path for s in read_file(FILES / "nb.ipynb", "nb.ipynb", Tally())] == [
        ("Measuring dough",),
        ("Measuring dough", "Cooling the bread"),
    ]


def test_word_documents_of_other_programs_with_notes_and_hyphens():
    body = (
        "<w:p><w:r><w:t>The T</w:t><w:noBreakHyphen/><w:t>shirt is dor</w:t><w:softHyphen/><w:t>mant</w:t>"
        '<w:footnoteReference w:id="2"/><w:t>.</w:t><w:endnoteReference w:id="3"/></w:r></w:p>'
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>A</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>B</w:t></w:r></w:p></w:tc></w:tr>"
        "<w:tr><w:tc><w:p><w:r><w:t>C</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    )
    data = docx(
        body, "doc/main.xml", doc_footnotes='<w:footnote w:id="2"><w:p><w:r><w:t>See the label</w:t></w:r></w:p></w:footnote>',
        doc_endnotes='<w:endnote w:id="3"><w:p><w:r><w:t>An end note</w:t></w:r></w:p></w:endnote>',
    )  # fmt: skip
    assert read_docx(data, "a.docx") == [((), "The T-shirt is dormant (See the label). (An end note)\n\nA | B\nC")]


def test_word_documents_with_the_signs_of_hyphens_themselves():
    body = '<w:p><w:r><w:t>The T\u2011shirt is dor\xadmant.</w:t><w:footnoteReference w:id="2"/></w:r></w:p>'
    notes = '<w:footnote w:id="2"><w:p><w:r><w:t>A T\u2011shirt</w:t></w:r></w:p></w:footnote>'
    data = docx(body, word_footnotes=notes)
    assert read_docx(data, "a.docx") == [((), "The T-shirt is dormant. (A T-shirt)")]
