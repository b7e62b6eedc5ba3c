"""Documents: one module a format, each to sections with headings."""
