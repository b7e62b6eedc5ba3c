"""What `info` says of a local index."""

import numpy as np

from semtune.index import manifest as manifests
from semtune.index.open import create_collection, open_collection
from semtune.index.settings import IndexSettings
from semtune.index.statistics import statistics_of
from semtune.testing import toy_manifest
from semtune.types import Document


def test_a_local_index_in_numbers(tmp_path):
    made = create_collection(tmp_path, tmp_path, IndexSettings(), toy_manifest(4, "local"))
    vectors = np.eye(4, dtype=np.float32)
    made.upsert([Document(f"a{i}", f"text {i}") for i in range(4)], vectors)
    made.compact()
    made.close()
    manifests.write(toy_manifest(4, "local"), tmp_path)
    found = statistics_of(tmp_path)
    assert (found["documents"], found["deleted"], found["delta"], found["segments"]) == (4, 0, 0, 1)
    assert found["bytes"] >= (tmp_path / "index.sqlite").stat().st_size
    opened = open_collection(tmp_path, manifests.read(tmp_path))
    opened.upsert([Document("b", "more")], vectors[:1])
    opened.delete(["a0", "a1"])
    opened.close()
    found = statistics_of(tmp_path)
    assert (found["documents"], found["deleted"], found["delta"], found["segments"]) == (3, 2, 1, 1)
