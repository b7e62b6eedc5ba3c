"""Encoders: one Protocol (`semtune.protocols.Encoder`), implemented by several runtimes that follow the contract."""
