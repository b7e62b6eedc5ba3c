"""Retrieval tasks as mteb keeps them: the same labels as the BEIR folder they were made of."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semtune.errors import InputError
from semtune.prepare.build.for_evaluation import load_for_evaluation
from semtune.prepare.readers.sniff import sniff

CORPUS = [
    {"_id": "d1", "title": "Kettle", "text": "Fill it and wait."},
    {"_id": "d2", "title": "", "text": "A violin has four strings."},
    {"_id": "d3", "title": "Frost", "text": "Cover the roses."},
]
QUERIES = [{"_id": "q1", "text": "how to boil water"}, {"_id": "q2", "text": "roses in winter"}]
TEST = [("q1", "d1", 2), ("q2", "d3", 1), ("q2", "d2", 0)]


def beir(folder):
    folder.mkdir()
    for name, rows in {"corpus": CORPUS, "queries": QUERIES}.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "qrels").mkdir()
    lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in TEST)]
    (folder / "qrels" / "test.tsv").write_text("\n".join(lines) + "\n")
    return folder


def judgements(rows=TEST):
    return [dict(zip(("query-id", "corpus-id", "score"), row, strict=True)) for row in rows]


def shards(folder, name, rows, split="test"):
    """As `push_to_hub` of `datasets` lays them out, two files where there are rows for two."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    parts = [rows[:2], rows[2:]] if len(rows) > 2 else [rows]
    for at, part in enumerate(parts):
        table = pa.Table.from_pylist(part)
        pq.write_table(table, folder / name / f"{split}-{at:05}-of-{len(parts):05}.parquet")


@pytest.mark.parametrize("judged", ["qrels", "data", "default"])
def test_parquet_shards_give_what_the_beir_folder_gives(tmp_path, judged):
    hub = tmp_path / "hub"
    shards(hub, "corpus", [{"id" if k == "_id" else k: v for k, v in row.items()} for row in CORPUS], "corpus")
    shards(hub, "queries", QUERIES, "queries")
    shards(hub, judged, [row | {"score": float(row["score"])} for row in judgements()])
    found, wanted = load_for_evaluation(hub), load_for_evaluation(beir(tmp_path / "beir"))
    assert found.corpus == wanted.corpus
    assert found.queries == wanted.queries
    assert found.qrels == wanted.qrels == {"test": {"q1": {"d1": 2}, "q2": {"d3": 1, "d2": 0}}}
    assert sniff(hub).counts == {"documents": 3, "queries": 2, "test labels": 3}


def test_json_lines_with_judgements_in_json_lines_and_bad_rows_counted(tmp_path):
    folder = beir(tmp_path / "beir")
    (folder / "qrels" / "test.tsv").unlink()
    odd = [*judgements(), {"query-id": "q9", "corpus-id": "d1", "score": 1}, *judgements(TEST[:1])]
    (folder / "qrels" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in odd))
    found = load_for_evaluation(folder)
    assert found.qrels == {"test": {"q1": {"d1": 2}, "q2": {"d3": 1, "d2": 0}}}
    dropped = {reason: entry["count"] for reason, entry in found.report["dropped"].items()}
    assert dropped == {"judgement of an unknown query": 1, "duplicate judgement": 1}


def test_too_many_rows_without_a_whole_score_are_refused(tmp_path):
    hub = tmp_path / "hub"
    shards(hub, "corpus", CORPUS)
    shards(hub, "queries", QUERIES)
    shards(hub, "qrels", [row | {"score": 0.5} for row in judgements()])
    with pytest.raises(InputError, match=r"rows cannot be used .*not query-id, corpus-id, score"):
        load_for_evaluation(hub)


def test_judgements_of_0_alone_are_no_labels(tmp_path):
    folder = beir(tmp_path / "beir")
    (folder / "qrels" / "test.tsv").write_text("q1\td1\t0\nq2\td3\t0\n")
    with pytest.raises(InputError, match="no judgement is above 0"):
        load_for_evaluation(folder)
