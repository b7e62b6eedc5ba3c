"""PDF files by pypdfium2, page by page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.outline_types import Outline, UnreadableError
from semtune.prepare.readers.documents.pdf.bookmarks import bookmarks, mark_headings, sections_of
from semtune.prepare.readers.documents.pdf.cleaning import rejoin, without_running_heads
from semtune.prepare.readers.documents.pdf.layout import Page, Piece, to_lines, with_gaps
from semtune.prepare.readers.documents.pdf.ocr import can_read_scans, with_text
from semtune.prepare.readers.documents.pdf.soft_hyphens import soft_hyphens, without_soft_hyphens
from semtune.prepare.readers.files.garbled import GARBLED
from semtune.registry import need
from semtune.text import one_line, tidy

NO_TEXT = "PDF page without text (empty, or a scan that needs OCR first, for example by ocrmypdf)"
RUNNING = "running heads, feet and page numbers left out of PDFs"
BY_OCR = "PDF files with scanned pages, read by ocrmypdf"
NEEDS_PASSWORD = 4  # pdfium's error code
LOOKED_AT = 100  # characters of a page whose letters are checked
MAX_UNMAPPED = 0.05  # share of them whose font does not say which letters they are
_NO_TITLE = re.compile(r"^(?:untitled.*|microsoft word.*|.*\.\w{2,5}|\W*)$", re.IGNORECASE)


@dataclass(slots=True)
class _Read:
    """What was found in a file.

    Attributes:
        title: in its properties.
        pages: their lines.
        marks: page → its bookmarks.
        scanned: whether a page without text is not empty.
        letters: characters that were checked.
        unmapped: those of them whose font does not say which letters they are.
    """

    title: str
    pages: list[Page]
    marks: dict[int, list[tuple[str, int]]]
    scanned: bool = False
    letters: int = 0
    unmapped: int = 0


def read_pdf(data: bytes, name: str, tally: Tally) -> Outline:
    """The text of each page, or under each bookmark; a title in the properties becomes the heading.

    Raises:
        UnreadableError: it is not a PDF, is too broken to be read, or needs a password.
    """
    need("pypdfium2")
    counted = Tally()
    found = _read(data, name, counted)
    if found.scanned and can_read_scans():
        made, problem = with_text(data)
        if made:
            counted = Tally()
            found = _read(made, name, counted)
            counted.count(BY_OCR)
        else:
            counted.warn(f"{name} has scanned pages, and {problem}. They are left out.")
    tally.merge(counted)
    tally.count("PDF pages", len(found.pages))
    if found.unmapped > MAX_UNMAPPED * found.letters:
        tally.count(GARBLED)
        tally.warn(f"{name}: its fonts do not say which letters they show. Look at the text; OCR may be needed.")
    return _outline(found, soft_hyphens(data), tally)


def _outline(found: _Read, soft: set[str], tally: Tally) -> Outline:
    cleaned, running = without_running_heads(found.pages)
    tally.count(RUNNING, running)
    for number, marks in found.marks.items():
        if number < len(cleaned):
            mark_headings(cleaned[number], marks)
    texts = [without_soft_hyphens(text, soft) for text in rejoin("\n".join(with_gaps(lines)) for lines in cleaned)]
    if found.marks:
        outline = sections_of(texts, found.title)
        if len(outline) > 1:
            return outline
        texts = [re.sub(r"\x10\d", "", text) for text in texts]
    return [((found.title,) if found.title else (), tidy(text)) for text in texts if text.strip()]


def _read(data: bytes, name: str, tally: Tally) -> _Read:
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        document = PdfDocument(data)
    except PdfiumError as error:
        if getattr(error, "err_code", None) == NEEDS_PASSWORD:
            raise UnreadableError(f"{name} needs a password. Save it without one.", "needs a password") from None
        raise UnreadableError(f"{name} is no PDF, or is broken or cut off.", "is broken or cut off") from None
    try:
        found = _Read(_title(document), [], bookmarks(document))
        for number in range(len(document)):
            found.pages.append(_page(document, number, name, found, tally))
    finally:
        document.close()
    return found


def _page(document: Any, number: int, name: str, found: _Read, tally: Tally) -> Page:
    """The lines of a page; one that cannot be read, or has no text, is counted."""
    try:
        page = document[number]
        text = page.get_textpage()
        lines, height = to_lines(_pieces(text)), page.get_height()
        if not lines:
            tally.drop(NO_TEXT, f"{name}, page {number + 1}")
            found.scanned = found.scanned or _shows_something(page)
        letters, unmapped = _unmapped(text)
    except Exception as error:  # parsing untrusted bytes can fail in any way; the other pages can still be read
        tally.drop("PDF page that cannot be read", f"{name}, page {number + 1} ({type(error).__name__})")
        return Page([], 0.0)
    found.letters, found.unmapped = found.letters + letters, found.unmapped + unmapped
    return Page(lines, height)


def _shows_something(page: Any) -> bool:
    """Whether a page without text is not empty: an image, or letters drawn as lines."""
    return any(True for _ in page.get_objects(max_depth=1))


def _unmapped(text: Any) -> tuple[int, int]:
    """How many characters of a page were checked, and for how many its fonts do not say which letters they are."""
    from pypdfium2.raw import FPDFText_HasUnicodeMapError

    places = range(0, text.count_chars(), max(1, text.count_chars() // LOOKED_AT))
    return len(places), sum(FPDFText_HasUnicodeMapError(text, place) == 1 for place in places)


def _pieces(text: Any) -> list[Piece]:
    pieces = []
    for number in range(text.count_rects()):
        left, bottom, right, top = text.get_rect(number)
        content = text.get_text_bounded(left, bottom, right, top).replace("\r\n", " ").replace("\ufffe", "\x02")
        if content.strip():
            pieces.append(Piece(content, left, bottom, right, top))
    return pieces


def _title(document: Any) -> str:
    """The title in the document's properties, unless it is a file name or a placeholder."""
    title = one_line(str(document.get_metadata_value("Title") or ""))
    return "" if _NO_TITLE.match(title) else title
