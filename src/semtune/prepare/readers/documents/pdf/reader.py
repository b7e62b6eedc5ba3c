"""PDF files by pypdfium2, page by page."""

from __future__ import annotations

import re
from typing import Any

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.outline_types import Outline, UnreadableError
from semtune.prepare.readers.documents.pdf.cleaning import rejoin, without_running_heads
from semtune.prepare.readers.documents.pdf.layout import Page, Piece, to_lines, with_gaps
from semtune.registry import need
from semtune.text import one_line, tidy

NO_TEXT = "PDF page without text (empty, or a scan that needs OCR first, for example by ocrmypdf)"
RUNNING = "running heads, feet and page numbers left out of PDFs"
NEEDS_PASSWORD = 4  # pdfium's error code
_NO_TITLE = re.compile(r"^(?:untitled.*|microsoft word.*|.*\.\w{2,5}|\W*)$", re.IGNORECASE)


def read_pdf(data: bytes, name: str, tally: Tally) -> Outline:
    """The text of each page; a title in the document's properties becomes the heading.

    Raises:
        UnreadableError: it is not a PDF, is too broken to be read, or needs a password.
    """
    need("pypdfium2")
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        document = PdfDocument(data)
    except PdfiumError as error:
        if getattr(error, "err_code", None) == NEEDS_PASSWORD:
            raise UnreadableError(f"{name} needs a password. Save it without one.", "needs a password") from None
        raise UnreadableError(f"{name} is no PDF, or is broken or cut off.", "is broken or cut off") from None
    try:
        title = _title(document)
        pages = [_page(document, number, name, tally) for number in range(len(document))]
    finally:
        document.close()
    tally.count("PDF pages", len(pages))
    cleaned, running = without_running_heads(pages)
    tally.count(RUNNING, running)
    texts = rejoin("\n".join(with_gaps(lines)) for lines in cleaned)
    return [((title,) if title else (), tidy(text)) for text in texts if text.strip()]


def _page(document: Any, number: int, name: str, tally: Tally) -> Page:
    """The lines of a page; one that cannot be read, or has no text, is counted."""
    try:
        page = document[number]
        lines, height = to_lines(_pieces(page.get_textpage())), page.get_height()
    except Exception as error:  # parsing untrusted bytes can fail in any way; the other pages can still be read
        tally.drop("PDF page that cannot be read", f"{name}, page {number + 1} ({type(error).__name__})")
        return Page([], 0.0)
    if not lines:
        tally.drop(NO_TEXT, f"{name}, page {number + 1}")
    return Page(lines, height)


def _pieces(text: Any) -> list[Piece]:
    pieces = []
    for number in range(text.count_rects()):
        left, bottom, right, top = text.get_rect(number)
        content = text.get_text_bounded(left, bottom, right, top).replace("\r\n", " ")
        if content.strip():
            pieces.append(Piece(content, left, bottom, right, top))
    return pieces


def _title(document: Any) -> str:
    """The title in the document's properties, unless it is a file name or a placeholder."""
    title = one_line(str(document.get_metadata_value("Title") or ""))
    return "" if _NO_TITLE.match(title) else title
