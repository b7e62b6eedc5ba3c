"""The shipped contract of collections, over every back-end."""

import itertools
from functools import cache

import pytest

from semtune.index import manifest as manifests
from semtune.index.settings import IndexSettings
from semtune.testing import ExactCollection, toy_manifest
from semtune.testing.collection_contract import CHECKS, Subject

NUMBERS = itertools.count()


def milvus(uri, folder):
    """Collections in a Milvus database, each in a new index folder below `folder`."""
    from semtune.index.milvus import MilvusBackend

    def make(dimension):
        home = folder / f"index {next(NUMBERS)}"
        return MilvusBackend.create(home, home, IndexSettings(backend="milvus", uri=uri), toy_manifest(dimension))

    def reopen(collection):
        collection.close()
        return MilvusBackend.open(folder, collection.manifest)

    return Subject(make, reopen, isolated=False)


def local(folder):
    """Collections in new index folders below `folder`."""
    from semtune.index.local.backend import LocalBackend

    homes = {}

    def make(dimension):
        home = folder / f"index {next(NUMBERS)}"
        home.mkdir()
        made = LocalBackend.create(home, home, IndexSettings(), toy_manifest(dimension, "local"))
        manifests.write(made.manifest, home)  # verify looks for it
        homes[id(made)] = home
        return made

    def reopen(collection):
        home = homes[id(collection)]
        collection.close()
        opened = LocalBackend.open(home, collection.manifest)
        homes[id(opened)] = home
        return opened

    return Subject(make, reopen)


@pytest.fixture(scope="module")
def subjects(request, tmp_path_factory):
    """Name of a back-end → its subject."""

    def make(name):
        if name == "exact":
            return Subject(ExactCollection.empty)
        folder = tmp_path_factory.mktemp("contract")
        if name == "local":
            return local(folder)
        if name == "milvus-file":
            return milvus(str(folder / "lite.db"), folder)
        return milvus(request.getfixturevalue("milvus_server")[0], folder)

    return cache(make)


LONG_IN_MILVUS = {"filtered_counts_are_right", "filtered_searches_are_right", "many_documents_are_written_at_once"}
OVER_A_CONNECTION = {"search_is_that_of_numpy", "filters_follow_updates_and_deletes"}


def cases():
    """Every check over every back-end; of those in Milvus the long ones, and most over a connection, are slow tests."""
    for backend, check in itertools.product(["exact", "local", "milvus-file", "milvus-server"], CHECKS):
        name = check.__name__
        slow = name in LONG_IN_MILVUS if backend == "milvus-file" else name not in OVER_A_CONNECTION
        marks = [pytest.mark.slow] if slow and backend.startswith("milvus") else []
        yield pytest.param(backend, check, id=f"{backend}-{name}", marks=marks)


@pytest.mark.parametrize(("backend", "check"), list(cases()))
def test_contract(backend, check, subjects):
    check(subjects(backend))
