"""Evaluate: is the tuned model better on held-out data, by how much, and should it be shipped?"""

from semtune.callable_package import make_callable

make_callable(__name__)
