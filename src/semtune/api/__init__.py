"""The Python API: a function for each command, with the same settings, the same checks and the same files.

`semtune/__init__.py` gives these lazily; the commands call them too.

Example:
    >>> import semtune  # doctest: +SKIP
    >>> semtune.prepare("docs/", "data")  # doctest: +SKIP
    >>> semtune.train("data", "all-MiniLM-L6-v2", "model")  # doctest: +SKIP
"""

from semtune.api.answerability import context
from semtune.api.deployment import encode, encode_file, export, index, load_dataset, load_encoder, run
from semtune.api.drifting import drift
from semtune.api.duplicates import duplicates
from semtune.api.index_care import compact, dump, migrate, verify
from semtune.api.indexing import add, delete, get, sync
from semtune.api.labelling import label
from semtune.api.quality import compare, evaluate
from semtune.api.recommend import learn_recommender, recommend
from semtune.api.tasks import classify
from semtune.api.topics import topics
from semtune.api.training import distil, prepare, select, train
from semtune.api.upgrading import rollback, upgrade

__all__ = [
    "add",
    "classify",
    "compact",
    "compare",
    "context",
    "delete",
    "distil",
    "drift",
    "dump",
    "duplicates",
    "encode",
    "encode_file",
    "evaluate",
    "export",
    "get",
    "index",
    "label",
    "learn_recommender",
    "load_dataset",
    "load_encoder",
    "migrate",
    "prepare",
    "recommend",
    "rollback",
    "run",
    "select",
    "sync",
    "topics",
    "train",
    "upgrade",
    "verify",
]
