"""Every format in, every form out: the vectors are those of the encoder, value by value."""

import gzip
import io
import json
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from bulk_parts import write

import semtune
from semtune import EncodeSettings
from semtune.bulk import manifest as manifests
from semtune.errors import ConfigError, InputError
from semtune.io import sha256_file

NAMES = ["a.txt", "a.jsonl", "a.csv", "a.tsv", "a.parquet"]
SMALL = EncodeSettings(rows=64)


@pytest.mark.parametrize("name", [*NAMES, *(f"{name}.gz" for name in NAMES)])
def test_vectors_of_every_format_are_the_encoder_s(static, encoder, texts, tmp_path, name):
    file = write(tmp_path / name, texts)
    made = semtune.encode_file(str(static), file, tmp_path / "out.npy", settings=SMALL)
    wanted = encoder.encode(texts)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), wanted.vectors)
    assert (made.texts, made.rows, made.empty, made.left_out) == (1000, 1000, 0, {})
    assert (made.tokens, made.truncated, made.dimension, made.runtime) == (wanted.tokens, 0, 24, "static-fp32")
    assert (made.shards, made.resumed, made.column) == (16, 0, None if ".txt" in name else "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "out.npy"])


def test_one_array_is_what_numpy_saves(static, encoder, texts, tmp_path):
    semtune.encode_file(str(static), write(tmp_path / "a.txt", texts), tmp_path / "out.npy", settings=SMALL)
    saved = io.BytesIO()
    np.save(saved, encoder.encode(texts).vectors)
    assert (tmp_path / "out.npy").read_bytes() == saved.getvalue()


def test_the_role_is_obeyed(static, encoder, texts, tmp_path):
    settings = EncodeSettings(role="query")
    semtune.encode_file(str(static), write(tmp_path / "a.txt", texts), tmp_path / "out.npy", settings=settings)
    found = np.load(tmp_path / "out.npy")
    np.testing.assert_array_equal(found, encoder.encode(texts, "query").vectors)
    assert not np.allclose(found, encoder.encode(texts).vectors)


def test_a_folder_of_shards_has_a_manifest(static, encoder, texts, tmp_path):
    file = write(tmp_path / "a.jsonl", texts)
    made = semtune.encode_file(str(static), file, tmp_path / "out", settings=EncodeSettings(rows=300))
    found = manifests.read(tmp_path / "out")
    names = [f"{number:05}.npy" for number in range(4)]
    assert [(each.file, each.texts, each.first_row, each.last_row) for each in found.shards] == [
        (names[0], 300, 0, 299), (names[1], 300, 300, 599), (names[2], 300, 600, 899), (names[3], 100, 900, 999),
    ]  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [*names, "manifest.json"]
    joined = np.concatenate([np.load(tmp_path / "out" / name) for name in names])
    np.testing.assert_array_equal(joined, encoder.encode(texts).vectors)
    assert (found.input, found.input_sha256, found.column) == ("a.jsonl", sha256_file(file), "text")
    assert (found.fingerprint, found.runtime, found.role) == (made.fingerprint, "static-fp32", "document")
    assert (found.texts, found.rows, found.dimension, found.rows_a_shard, found.left_out) == (1000, 1000, 24, 300, {})


@pytest.mark.parametrize(("name", "ids"), [("a.txt", None), ("a.jsonl", "{}"), ("a.parquet", "p{}"), ("a.csv", "{}")])
@pytest.mark.parametrize("keep_text", [False, True])
def test_a_table_has_id_row_vector_and_text(static, encoder, texts, tmp_path, name, ids, keep_text):
    settings = EncodeSettings(rows=300, keep_text=keep_text)
    made = semtune.encode_file(str(static), write(tmp_path / name, texts), tmp_path / "out.parquet", settings=settings)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names == [*(["id"] if ids else []), "row", "vector", *(["text"] if keep_text else [])]
    assert str(table.schema.field("vector").type) == "fixed_size_list<element: float>[24]"
    assert table["row"].to_pylist() == list(range(1000))
    found = np.stack(table["vector"].to_numpy())
    np.testing.assert_array_equal(found, encoder.encode(texts).vectors)
    if ids:
        assert table["id"].to_pylist() == [ids.format(number) for number in range(1000)]
    if keep_text:
        assert table["text"].to_pylist() == texts
    facts = json.loads(table.schema.metadata[b"semtune"])
    assert (facts["fingerprint"], facts["texts"]) == (made.fingerprint, 1000)
    assert pq.ParquetFile(tmp_path / "out.parquet").num_row_groups == 4


def test_the_size_of_shards_changes_no_vector(static, texts, tmp_path):
    file = write(tmp_path / "a.txt", texts)
    for rows in (1000, 7):
        semtune.encode_file(str(static), file, tmp_path / f"{rows}.npy", settings=EncodeSettings(rows=rows))
    assert (tmp_path / "7.npy").read_bytes() == (tmp_path / "1000.npy").read_bytes()


@pytest.mark.slow
def test_long_texts_fill_a_shard_earlier(static, encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("semtune.bulk.shards.MAX_CHARACTERS", 2_500_000)
    texts = [("kettle violin " * 75_000)[: 1 << 20] for _ in range(5)]
    file = write(tmp_path / "a.jsonl", texts)
    made = semtune.encode_file(str(static), file, tmp_path / "out", settings=EncodeSettings(rows=100))
    assert [each.texts for each in manifests.read(tmp_path / "out").shards] == [2, 2, 1]
    vector = np.load(tmp_path / "out" / "00000.npy")[0]
    np.testing.assert_array_equal(vector, encoder.encode([texts[0].strip()]).vectors[0])
    assert made.texts == 5


def test_other_tables_are_read_whole(static, encoder, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{"text": "one kettle"}, {"text": "two"}]))
    (tmp_path / "pretty.jsonl").write_text('{\n "text": "one kettle"\n}\n{\n "text": "two"\n}\n')
    (tmp_path / "many.jsonl").write_text('{"text": "one kettle"} {"text": "two"}\n')
    for name in ("a.json", "pretty.jsonl", "many.jsonl"):
        semtune.encode_file(str(static), tmp_path / name, tmp_path / "out.npy")
        np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), encoder.encode(["one kettle", "two"]).vectors)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_marked_and_wide_encodings_are_read(static, encoder, tmp_path, encoding):
    texts = ["the kettle ünï on the stove is old and has a crack", "the violin has four strings"] * 20
    (tmp_path / "a.txt").write_bytes("\n".join(texts).encode(encoding))
    semtune.encode_file(str(static), tmp_path / "a.txt", tmp_path / "out.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), encoder.encode(texts).vectors)


def test_a_csv_in_an_old_encoding_is_read_and_said(static, encoder, tmp_path):
    texts = [f"Äpfel und Öl für die Küche, Stück für Stück, grün und süß, Nummer {number}" for number in range(50)]
    rows = "\n".join(f'{number},"{text}"' for number, text in enumerate(texts))
    (tmp_path / "a.csv").write_bytes(f"id,text\n{rows}\n".encode("cp1252"))
    made = semtune.encode_file(str(static), tmp_path / "a.csv", tmp_path / "out.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), encoder.encode(texts).vectors)
    assert any("cp1252" in warning for warning in made.warnings)


@pytest.mark.parametrize(
    ("out", "settings", "error", "words"),
    [
        ("out.txt", EncodeSettings(), ConfigError, r"ends in \.txt, which is not known\. Allowed: \.npy .*\.parquet"),
        ("out.npy", EncodeSettings(keep_text=True), ConfigError, r"Only a \.parquet file holds texts"),
        ("out.npy", EncodeSettings(column="text"), ConfigError, "--column is for tables"),
        ("taken", EncodeSettings(), InputError, "already exists and is not a folder of vectors; nothing was"),
        ("out.npy", EncodeSettings(workers=4000), ConfigError, r"cores here for 4000 workers\. Allowed: 1 to "),
    ],
)
def test_wrong_requests_leave_nothing(static, texts, tmp_path, out, settings, error, words):
    file = write(tmp_path / "a.txt", texts)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.doc").write_text("x")
    with pytest.raises(error, match=words):
        semtune.encode_file(str(static), file, tmp_path / out, settings=settings)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "taken"]
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["thesis.doc"]


def test_an_own_result_is_replaced(static, texts, tmp_path):
    file = write(tmp_path / "a.txt", texts)
    for out in ("out", "out.npy", "out.parquet"):
        semtune.encode_file(str(static), file, tmp_path / out, settings=SMALL)
        semtune.encode_file(str(static), write(tmp_path / "b.txt", texts[:3]), tmp_path / out, settings=SMALL)
    assert len(manifests.read(tmp_path / "out").shards) == 1
    assert np.load(tmp_path / "out.npy").shape == (3, 24)
    assert len(pq.read_table(tmp_path / "out.parquet")) == 3


def test_members_of_a_gzip_file_are_all_read(static, encoder, texts, tmp_path):
    parts = [gzip.compress("".join(f"{text}\n" for text in part).encode()) for part in (texts[:500], texts[500:])]
    (tmp_path / "a.txt.gz").write_bytes(parts[0] + parts[1])
    semtune.encode_file(str(static), tmp_path / "a.txt.gz", tmp_path / "out.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), encoder.encode(texts).vectors)


POISONED = """
import sys

left, model, *files = sys.argv[1:]
sys.modules.update(dict.fromkeys(left.split()))  # None: not installed
from semtune.cli.main import app
for file in files:
    app(["encode", model, file, "-o", f"{file}.npy", "--json"], standalone_mode=False)
"""


def test_a_plain_install_is_enough(static, texts, tmp_path):
    from semtune.registry import EXTRA_OF

    left = " ".join(sorted({*EXTRA_OF, "onnxruntime"}))
    names = ("a.txt.gz", "a.jsonl", "a.csv")
    made = [write(tmp_path / name, [*texts[:50], "caf\u00e9 ünï"]) for name in names]
    code = [sys.executable, "-c", POISONED, left, static, *made]
    done = subprocess.run(list(map(str, code)), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for name in names:
        assert np.load(tmp_path / f"{name}.npy").shape == (51, 24)
