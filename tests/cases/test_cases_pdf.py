"""PDF files: words whole, running heads left out, columns in order, tables a line a row, and reasons for the rest."""

import io
import sys
from pathlib import Path

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.folder import read_file, read_folder
from semtune.prepare.readers.documents.pdf import ocr, read_pdf
from semtune.prepare.readers.documents.pdf.reader import BY_OCR, NO_TEXT, RUNNING
from semtune.prepare.readers.files.garbled import GARBLED

FILES = Path(__file__).parent / "files"
ORCHARD = [
    "Pruning the pear tree\n\nIf this is done on a large scale, it lets the orchard take up more of the sun that is needed to "
    "ripen the fruit. A well-known rule says: cut above a\nbud, never below it. The state-of-the-art saw is not needed, a "
    "simple knife will do.",
    "Grafting the pear tree\n\nThe scion must be dormant when it is grafted in the\nspring, and the wax seals the wound "
    "against the political weather of April. Bind it with raffia and wait.",
]


def page_pdf(*pages, height=800):
    """A PDF whose pages are lists of (x, y, text)."""
    writer = PdfWriter()
    font = DictionaryObject({
        NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1"),
        NameObject("/BaseFont"): NameObject("/Helvetica"), NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
    })  # fmt: skip
    for lines in pages:
        page = writer.add_blank_page(600, height)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        stream = DecodedStreamObject()
        stream.set_data("\n".join(f"BT /F1 11 Tf {x} {y} Td ({text}) Tj ET" for x, y, text in lines).encode("cp1252"))
        page[NameObject("/Contents")] = writer._add_object(stream)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def texts(data, tally=None):
    return [text for _, text in read_pdf(data, "a.pdf", tally or Tally())]


def test_the_folder_of_pdf_cases():
    tally = Tally()
    found = {}
    for section in read_folder(FILES / "pdf", tally):
        found.setdefault(section.group, []).append(section.text)
    assert found["orchard.pdf"] == ORCHARD
    # An encrypted file shows soft hyphens as pdfium does.
    assert found["owner_locked.pdf"] == [text.replace("dormant", "dor-mant") for text in ORCHARD]
    assert found["columns.pdf"] == [
        "Keeping ducks in a yard\n\nLeft column starts here and\ntells how to dig the pond\nfor the ducks in the month\n"
        "of March before the frost\nleaves the deeper ground.\n\nRight column goes on about\nthe fence that keeps foxes\n"
        "out of the pen at night and\nhow deep it must be buried\nto stop them digging in."
    ]
    assert found["table.pdf"] == [
        "Kite price list for spring\n\nModel | Weight | Price\nKite A | 300 g | 20\nKite B | 450 g | 35\nKite C | 610 g | 52"
    ]
    assert {reason: entry["count"] for reason, entry in tally.dropped.items()} == {
        ".pdf file that is broken or cut off": 2,
        ".pdf file that needs a password": 1,
        NO_TEXT: 1,
        "file without text": 1,
    }
    assert "OCR" in NO_TEXT
    assert tally.counts[RUNNING] == 8


def test_running_heads_are_left_out_and_counted():
    tally = Tally()
    sections = read_file(FILES / "pdf_running_head" / "book.pdf", "book.pdf", tally)
    assert len(sections) == 8
    assert sections[0].text == (
        "How to handle kettle descaling\n\nTo deal with kettle descaling,\nstart in the morning and lay out tool number 0.\n"
        "The kettle descaling needs a slow hand,\nbecause haste breaks parts.\nWhen you finish the kettle descaling,\n"
        "write the date in the log and wait 3 hours before the next round."
    )
    assert tally.counts[RUNNING] == 16


def test_heads_of_chapters_on_left_and_right_pages():
    chapters = ["Seeds", "Seeds", "Soil", "Soil", "Water", "Water", "Frost", "Frost"]
    pages = [
        [(50, 770, f"{n + 11} A book of gardens" if n % 2 else f"Chapter {n // 2}: {name} {n + 11}"),
         (50, 700, f"Body of {name} number {n}, which has words."), (300, 20, "- draft -")]
        for n, name in enumerate(chapters)
    ]  # fmt: skip
    found = texts(page_pdf(*pages))
    assert found == [f"Body of {name} number {n}, which has words." for n, name in enumerate(chapters)]


