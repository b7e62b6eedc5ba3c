"""Readers: one kind of source each, into sections, rows or labels."""
