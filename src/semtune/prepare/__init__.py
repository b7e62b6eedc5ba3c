"""Prepare: source in, data set without leaks out."""

from semtune.callable_package import make_callable

make_callable(__name__)
