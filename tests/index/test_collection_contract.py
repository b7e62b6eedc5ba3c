"""The shipped contract of collections, over every back-end."""

import itertools

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


@pytest.fixture(scope="module", params=["exact", "local", "milvus-file", "milvus-server"])
def subject(request, tmp_path_factory):
    if request.param == "exact":
        return Subject(ExactCollection.empty)
    folder = tmp_path_factory.mktemp("contract")
    if request.param == "local":
        return local(folder)
    if request.param == "milvus-file":
        return milvus(str(folder / "lite.db"), folder)
    return milvus(request.getfixturevalue("milvus_server")[0], folder)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check, subject):
    check(subject)
