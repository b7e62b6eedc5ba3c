"""Benchmarks: BEIR, MS MARCO, mteb and parallel text, each with its judgements."""
