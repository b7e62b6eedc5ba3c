"""Benchmarks with relevance judgements: BEIR, MS MARCO, mteb; and parallel text."""
