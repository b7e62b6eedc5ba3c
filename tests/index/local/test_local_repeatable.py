"""The same writes make the same bytes, so a step of a run that is done again is the same."""

import hashlib

import numpy as np
from local_parts import create, document, vectors


def test_equal_writes_make_equal_files(tmp_path):
    found = []
    for name in ("one", "two"):
        rng, folder = np.random.default_rng(0), tmp_path / name / "index"
        collection = create(folder)
        for start in (0, 50):
            collection.upsert([document(rng, f"d{start + i}") for i in range(50)], vectors(rng, 50))
        collection.delete(["d3"])
        collection.compact()
        collection.close()
        files = [path for path in folder.rglob("*") if path.is_file()]
        found.append({str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files})
    assert found[0] == found[1]
    assert set(found[0]) == {"index.sqlite", "manifest.json", next(name for name in found[0] if ".faiss" in name)}
