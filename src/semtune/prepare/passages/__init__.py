"""Passages: documents cut to texts that fit the backbone, with their places in the document."""