def test_first_lines_of_the_text_stay():
    pages = [[(50, 770, f"Step {n}"), (50, 750, "Turn the screw.")] for n in (1, 5, 9)]
    filler = [
        [(50, 770, f"Words of page {word}."), (50, 750, f"More {word}.")] for word in ("one", "two", "six", "ten")
    ]
    found = texts(page_pdf(pages[0], *filler[:2], pages[1], *filler[2:], pages[2]))
    assert found[0] == "Step 1\nTurn the screw."
    assert texts(page_pdf([(50, 770, "Only one page."), (50, 20, "1")])) == ["Only one page.\n\n1"]


def test_hyphens_at_line_ends():
    lines = [
        "The gar-", "dener knows a well-", "known rule. It is well-known: X-", "rays are Anglo-", "Saxon and co-op-",
        "erative. Pages 10-", "12 tell it."
    ]  # fmt: skip
    found = texts(page_pdf([(50, 700 - 14 * n, line) for n, line in enumerate(lines)]))
    assert " ".join(found[0].split()) == (
        "The gardener knows a well-known rule. It is well-known: X-rays are Anglo-Saxon and co-op-erative. Pages 10-12 tell it."
    )


def test_columns_with_a_last_line_on_one_side_and_a_title_between():
    left, right = ([f"{side} words of line number {n} here" for n in range(4)] for side in ("Left", "Right"))
    lines = [(50, 750, "A title that goes over both of the columns of this page, from one side to the other side")]
    for n, (one, two) in enumerate(zip(left, right, strict=True)):
        lines += [(50, 700 - 14 * n, one), (320, 700 - 14 * n, two)]
    lines.append((320, 644, "Right end."))
    body = texts(page_pdf(lines))[0]
    order = [line for line in body.split("\n") if line][1:]
    assert order == [*left, *right, "Right end."]


def test_a_table_with_long_cells_stays_a_table():
    rows = [
        ("Part", "What it is good for"),
        ("Bow", "It cuts the waves of the sea"),
        ("Keel", "It holds the boat upright"),
    ]
    lines = [(x, 700 - 16 * n, text) for n, row in enumerate(rows) for x, text in zip((50, 250), row, strict=True)]
    assert texts(page_pdf(lines)) == ["\n".join(" | ".join(row) for row in rows)]


def test_glued_text_is_noticed_by_file_name(tmp_path):
    (tmp_path / "good.md").write_text("Font packages must not provide alias names for other fonts. " * 5)
    (tmp_path / "german.md").write_text("Die Donaudampfschifffahrtsgesellschaft fährt jeden Tag auf dem Fluss. " * 5)
    (tmp_path / "glued.md").write_text(
        "Fontpackagesmustnotprovidealiasnames for otherfontswithoutaskingthem first, thepackagemanagerrefuses it. " * 5
    )
    (tmp_path / "strange.md").write_text("(cid:12)(cid:7)(cid:9) text (cid:1)(cid:2) end")
    tally = Tally()
    read_folder(tmp_path, tally)
    assert tally.counts[GARBLED] == 2
    assert [warning.split(":")[0] for warning in tally.warnings] == ["glued.md", "strange.md"]


def test_soft_hyphens_nul_and_colours():
    tally = Tally()
    found = {s.group: s.text for s in read_folder(FILES / "soft_hyphen", tally)}
    assert not any("\xad" in text for text in found.values())
    sections = read_file(FILES / "soft_hyphen" / "a.md", "a.md", Tally())
    assert sections[0].path == ("The dormant scion of the pear",)
    assert sections[0].text.startswith("The dormant scion is kept in wet sand until April, when the sap rises")
    assert found["b.md"] == (
        "This text of a log viewer has one NUL byte in the middle but is otherwise plain text with many words that a user "
        "wants to find again."
    )
    assert "an escape red colour code" in found["c.md"]
    assert tally.counts["NUL bytes left out of texts"] == 1
    assert tally.dropped == {}


def test_soft_hyphens_within_a_line_and_hyphens_of_compounds():
    lines = ["The dor\xadmant well-known scion", "is a fully-grown dor\\255mant one."]
    assert texts(page_pdf([(50, 700 - 14 * n, line) for n, line in enumerate(lines)])) == [
        "The dormant well-known scion\nis a fully-grown dormant one."
    ]


