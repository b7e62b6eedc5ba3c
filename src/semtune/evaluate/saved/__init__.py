"""Saved evaluations: their files, written, read back and compared."""
