"""Passages: documents cut into texts that fit the backbone, with their positions in the document."""
