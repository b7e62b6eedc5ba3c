"""Prepare: source in, data set without leaks out."""
