"""Texts in letters that the model does not know: named, and refused where they are most of a source."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer as FastTokenizer
from tokenizers import models, pre_tokenizers
from typer.testing import CliRunner

from semtune.cli.main import app
from semtune.encoders.unreadable import check_readable, multilingual, unreadable
from semtune.errors import InputError

THAI = Path(__file__).parent / "files" / "thai"
MODEL = "all-MiniLM-L6-v2"
run = CliRunner()


class Words:
    """Knows words of Latin letters."""

    def unknown_shares(self, texts):
        return [sum(not word.isascii() for word in text.split()) / max(1, len(text.split())) for text in texts]


def test_texts_with_nearly_only_unknown_tokens_are_found():
    texts = ["Plain words.", "Café and thé au lait, please", "ภาษา ไทย ล้วน", "a ภาษา ไทย ล้วน ๆ", ""]
    assert unreadable(texts, Words()) == [2, 3]
    said = check_readable(texts, list("abcde"), Words(), "passages")
    assert said.startswith("The model cannot read 2 of 5 passages (e.g. c, d): it does not know their letters.")
    assert multilingual() in said
    assert "multilingual" in multilingual()
    with pytest.raises(InputError, match="cannot read 2 of 3 texts"):
        check_readable(texts[1:4], list("abc"), Words())
    assert check_readable(texts, list("abcde"), object()) == ""


def test_byte_level_tokenizers_know_every_text():
    fast = FastTokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel()
    from semtune.encoders.tokenizer import Tokenizer

    made = object.__new__(Tokenizer)
    made._whole = fast
    assert made.unknown_shares(["ภาษาไทย", ""]) == [0.0, 0.0]


@pytest.mark.model
@pytest.mark.parametrize("command", ["index", "prepare", "encode"])
def test_a_source_that_the_model_cannot_read_is_refused(tmp_path, command):
    lines = tmp_path / "thai.txt"
    lines.write_text("\n".join(path.read_text(encoding="utf-8").replace("\n", " ") for path in sorted(THAI.iterdir())))
    words = {
        "index": ["index", MODEL, str(THAI), "-o", str(tmp_path / "x")],
        "prepare": ["prepare", str(THAI), "-o", str(tmp_path / "x")],
        "encode": ["encode", MODEL, str(lines), "-o", str(tmp_path / "x.npy")],
    }[command]
    done = run.invoke(app, words)
    assert done.exit_code != 0
    assert "cannot read" in f"{done.output}{done.exception}"
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "x.npy").exists()


@pytest.mark.model
def test_a_few_unreadable_texts_are_indexed_and_named(tmp_path):
    for number in range(6):
        (tmp_path / f"{number}.txt").write_text(f"The pump number {number} is cleaned with warm water in spring.")
    (tmp_path / "thai.md").write_text((THAI / "th0.md").read_text(encoding="utf-8"))
    done = run.invoke(app, ["index", MODEL, str(tmp_path), "-o", str(tmp_path / "x"), "--json"])
    made = json.loads(done.stdout)
    assert any("cannot read" in warning and "thai.md" in warning for warning in made["warnings"])
    assert made["count"] >= 7
    done = run.invoke(app, ["search", str(tmp_path / "x"), "ภาษาไทย", "--json"])
    assert "cannot read this query" in json.loads(done.stdout)["warnings"][0]
    done = run.invoke(app, ["search", str(tmp_path / "x"), "pump", "--json"])
    assert "warnings" not in json.loads(done.stdout)
