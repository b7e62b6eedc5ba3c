"""Label: people grade the answers to real questions, and a test set comes out."""

from semtune.callable_package import make_callable

make_callable(__name__)
