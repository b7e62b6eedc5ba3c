"""PDF by pdfium: one section per page, without running heads; words rejoined at line ends, columns in order."""

from semtune.prepare.readers.documents.pdf.reader import read_pdf

__all__ = ["read_pdf"]
