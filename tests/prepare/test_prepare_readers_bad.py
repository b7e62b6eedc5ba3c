"""Rows, lines and files that cannot be used: counted with an example, and too many of them refused."""

import gzip
import os
import time

import pytest

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.benchmarks.beir import is_beir, read_beir
from semtune.prepare.readers.benchmarks.judgements import read_judgements
from semtune.prepare.readers.benchmarks.ms_marco import is_marco, part_of, read_marco
from semtune.prepare.readers.sniff import sniff
from semtune.prepare.readers.source_kind import find_kind, hash_source
from semtune.prepare.readers.tables import delimited as cells
from semtune.prepare.readers.tables import json_values
from semtune.prepare.readers.tables.table import read_table
from semtune.prepare.settings import PrepareSettings
from semtune.types import Document

SETTINGS = PrepareSettings()
LOOSE = PrepareSettings(max_bad_share=0.9)


def rows(path, settings=LOOSE, tally=None):
    return [(r.anchor, r.positives[0].text) for r in read_table(path, settings, tally or Tally()).pairs]


def reasons(tally):
    return {reason: (entry["count"], entry["example"]) for reason, entry in tally.dropped.items()}


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_line_that_is_too_long_is_a_bad_row(tmp_path, monkeypatch, name):
    monkeypatch.setattr(cells, "MAX_LINE", 200)
    monkeypatch.setattr(json_values, "MAX_LINE", 200)
    path = tmp_path / name
    if name == "a.csv":
        path.write_text("query,document\nq1,d1\nq2," + "x," * 200 + "\nq3,d3\n")
    else:
        path.write_text('{"query": "q1", "document": "d1"}\n["' + "x" * 200 + '"]\n{"query": "q3", "document": "d3"}\n')
    tally = Tally()
    assert rows(path, LOOSE, tally) == [("q1", "d1"), ("q3", "d3")]
    assert [(reason, entry["count"]) for reason, entry in tally.dropped.items()] == [(f"bad row: {cells.TOO_LONG}", 1)]
    assert next(iter(tally.dropped.values()))["example"].startswith(f"{name}:{3 if name == 'a.csv' else 2}: ")


def test_a_quote_that_is_never_closed_costs_one_row(tmp_path):
    path = tmp_path / "a.csv"
    lines = [f'"q{i}","d {i}, and more"\n' for i in range(300)]
    lines[250] = '"q250","d 250, and never closed\n'
    path.write_text("query,document\n" + "".join(lines))
    tally = Tally()
    found = rows(path, SETTINGS, tally)
    assert len(found) == 299
    assert ("q251", "d 251, and more") in found
    assert reasons(tally) == {
        "bad row: misplaced quote": (1, 'a.csv:252: q250,d 250, and never closed\nq251",d 251, and more')
    }


def test_unclosed_quotes_on_every_line_end_in_time(tmp_path):
    path = tmp_path / "a.csv"
    good = "".join(f'"q{i}","d{i}"\n' for i in range(300))
    path.write_text("query,document\n" + good + '"never,closed\n' * 30_001)
    start = time.perf_counter()
    with pytest.raises(InputError, match="rows cannot be used"):
        read_table(path, SETTINGS, Tally())
    assert time.perf_counter() - start < 10


def test_cells_longer_than_the_csv_module_likes(tmp_path):
    (tmp_path / "a.csv").write_text(f"query,document\nq,{'word ' * 40_000}\n")
    assert rows(tmp_path / "a.csv") == [("q", ("word " * 40_000).strip())]


def test_blank_lines_before_the_header(tmp_path):
    (tmp_path / "a.csv").write_text("\n\nquery,document\n\nq,d\n")
    assert rows(tmp_path / "a.csv") == [("q", "d")]


