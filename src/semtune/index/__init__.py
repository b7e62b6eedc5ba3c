"""Indexes: vectors in a back-end, documents beside them, a manifest that says whose vectors they are."""
