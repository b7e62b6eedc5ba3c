"""Retrieval: exact search, BM25 and hybrid search over the corpus of a data set."""