def test_letters_that_a_font_maps_wrongly_are_noticed(tmp_path):
    plain = "This is a test of the letters which a font may map to other ones when it is embedded badly. " * 4
    shifted = "".join(chr(ord("a") + (ord(char) - ord("a") + 3) % 26) if char.islower() else char for char in plain)
    (tmp_path / "plain.txt").write_text(plain)
    (tmp_path / "shifted.txt").write_text(shifted)
    (tmp_path / "welsh.txt").write_text("Mae hen wlad fy nhadau yn annwyl i mi, gwlad beirdd a chantorion. " * 5)
    tally = Tally()
    read_folder(tmp_path, tally)
    assert [warning.split(":")[0] for warning in tally.warnings] == ["shifted.txt"]
    assert tally.counts[GARBLED] == 1


def outlined(pages, marks):
    """A PDF with bookmarks: (title, page, parent's number or None)."""
    writer = PdfWriter(clone_from=io.BytesIO(page_pdf(*pages)))
    made = []
    for title, page, parent in marks:
        made.append(
            writer.add_outline_item(title=title, page_number=page, parent=None if parent is None else made[parent])
        )
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


PAGES = [
    [
        (50, 700, "1 Ponds"),
        (50, 680, "Dig in March."),
        (50, 640, "1.1 Fences of the"),
        (50, 626, "pond"),
        (50, 600, "Keep out"),
    ],
    [(50, 700, "foxes."), (50, 640, "2 Ducks"), (50, 620, "Feed them.")],
]


def test_bookmarks_are_headings_where_a_line_says_the_same():
    marks = [("Ponds", 0, None), ("1.1 Fences of the pond", 0, 0), ("2 Ducks", 1, None), ("Not in the text", 1, None)]
    assert read_pdf(outlined(PAGES, marks), "a.pdf", Tally()) == [
        (("1 Ponds",), "Dig in March."),
        (("1 Ponds", "1.1 Fences of the pond"), "Keep out\n\nfoxes."),
        (("2 Ducks",), "Feed them."),
    ]
    unmatched = read_pdf(outlined(PAGES, [("Nothing", 0, None)]), "a.pdf", Tally())
    assert unmatched == read_pdf(page_pdf(*PAGES), "a.pdf", Tally())


def scanned():
    """A page with a drawing and no text."""
    writer = PdfWriter()
    page, stream = writer.add_blank_page(600, 800), DecodedStreamObject()
    stream.set_data(b"100 100 300 300 re f")
    page[NameObject("/Contents")] = writer._add_object(stream)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def fake_ocr(folder, monkeypatch, script):
    (folder / "ocrmypdf").write_text(
        f"#!{sys.executable}\nimport sys, time\nsource, target = sys.argv[-2:]\n{script}\n"
    )
    (folder / "ocrmypdf").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_scans_are_read_by_ocrmypdf_where_it_is_installed(tmp_path, monkeypatch):
    scan = scanned()
    (tmp_path / "made.pdf").write_bytes(page_pdf([(50, 700, "Read from the picture.")]))
    fake_ocr(tmp_path, monkeypatch, f"open(target, 'wb').write(open({str(tmp_path / 'made.pdf')!r}, 'rb').read())")
    tally = Tally()
    assert read_pdf(scan, "scan.pdf", tally) == [((), "Read from the picture.")]
    assert tally.counts[BY_OCR] == 1
    assert tally.dropped == {}
    assert read_pdf((FILES / "pdf" / "scan.pdf").read_bytes(), "blank.pdf", Tally()) == []


@pytest.mark.parametrize(
    ("script", "said"),
    [("sys.exit('no language')", "ocrmypdf failed (no language)"), ("time.sleep(60)", "ocrmypdf took more than 1 s")],
)
def test_a_scan_that_ocrmypdf_cannot_read_is_counted(tmp_path, monkeypatch, script, said):
    fake_ocr(tmp_path, monkeypatch, script)
    monkeypatch.setattr(ocr.with_text, "__defaults__", (1,))
    tally = Tally()
    assert read_pdf(scanned(), "scan.pdf", tally) == []
    assert tally.warnings == [f"scan.pdf has scanned pages, and {said}. They are left out."]
    assert tally.dropped[NO_TEXT]["count"] == 1
