"""Export: the whole pipeline (transformer, pooling, dense, normalise) as one graph, checked against torch."""

from semtune.callable_package import make_callable

make_callable(__name__)
