"""Indexes: vectors in a back-end, documents beside them, a manifest that says whose vectors they are."""

from semtune.callable_package import make_callable

make_callable(__name__)
