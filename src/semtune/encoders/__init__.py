"""Encoders: one Protocol (`semtune.types.Encoder`), several runtimes, one contract obeyed by all."""
