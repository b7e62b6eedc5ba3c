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
    said = check_readable([*texts, *["more"] * 5], list("abcdefghij"), Words(), "passages")
    assert said.startswith("The model cannot read 2 of 10 passages (e.g. c, d): it does not know their letters.")
    assert multilingual() in said
    assert "multilingual" in multilingual()
    with pytest.raises(InputError, match=r"cannot read 2 of 3 texts .* To go on nevertheless: --allow-unreadable"):
        check_readable(texts[1:4], list("abc"), Words())
    with pytest.raises(InputError, match=r"nevertheless: prepare.allow_unreadable: true"):
        check_readable(texts[1:4], list("abc"), Words(), option="prepare.allow_unreadable: true")
    assert "cannot read 2 of 3 texts" in check_readable(texts[1:4], list("abc"), Words(), allow=True)
    assert check_readable(texts, list("abcde"), object()) == ""


def test_the_limits_are_half_of_a_text_and_a_fifth_of_the_texts():
    half, more = "kettle ไทย", "kettle ไทย ภาษา"
    assert unreadable([half, more], Words()) == [1]
    names = [str(number) for number in range(10)]
    assert "cannot read 2 of 10 texts (e.g. 0, 1)" in check_readable([more] * 2 + ["x"] * 8, names, Words())
    with pytest.raises(InputError, match="cannot read 3 of 10 texts"):
        check_readable([more] * 3 + ["x"] * 7, names, Words())


SENTENCES = {
    "Chinese": ("机器学习是人工智能的一个分支。", "请问最近的地铁站在哪里？", "今天天气很好，我们去公园散步吧。"),
    "Thai": ("การเรียนรู้ของเครื่องเป็นสาขาหนึ่งของปัญญาประดิษฐ์", "สถานีรถไฟใต้ดินที่ใกล้ที่สุดอยู่ที่ไหน"),
    "Amharic": ("የማሽን ትምህርት የሰው ሰራሽ ዕውቀት ዘርፍ ነው።",),
    "Tamil": ("இயந்திர கற்றல் என்பது செயற்கை நுண்ணறிவின் ஒரு கிளை.",),
}
SPELLED = {
    "Japanese": ("ポンプは春に温水で洗浄します。", "最寄りの駅はどこですか。"),
    "Korean": ("기계 학습은 인공지능의 한 분야이다.", "가장 가까운 지하철역은 어디입니까?"),
    "Arabic": ("التعلم الآلي هو فرع من فروع الذكاء الاصطناعي.", "أين أقرب محطة مترو؟"),
    "Hindi": ("मशीन लर्निंग कृत्रिम बुद्धिमत्ता की एक शाखा है।", "निकटतम मेट्रो स्टेशन कहाँ है?"),
    "Russian": ("Машинное обучение — это раздел искусственного интеллекта.",),
}
FOREIGN = (
    "The word 東京 means Tokyo, and 京都 is Kyoto.", "naïve café — “quotes” 😀 résumé", "The Thai word ภาษา means language.",
    "Press ⌘C to copy → then ⌘V to paste.", "Gauß, Łódź, Ångström and Dvořák were named in the Übersicht.",
)  # fmt: skip


@pytest.fixture(scope="module")
def real_tokenizer():
    from semtune import contract as contracts
    from semtune.encoders.tokenizer import Tokenizer
    from semtune.hub import resolve_model

    folder = resolve_model(MODEL)
    return Tokenizer(folder, contracts.load(folder, verify=False))


@pytest.mark.model
@pytest.mark.parametrize("language", [*SENTENCES, *SPELLED])
def test_languages_whose_letters_an_english_model_does_not_know_are_found(real_tokenizer, language):
    """Letters that its vocabulary has (Korean, Arabic, Hindi, Russian) are spelled out: read, though not understood."""
    texts = SENTENCES.get(language) or SPELLED[language]
    expected = list(range(len(texts))) if language in SENTENCES else []
    assert unreadable(texts, real_tokenizer) == expected


@pytest.mark.model
def test_an_english_corpus_with_foreign_words_is_read(real_tokenizer):
    assert unreadable(FOREIGN, real_tokenizer) == []
    assert check_readable([*FOREIGN * 20], ["x"] * 100, real_tokenizer) == ""


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
@pytest.mark.parametrize("command", ["index", "prepare"])
def test_unreadable_texts_are_used_where_the_user_says_so(tmp_path, command):
    words = {
        "index": ["index", MODEL, str(THAI), "-o", str(tmp_path / "x"), "--allow-unreadable", "--json"],
        "prepare": ["prepare", str(THAI), "-o", str(tmp_path / "x"), "--set", "allow_unreadable=true", "--json"],
    }[command]
    done = run.invoke(app, words)
    assert done.exit_code == 0, done.output
    assert any("cannot read" in warning for warning in json.loads(done.stdout)["warnings"])


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
