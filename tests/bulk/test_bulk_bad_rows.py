"""Rows that cannot be read get no vector, are counted by reason, and the numbers of the others stay right."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bulk_parts import write

import semtune
from semtune import EncodeSettings
from semtune.bulk import manifest as manifests
from semtune.errors import ConfigError, InputError, ModelError

SMALL = EncodeSettings(rows=2)
JSON_LINES = [
    b'{"text": "the first kettle"}',
    b'{"text": "broken',
    b"",
    b'{"text": 7}',
    b'{"text": null}',
    b'{"other": "x"}',
    b'{"text": ["a violin", "a loom"]}',
    b'{"text": {"deep": 1}}',
    b'{"text": true}',
    b'["a", "b"]',
    b'{"text": "\xff\xfe bytes"}',
    b'{"text": "half \\ud800"}',
    b'{"text": ""}',
    b'{"text": "the last roof", "other": "\xff"}',
]
KEPT = ["the first kettle", "a violin\n\na loom", "", "the last roof"]
ROWS = [0, 5, 11, 12]


def test_json_lines(static, encoder, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(JSON_LINES) + b"\n")
    made = semtune.encode_file(str(static), tmp_path / "a.jsonl", tmp_path / "out.npy", settings=SMALL)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), encoder.encode(KEPT).vectors)
    assert np.load(tmp_path / "out.rows.npy").tolist() == ROWS
    assert made.left_out == {
        "not valid JSON": 1,
        "text is not a string but a number": 1,
        "no text": 2,
        "text is not a string but an object": 1,
        "text is not a string but true or false": 1,
        "not a JSON object": 1,
        "text is not valid UTF-8": 2,
    }
    assert (made.texts, made.rows, made.empty) == (4, 13, 1)
    assert made.examples["not valid JSON"] == 'a.jsonl:2: {"text": "broken'
    assert made.examples["no text"] == "a.jsonl:5: {'text': None}"
    assert made.examples["text is not a string but a number"] == "a.jsonl:4: 7"
    assert "1 of 13 rows were left out: not valid JSON (e.g. a.jsonl:2: " in " ".join(made.warnings)


def test_one_good_line_is_enough(static, encoder, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": \n' * 9 + '{"text": "kettle"}\n')
    made = semtune.encode_file(str(static), tmp_path / "a.jsonl", tmp_path / "out.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), encoder.encode(["kettle"]).vectors)
    assert (made.left_out, np.load(tmp_path / "out.rows.npy").tolist()) == ({"not valid JSON": 9}, [9])


def test_the_numbers_of_rows_stand_in_every_form(static, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(JSON_LINES) + b"\n")
    semtune.encode_file(str(static), tmp_path / "a.jsonl", tmp_path / "out", settings=SMALL)
    assert np.load(tmp_path / "out" / "rows.npy").tolist() == ROWS
    found = manifests.read(tmp_path / "out")
    assert [(each.texts, each.first_row, each.last_row) for each in found.shards] == [(2, 0, 5), (2, 11, 12)]
    assert (found.rows, found.texts, sum(found.left_out.values())) == (13, 4, 9)
    semtune.encode_file(str(static), tmp_path / "a.jsonl", tmp_path / "out.parquet", settings=SMALL)
    assert pq.read_table(tmp_path / "out.parquet")["row"].to_pylist() == ROWS


def test_numbers_of_an_earlier_result_do_not_stay(static, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(JSON_LINES) + b"\n")
    (tmp_path / "b.jsonl").write_bytes(JSON_LINES[0])
    for name, there in (("a.jsonl", True), ("b.jsonl", False)):
        semtune.encode_file(str(static), tmp_path / name, tmp_path / "out.npy", settings=SMALL)
        assert (tmp_path / "out.rows.npy").exists() is there


def test_csv(static, encoder, tmp_path):
    lines = ["id,text", "1,the kettle", "2,one,two", '3,"a, comma', 'and a line"', "4,", "5", "6,the roof"]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    made = semtune.encode_file(str(static), tmp_path / "a.csv", tmp_path / "out.npy", settings=SMALL)
    kept = ["the kettle", "a, comma\nand a line", "", "the roof"]
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), encoder.encode(kept).vectors)
    assert np.load(tmp_path / "out.rows.npy").tolist() == [0, 2, 3, 5]
    assert made.left_out == {"expected 2 columns": 2}
    assert made.examples["expected 2 columns"].startswith("a.csv:3: 3: 2,one,two")
    assert (made.rows, made.empty) == (6, 1)


def test_a_quote_that_is_never_closed_costs_one_row(static, encoder, texts, tmp_path):
    rows = [f"{number},{text}" for number, text in enumerate(texts[:50])]
    rows[20] = '20,"never closed'
    (tmp_path / "a.csv").write_text("id,text\n" + "\n".join(rows) + "\n")
    made = semtune.encode_file(str(static), tmp_path / "a.csv", tmp_path / "out.npy")
    kept = [*texts[:20], *texts[21:50]]
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), encoder.encode(kept).vectors)
    assert sum(made.left_out.values()) == 1
    assert np.load(tmp_path / "out.rows.npy").tolist() == [*range(20), *range(21, 50)]


def test_text_lines(static, encoder, tmp_path):
    (tmp_path / "a.txt").write_bytes(
        "the kettle\r\nünï\n\n".encode() + b"bad \xff\xfe\x80 bytes\nthe nul\0l roof\nlast"
    )
    made = semtune.encode_file(str(static), tmp_path / "a.txt", tmp_path / "out.npy")
    kept = ["the kettle", "ünï", "", "the null roof", "last"]
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), encoder.encode(kept).vectors)
    assert np.load(tmp_path / "out.rows.npy").tolist() == [0, 1, 2, 4, 5]
    assert made.left_out == {"text is not valid UTF-8": 1}
    assert made.examples["text is not valid UTF-8"].startswith("a.txt:4: bad ")
    assert made.empty == 1


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv"])
def test_a_line_longer_than_is_allowed_costs_one_row(static, encoder, texts, tmp_path, monkeypatch, name):
    write(tmp_path / name, [*texts[:10], "x" * 5_000_000, *texts[10:20]])
    made = semtune.encode_file(str(static), tmp_path / name, tmp_path / "out.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), encoder.encode(texts[:20]).vectors)
    assert made.left_out == {"line longer than 4,194,304 characters": 1}
    number = 12 if name == "a.csv" else 11
    assert made.examples["line longer than 4,194,304 characters"].startswith(f"{name}:{number}: ")


def test_a_column_of_a_parquet_file_that_is_no_text(static, encoder, tmp_path):
    pq.write_table(pa.table({"text": ["kettle", None, "roof"], "n": [1, 2, 3]}), tmp_path / "a.parquet")
    made = semtune.encode_file(str(static), tmp_path / "a.parquet", tmp_path / "out.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), encoder.encode(["kettle", "roof"]).vectors)
    assert made.left_out == {"no text": 1}
    with pytest.raises(InputError, match=r"has no text that can be read \(3 × text is not a string but a number\)"):
        semtune.encode_file(
            str(static), tmp_path / "a.parquet", tmp_path / "n.npy", settings=EncodeSettings(column="n")
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "out.npy", "out.rows.npy"]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.txt", b"", "is empty"),
        ("a.txt.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("a.jsonl", b"\n\n", "is empty"),
        ("a.csv", b"id,text\n", "is empty|no row"),
        ("a.csv", b"", "is empty"),
        ("a.txt", bytes(range(256)) * 40, "is not text"),
        ("a.txt.gz", gzip.compress(b"kettle\n" * 9999, mtime=0)[:-9], "broken gzip file"),
        ("a.txt.gz", b"kettle\n", "broken gzip file"),
        ("a.parquet", b"PAR1 nonsense", "Cannot read .* as Parquet"),
        ("a.jsonl", b'{"a": "x", "b": "y"}\n', "unclear which of them to embed: a, b"),
    ],
)
def test_files_that_cannot_be_read_are_refused(static, tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=words):
        semtune.encode_file(str(static), tmp_path / name, tmp_path / "out.npy")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_that_changes_meanwhile_is_refused(static, texts, tmp_path, monkeypatch):
    from semtune.bulk.store import Store

    file, put = write(tmp_path / "a.txt", texts), Store.put

    def grow(store, shard, vectors):
        file.write_text(file.read_text() + "more\n")
        return put(store, shard, vectors)

    monkeypatch.setattr(Store, "put", grow)
    with pytest.raises(InputError, match="changed while it was read"):
        semtune.encode_file(str(static), file, tmp_path / "out.npy")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_texts_in_unknown_letters_are_counted_and_most_of_them_refused(static, texts, tmp_path):
    thai = "ภาษาไทยง่ายนิดเดียว"
    file = write(tmp_path / "a.txt", [*texts[:9], thai])
    made = semtune.encode_file(str(static), file, tmp_path / "out.npy")
    assert any("cannot read 1 of 10 texts (e.g. line 10)" in warning for warning in made.warnings)
    file = write(tmp_path / "b.jsonl", [thai] * 20 + texts[:3])
    with pytest.raises(InputError, match="cannot read 20 of 23 texts"):
        semtune.encode_file(str(static), file, tmp_path / "b.npy")
    assert not (tmp_path / "b.npy").exists()


def test_vectors_that_are_no_numbers_are_refused(static, texts, tmp_path):
    import shutil

    from safetensors.numpy import load_file, save_file

    model = shutil.copytree(static, tmp_path / "nan")
    rows = load_file(static / "model.safetensors")["embedding.weight"].copy()
    rows[7:40] = np.nan
    save_file({"embedding.weight": rows}, model / "model.safetensors")
    with pytest.raises(ModelError, match="has NaN or infinity in 1 of its weights"):
        semtune.encode_file(str(model), write(tmp_path / "a.txt", texts), tmp_path / "out.npy")
    assert not (tmp_path / "out.npy").exists()


def test_the_file_that_is_read_is_not_overwritten(static, texts, tmp_path):
    file = write(tmp_path / "a.parquet", texts)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match=r"a\.parquet is the file that is read\. Give another name with -o\."):
        semtune.encode_file(str(static), file, tmp_path / "a.parquet")
    assert file.read_bytes() == before


def test_a_column_that_only_some_lines_have(static, encoder, tmp_path):
    rows = [*({"title": f"kettle {n}"} for n in range(150)), {"title": "x", "note": "the roof"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    settings = EncodeSettings(column="note")
    made = semtune.encode_file(str(static), tmp_path / "a.jsonl", tmp_path / "out.npy", settings=settings)
    assert (made.texts, made.left_out) == (1, {"no text": 150})
    assert np.load(tmp_path / "out.rows.npy").tolist() == [150]


def test_the_command_tells_all_of_it(static, tmp_path):
    from typer.testing import CliRunner

    from semtune.cli.main import app

    (tmp_path / "a.jsonl").write_bytes(b"\n".join(JSON_LINES) + b"\n")
    words = ["encode", str(static), str(tmp_path / "a.jsonl"), "-o", str(tmp_path / "out"), "--json"]
    found = json.loads(CliRunner().invoke(app, words).stdout)
    assert {"texts", "truncated", "seconds", "runtime", "path", "column", "empty", "dimension", "tokens"} <= set(found)
    assert (found["texts"], found["left_out"]["no text"], found["runtime"]) == (4, 2, "static-fp32")
