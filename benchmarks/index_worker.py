"""One vector engine in processes of its own, for `index.py`: one builds an index and ends, the next opens it.

python benchmarks/index_worker.py ENGINE build VECTORS.npy FOLDER
python benchmarks/index_worker.py ENGINE open VECTORS.npy FOLDER: answers the commands on stdin, a JSON object a line:
{"queries": FILE.npy, "k": 10, "breadth": N, "threads": 1}.
It may be run with the Python of another environment.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

LINKS, BUILD_BREADTH, THREADS, BATCH = 32, 200, 2, 5000
Search = Callable[[Any, int, int], Any]  # a query vector, k, breadth → row numbers


class Engine(NamedTuple):
    """How an engine builds an index of vectors in a folder, and how it opens that."""

    build: Callable[[Any, Path], None]
    open: Callable[[Path, int], Search]
    exact: bool = False


def build_semtune(vectors: Any, folder: Path) -> None:
    """Semtune's local index, with string ids, documents and metadata."""
    from index_semtune import build

    build(vectors, folder, BATCH)


def open_semtune(folder: Path, dimension: int) -> Search:
    """As its users search it: an answer has documents."""
    del dimension
    from index_semtune import opened

    return opened(folder)


def faiss_engine(name: str) -> Engine:
    """FAISS alone, written and read through a memory map: no ids, no documents."""

    def build(vectors: Any, folder: Path) -> None:
        import faiss

        from semtune.index.local import kinds

        index = kinds.Kind(name or kinds.lists(len(vectors))).make(vectors.shape[1])
        if not index.is_trained:
            index.train(vectors)
        index.add(vectors)
        faiss.write_index(index, str(folder / "raw.faiss"))

    def opened(folder: Path, dimension: int) -> Search:
        del dimension
        import faiss

        from semtune.index.local import kinds

        index = faiss.read_index(str(folder / "raw.faiss"), faiss.IO_FLAG_MMAP_IFC)
        faiss.omp_set_num_threads(1)
        inner, now = kinds.searched(index), [0]
        again = float(kinds.oversample(name or kinds.lists(index.ntotal)))
        how = None if again == 1 else kinds.FAISS.IndexRefineSearchParameters(k_factor=again)

        def search(query: Any, k: int, breadth: int) -> Any:
            if now[0] != breadth:
                now[0] = breadth
                kinds._widen(inner, breadth)
            return index.search(query[None], k, params=how)[1][0]

        return search

    return Engine(build, opened)


def build_hnswlib(vectors: Any, folder: Path) -> None:
    """The library hnswlib with the same links and build breadth."""
    import hnswlib

    index = hnswlib.Index("ip", vectors.shape[1])
    index.init_index(len(vectors), M=LINKS, ef_construction=BUILD_BREADTH)
    index.set_num_threads(THREADS)
    index.add_items(vectors)
    index.save_index(str(folder / "index.bin"))


def open_hnswlib(folder: Path, dimension: int) -> Search:
    """Reads the whole file."""
    import hnswlib

    index = hnswlib.Index("ip", dimension)
    index.load_index(str(folder / "index.bin"))
    index.set_num_threads(1)
    index.set_ef(0)
    now = [0]

    def search(query: Any, k: int, breadth: int) -> Any:
        if now[0] != breadth:
            now[0] = breadth
            index.set_ef(max(breadth, k))
        return index.knn_query(query, k)[0][0]

    return search


def build_usearch(vectors: Any, folder: Path) -> None:
    """The library usearch, 16-bit numbers."""
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="ip", dtype="f16", connectivity=LINKS, expansion_add=BUILD_BREADTH)
    index.add(np.arange(len(vectors)), vectors, threads=THREADS)
    index.save(str(folder / "index.usearch"))


def open_usearch(folder: Path, dimension: int) -> Search:
    """Through a memory map."""
    del dimension
    from usearch.index import Index

    index: Any = Index.restore(str(folder / "index.usearch"), view=True)

    def search(query: Any, k: int, breadth: int) -> Any:
        index.expansion_search = breadth
        return index.search(query, k, threads=1).keys

    return search


def build_lancedb(vectors: Any, folder: Path) -> None:
    """The library LanceDB: lists of HNSW graphs with 8-bit codes, ranked again by the vectors."""
    import lancedb
    import pyarrow as pa

    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    data = pa.table({"row": pa.array(np.arange(len(vectors))), "vector": column})
    table = lancedb.connect(str(folder)).create_table("vectors", data)
    table.create_index(metric="dot", index_type="IVF_HNSW_SQ", m=LINKS, ef_construction=BUILD_BREADTH)


def open_lancedb(folder: Path, dimension: int) -> Search:
    """As its documentation asks."""
    del dimension
    import lancedb

    table = lancedb.connect(str(folder)).open_table("vectors")

    def search(query: Any, k: int, breadth: int) -> Any:
        asked = table.search(query).distance_type("dot").limit(k).nprobes(20).ef(max(breadth, 2 * k)).refine_factor(2)
        return [row["row"] for row in asked.select(["row"]).to_list()]

    return search


