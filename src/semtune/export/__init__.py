"""Export: the whole pipeline (transformer, pooling, dense, normalise) as one graph, checked against torch."""
