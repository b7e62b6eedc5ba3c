"""For tests of Semtune and of plug-ins: a toy corpus, a toy model, and the contract of collections.

`semtune.testing.collection_contract` checks any back-end value by value; `ExactCollection` is the reference in memory.
"""

from semtune.testing.exact_collection import ExactCollection, toy_manifest

__all__ = ["ExactCollection", "toy_manifest"]