def _sqlite_vec(folder: Path) -> Any:
    import sqlite3

    import sqlite_vec

    database = sqlite3.connect(folder / "vec.sqlite", check_same_thread=False)
    database.enable_load_extension(True)
    sqlite_vec.load(database)
    return database


def build_sqlite_vec(vectors: Any, folder: Path) -> None:
    """The extension sqlite-vec, which compares all vectors."""
    database = _sqlite_vec(folder)
    database.execute(f"create virtual table v using vec0(vector float[{vectors.shape[1]}])")
    rows = ((i + 1, vector.tobytes()) for i, vector in enumerate(vectors))
    database.executemany("insert into v(rowid, vector) values (?, ?)", rows)
    database.commit()


def open_sqlite_vec(folder: Path, dimension: int) -> Search:
    """One connection; not for several threads."""
    del dimension
    database = _sqlite_vec(folder)

    def search(query: Any, k: int, breadth: int) -> Any:
        del breadth
        found = database.execute("select rowid from v where vector match ? and k = ?", (query.tobytes(), k))
        return [row - 1 for (row,) in found]

    return search


def build_milvus(vectors: Any, folder: Path) -> None:
    """milvus-lite in its process, with a graph."""
    from pymilvus import DataType, MilvusClient

    client = MilvusClient(str(folder / "milvus.db"))
    schema = client.create_schema(auto_id=False)
    schema.add_field("row", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=vectors.shape[1])
    graph: Any = client.prepare_index_params()
    graph.add_index("vector", index_type="HNSW", metric_type="IP", M=LINKS, efConstruction=BUILD_BREADTH)
    client.create_collection("v", schema=schema, index_params=graph)
    for start in range(0, len(vectors), 1000):
        block = vectors[start : start + 1000]
        client.insert("v", [{"row": start + i, "vector": vector.tolist()} for i, vector in enumerate(block)])
    client.flush("v")
    client.close()


def open_milvus(folder: Path, dimension: int) -> Search:
    """A client of the file."""
    del dimension
    from pymilvus import MilvusClient

    client = MilvusClient(str(folder / "milvus.db"))
    client.load_collection("v")

    def search(query: Any, k: int, breadth: int) -> Any:
        found = client.search("v", [query.tolist()], limit=k, search_params={"params": {"ef": max(breadth, k)}})
        return [hit["row"] for hit in found[0]]

    return search


ENGINES = {
    "Semtune": Engine(build_semtune, open_semtune),
    "FAISS same kind": faiss_engine("HNSW32_SQ8,RFlat"),
    "FAISS HNSW32": faiss_engine("HNSW32,Flat"),
    "FAISS lists": faiss_engine(""),
    "hnswlib": Engine(build_hnswlib, open_hnswlib),
    "usearch f16": Engine(build_usearch, open_usearch),
    "LanceDB": Engine(build_lancedb, open_lancedb),
    "sqlite-vec": Engine(build_sqlite_vec, open_sqlite_vec, exact=True),
    "milvus-lite": Engine(build_milvus, open_milvus),
}


def resident() -> dict[str, float]:
    """Memory of this process in MB: its own, and the files that it has mapped."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    kinds = ("RssAnon", "RssFile")
    return {kind: int(line.split()[1]) / 1024 for line in lines for kind in kinds if line.startswith(kind)}


def answer(search: Search, asked: dict[str, Any]) -> dict[str, Any]:
    """Ask all queries, one at a time on each thread."""
    queries = np.load(asked["queries"])
    started = time.perf_counter()
    if asked["threads"] == 1:
        found = [search(query, asked["k"], asked["breadth"]) for query in queries]
    else:
        with ThreadPoolExecutor(asked["threads"]) as pool:
            found = list(pool.map(lambda query: search(query, asked["k"], asked["breadth"]), queries))
    seconds = time.perf_counter() - started
    rows = [[int(row) for row in each] for each in found] if asked.get("rows") else []
    return {"seconds": seconds, "rows": rows, **resident()}


def main() -> None:
    """Build and end, or open and answer until stdin ends."""
    name, how, vectors, folder = sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])
    answers, sys.stdout = sys.stdout, sys.stderr  # keeps prints of libraries out of the answers
    if how == "build":
        every = np.load(vectors)
        started = time.perf_counter()
        ENGINES[name].build(every, folder)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(json.dumps({"build_s": time.perf_counter() - started, "bytes": size}), file=answers, flush=True)
        return
    dimension = np.load(vectors, mmap_mode="r").shape[1]
    before = resident()
    started = time.perf_counter()
    search = ENGINES[name].open(folder, dimension)
    search(np.ones(dimension, dtype=np.float32) / dimension**0.5, 10, 10)
    first = {"open_s": time.perf_counter() - started, "before_mb": before["RssAnon"]}
    print(json.dumps(first), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(search, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
