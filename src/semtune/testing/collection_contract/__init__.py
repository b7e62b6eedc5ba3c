"""The contract of collections: checks that any back-end must pass, value by value. Needs no pytest.

    from semtune.testing.collection_contract import CHECKS, Subject

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_collection(check, tmp_path):
        check(Subject(make=lambda dimension: MyCollection(tmp_path, dimension)))

Each check takes a `Subject`, makes fresh collections, and raises an AssertionError that says what differs.
"""

from semtune.testing.collection_contract import filtering, searching, sharing, writing
from semtune.testing.collection_contract.subject import Check, Subject

CHECKS: tuple[Check, ...] = (*writing.CHECKS, *sharing.CHECKS, *searching.CHECKS, *filtering.CHECKS)

__all__ = ["CHECKS", "Check", "Subject"]
