"""The old name of `semtune.evaluate.report.language_pairs`, until the callers use the new one."""

from semtune.evaluate.report.language_pairs import matrix_rows

__all__ = ["matrix_rows"]
