"""The Python API: a function for each command, with the same settings, the same checks and the same files.

`semtune/__init__.py` gives these lazily; the commands call them too.

Example:
    >>> import semtune  # doctest: +SKIP
    >>> semtune.prepare("docs/", "data")  # doctest: +SKIP
    >>> semtune.train("data", "all-MiniLM-L6-v2", "model")  # doctest: +SKIP
"""

from semtune.api.deployment import encode, encode_file, export, index, load_dataset, load_encoder, run
from semtune.api.labelling import label
from semtune.api.quality import compare, evaluate
from semtune.api.training import distil, prepare, select, train

__all__ = [
    "compare",
    "distil",
    "encode",
    "encode_file",
    "evaluate",
    "export",
    "index",
    "label",
    "load_dataset",
    "load_encoder",
    "prepare",
    "run",
    "select",
    "train",
]
