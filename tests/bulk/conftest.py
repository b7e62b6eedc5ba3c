"""The files of this folder share `bulk_parts`."""

from bulk_parts import encoder, static, texts  # noqa: F401 - fixtures are found by name