def test_broken_utf8_in_a_table_is_counted(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("query,document\nGröße,Fußweg\n".encode() + b"q\xff,d\n")
    tally = Tally()
    assert rows(path, SETTINGS, tally) == [("Größe", "Fußweg"), ("q\ufffd", "d")]
    assert tally.counts == {"tables in utf-8 with broken bytes, shown as \ufffd": 1, "rows": 2}


def test_repeated_ids_get_a_number_and_no_row_is_lost(write_jsonl):
    path = write_jsonl("a.jsonl", [{"_id": str(i % 9), "text": f"text {i}"} for i in range(10)])
    tally = Tally()
    read = read_table(path, PrepareSettings(max_bad_share=0.0), tally).sections
    assert [s.text for s in read] == [f"text {i}" for i in range(10)]
    assert [s.id for s in read] == [*map(str, range(9)), "0~2"]
    assert reasons(tally) == {}
    assert tally.counts["rows whose id an earlier row has; their ids got a number"] == 1


def test_tables_too_large_or_no_gzip_are_refused(tmp_path, monkeypatch):
    (tmp_path / "a.csv.gz").write_bytes(b"none")
    with pytest.raises(InputError, match=r"Cannot read .*a\.csv\.gz: broken gzip file"):
        read_table(tmp_path / "a.csv.gz", SETTINGS, Tally())
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"query,document\n" + b"q,d\n" * 500))
    monkeypatch.setattr(cells, "MAX_TABLE", 1000)
    with pytest.raises(InputError, match=r"is larger than 0 MiB\. Split it"):
        read_table(tmp_path / "a.csv.gz", SETTINGS, Tally())


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json", ".parquet", ".arrow", ".tmx"])
@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"\xff\xfe\x00", b"\n\n", b"{}", b"<a>"])
def test_rubbish_is_refused_in_words(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.") as caught:
        read_table(path, SETTINGS, Tally())
    assert str(path) in str(caught.value)
    with pytest.raises(InputError):
        sniff(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_tables_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("query,document\nq,d\n")
    path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        read_table(path, SETTINGS, Tally())


def test_a_file_that_cannot_be_read_does_not_stop_the_hash(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "a.txt").write_text("x")
    before = hash_source(tmp_path)
    monkeypatch.setattr("semtune.prepare.readers.source_kind.sha256_file", refuse)
    assert hash_source(tmp_path) != before


def beir(folder, write_jsonl):
    name = folder.name
    write_jsonl(
        f"{name}/corpus.jsonl", [{"_id": i, "title": "T", "text": f"d{i}"} for i in (1, 2, 3, 3)] + [{"text": "x"}]
    )
    write_jsonl(f"{name}/queries.jsonl", [{"_id": f"q{i}", "text": f"ask {i}", "lang": "en"} for i in (1, 2, 2)])
    (folder / "qrels").mkdir()
    lines = [
        "query-id\tcorpus-id\tscore",
        "q1\t1\t1",
        "q1\t2\t0",
        "q1\t1\t1",
        "q2\t9\t1",
        "q9\t1\t1",
        "q2\t3\tx",
        "q2\t3\t1000",
        "q2",
    ]
    (folder / "qrels" / "test.tsv").write_text("\n".join(lines) + "\n")
    return folder


def test_beir_counts_what_it_cannot_use(tmp_path, write_jsonl):
    folder = beir(tmp_path / "b", write_jsonl)
    tally = Tally()
    labels = read_beir(folder, tally, LOOSE)
    assert labels.corpus == [Document(str(i), f"d{i}", "T") for i in (1, 2, 3)]
    assert labels.qrels == {"test": {"q1": {"1": 1, "2": 0}}}
    assert labels.queries["q1"].metadata == {"lang": "en"}
    assert reasons(tally) == {
        "bad row: duplicate id": (2, "corpus.jsonl:4: 3"),
        "bad row: no _id": (1, "corpus.jsonl:5: {'text': 'x'}"),
        "duplicate judgement": (1, "test.tsv:4: q1\t1\t1"),
        "bad row: not query-id, corpus-id, score (a whole number)": (2, "test.tsv:7: q2\t3\tx"),
        "bad row: score outside -10 to 100": (1, "test.tsv:8: q2\t3\t1000"),
        "judgement of an unknown document": (1, "qrels/test.tsv: q2 9"),
        "judgement of an unknown query": (1, "qrels/test.tsv: q9 1"),
    }
    assert tally.counts == {"queries without judgement, left out": 1}
    with pytest.raises(InputError, match=r"2 of 5 rows cannot be used"):
        read_beir(folder, Tally(), SETTINGS)


def test_packed_beir(tmp_path, write_jsonl):
    folder = beir(tmp_path / "b", write_jsonl)
    plain = read_beir(folder, Tally(), LOOSE)
    for path in [folder / "corpus.jsonl", folder / "queries.jsonl", folder / "qrels" / "test.tsv"]:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert is_beir(folder)
    assert read_beir(folder, Tally(), LOOSE) == plain
    assert sniff(folder).description == "a BEIR folder with labels for test"


def test_beir_that_points_nowhere_is_refused(tmp_path, write_jsonl):
    folder = beir(tmp_path / "b", write_jsonl)
    (folder / "qrels" / "test.tsv").write_text("q7\t7\t1\n")
    with pytest.raises(InputError, match="no judgement matches a known query"):
        read_beir(folder, Tally(), LOOSE)


def test_judgements_of_trec(tmp_path):
    (tmp_path / "q.tsv").write_text("1 0 7 1\n1\t0\t8\t0\r\n")
    assert read_judgements(tmp_path / "q.tsv", Tally(), 0.0) == {"1": {"7": 1, "8": 0}}


def test_ms_marco(tmp_path):
    (tmp_path / "collection.tsv").write_text("0\tTin is a metal.\n1\tZinc\tis.\n2\tIron is.\nbroken\n2\tagain\n")
    (tmp_path / "queries.train.tsv").write_text("10\twhat is tin\n11\twhat is zinc\n")
    (tmp_path / "queries.dev.small.tsv").write_text("12\twhat is iron\n13\tunjudged\n")
    (tmp_path / "qrels.train.tsv").write_text("10\t0\t0\t1\n11\t0\t1\t1\n11\t0\t99\t1\n")
    (tmp_path / "qrels.dev.small.tsv").write_text("12\t0\t2\t1\n")
    assert is_marco(tmp_path)
    assert find_kind(tmp_path) == "marco"
    tally = Tally()
    labels = read_marco(tmp_path, tally, LOOSE)
    assert labels.corpus == [Document("0", "Tin is a metal."), Document("1", "Zinc is."), Document("2", "Iron is.")]
    assert {id_: query.text for id_, query in labels.queries.items()} == {
        "10": "what is tin", "11": "what is zinc", "12": "what is iron",
    }  # fmt: skip
    assert labels.qrels == {"dev": {"12": {"2": 1}}, "train": {"10": {"0": 1}, "11": {"1": 1}}}
    assert reasons(tally) == {
        "bad row: not an id, a tab and a text": (1, "collection.tsv:4: broken"),
        "bad row: duplicate id": (1, "collection.tsv:5: 2"),
        "judgement of an unknown document": (1, "qrels of train: 11 99"),
    }
    assert tally.counts == {"queries without judgement, left out": 1}
    found = sniff(tmp_path)
    assert found.description == "a folder in MS MARCO's layout with labels for dev, train"
    assert found.counts == {"documents": 5, "queries": 4, "dev labels": 1, "train labels": 3}
    assert [part_of(name) for name in ("qrels.dev.small.tsv", "qrels.tsv", "qrels.eval.tsv")] == ["dev", "all", "test"]


def test_a_first_line_without_end_and_too_many_columns_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("x," * 20_000)
    with pytest.raises(InputError, match="20,001 cells in its first row"):
        read_table(path, SETTINGS, Tally())
    path.write_text("x," * 100)
    with pytest.raises(InputError, match="and 51 more"):
        read_table(path, SETTINGS, Tally())
    monkeypatch.setattr(cells, "MAX_LINE", 100)
    with pytest.raises(InputError, match="its first line has more than 100 characters"):
        read_table(path, SETTINGS, Tally())
    (tmp_path / "a.json").write_text("[" + "1," * 2000 + "1]")
    with pytest.raises(InputError, match="none of the first 1,000 items"):
        read_table(tmp_path / "a.json", SETTINGS, Tally())
