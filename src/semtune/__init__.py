"""Semtune: from a folder of text to a tuned, proven, served semantic search, on an ordinary CPU."""

__version__ = "0.1.0"
