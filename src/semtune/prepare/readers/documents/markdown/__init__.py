"""Markdown files, parsed by markdown-it-py (CommonMark, tables, definition lists, footnotes, attributes)."""

from semtune.prepare.readers.documents.markdown.reader import read_markdown

__all__ = ["read_markdown"]
