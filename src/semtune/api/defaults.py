"""Defaults that the functions of the Python API and the commands share."""

DEFAULT_MODEL = "all-MiniLM-L6-v2"
SEED = 13
