"""Duplicates: near-equal texts of a file, as pairs and as groups, and a file without them."""
