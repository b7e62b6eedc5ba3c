"""Texts in old encodings: read as what was written, or warned about by name, or refused."""

import io
from pathlib import Path

import pytest

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.spans import passage_text
from semtune.prepare.readers.documents.folder import read_file, read_folder
from semtune.prepare.readers.files.decode import to_text
from semtune.prepare.readers.files.encodings import wide_encoding
from semtune.prepare.readers.files.folder_encodings import ENDS, find_encodings
from semtune.prepare.readers.files.garbled import GARBLED
from semtune.prepare.readers.tables.delimited import load_text
from semtune.prepare.readers.tables.table import read_table
from semtune.prepare.settings import PrepareSettings

FILES = Path(__file__).parent / "files" / "encodings"
JAPANESE = "水漏れの直し方\n\n栓を閉めてから部品を交換します。そのあと少しずつ栓を開けて確かめてください。"
RUSSIAN = (
    "Как починить кран\n\nСначала закройте воду. Затем открутите старую прокладку и положите новую. Проверьте давление и "
    "медленно откройте вентиль. Запишите дату в журнал."
)
POLISH = (
    "Jak naprawić kran\n\nNajpierw zamknij wodę. Potem wymień uszczelkę i sprawdź ciśnienie, żeby nie było przecieków. "
    "Źródło: książka."
)
GREEK = "Πώς να φτιάξετε τη βρύση\n\nΠρώτα κλείστε το νερό. Μετά αλλάξτε τη φλάντζα και ελέγξτε την πίεση."
CHINESE = "如何修理水管\n\n先关上阀门再更换垫圈。然后慢慢打开水阀检查是否漏水。最后在记录本上写下日期和零件编号。"
TRADITIONAL = "如何修理水管\n\n先關上閥門再更換墊圈。然後慢慢打開水閥檢查是否漏水。最後在記錄本上寫下日期和零件編號。"
KOREAN = "수도꼭지 고치는 법\n\n먼저 물을 잠그세요. 그 다음 패킹을 바꾸고 압력을 확인하세요."
TURKISH = "Musluğu onarmak için önce suyu kapatın. Sonra contayı değiştirin ve basıncı yavaşça kontrol edin."
CZECH = "Nejdříve zavřete vodu. Potom vyměňte těsnění a zkontrolujte tlak, aby nedošlo k úniku vody z potrubí."
HEBREW = "ראשית סגרו את המים. לאחר מכן החליפו את האטם ובדקו את הלחץ לאט."
ARABIC = "أغلق الماء أولا. ثم استبدل الحشية وتحقق من الضغط ببطء."
WRITTEN = {
    "el_1253.txt": GREEK,
    "ja_eucjp.txt": JAPANESE,
    "ja_sjis.txt": JAPANESE,
    "ko_949.txt": KOREAN,
    "pl_1250.txt": POLISH,
    "ru_1251.txt": RUSSIAN,
    "ru_koi8.txt": RUSSIAN,
    "zh_big5.txt": TRADITIONAL,
    "zh_gbk.txt": CHINESE,
}
VARIANTS = [
    (RUSSIAN, "cp866"), (RUSSIAN, "iso8859-5"), (RUSSIAN, "koi8-r"), (RUSSIAN, "cp1251"), (GREEK, "iso8859-7"),
    (POLISH, "iso8859-2"), (CZECH, "cp1250"), (CZECH, "iso8859-2"), (TURKISH, "cp1254"), (HEBREW, "cp1255"),
    (ARABIC, "cp1256"), (JAPANESE, "iso2022_jp"), (JAPANESE, "utf-16-le"), (RUSSIAN, "utf-16"), (CHINESE, "gb18030"),
    ("Die Größe der Füße läßt sich mit dem Maßband überprüfen, bevor man die Schuhe kauft.", "cp1252"),
    ("It’s “quoted” – and the café’s menu costs 5 €.", "cp1252"),
]  # fmt: skip


def test_each_case_is_read_as_it_was_written():
    tally = Tally()
    found = {section.group: section.text for section in read_folder(FILES, tally)}
    assert {name: found[name] for name in WRITTEN} == WRITTEN
    assert found["ru_meta.html"] == RUSSIAN.replace("\n\n", " ")
    assert found["ja_meta.html"] == JAPANESE.replace("\n\n", " ")
    assert tally.warnings == []
    assert {name: n for name, n in tally.counts.items() if "not in UTF-8" in name} == {
        f"files not in UTF-8, read as {encoding}": count
        for encoding, count in {
            "cp1253": 1, "euc_jp": 1, "cp932": 2, "cp949": 1, "cp1250": 1, "cp1251": 2, "koi8-r": 1, "big5hkscs": 1,
            "gb18030": 1,
        }.items()
    }  # fmt: skip


@pytest.mark.parametrize(("text", "encoding"), VARIANTS)
@pytest.mark.parametrize("times", [1, 12])
def test_further_encodings(text, encoding, times):
    text = "\n".join([text] * times)
    found = to_text(text.encode(encoding))
    assert found is not None
    assert found.text == text


@pytest.mark.parametrize(("text", "encoding"), [(RUSSIAN, "koi8-r"), (POLISH, "cp1250"), (JAPANESE, "euc_jp")])
def test_a_table_in_an_old_encoding(tmp_path, text, encoding):
    (tmp_path / "a.csv").write_bytes(
        f"question,answer\n{text.splitlines()[0]},{text.splitlines()[2]}\n".encode(encoding)
    )
    tally = Tally()
    assert text.splitlines()[2] in load_text(tmp_path / "a.csv", tally=tally)
    assert tally.counts == {f"tables not in UTF-8, read as {encoding}": 1}


@pytest.mark.parametrize(
    ("text", "encoding", "name"),
    [
        (RUSSIAN, "koi8-r", "koi8-r"),
        (RUSSIAN, "cp1251", "cp1251"),
        (JAPANESE, "shift_jis", "cp932"),
        (CHINESE, "gbk", "gb18030"),
    ],
)
def test_the_cells_of_a_table_in_an_old_encoding(tmp_path, text, encoding, name):
    title, body = text.split("\n\n")
    (tmp_path / "a.csv").write_bytes(f"question,answer\n{title},{body}\n".encode(encoding))
    (tmp_path / "b.jsonl").write_bytes(f'{{"title": "{title}", "text": "{body}"}}\n'.encode(encoding))
    tally = Tally()
    (pair,) = read_table(tmp_path / "a.csv", PrepareSettings(), tally).pairs
    (section,) = read_table(tmp_path / "b.jsonl", PrepareSettings(), tally).sections
    assert (pair.anchor, pair.positives[0].text) == (title, body)
    assert (section.path, section.text) == ((title,), body)
    assert tally.counts == {f"tables not in UTF-8, read as {name}": 2, "rows": 2}
    assert tally.warnings == []


MOJIBAKE = "Öffnet man UTF-8 als Latin-1, steht für den Apostroph â€™ im Text, und öfter noch für Größen"


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json", ".tsv"])
def test_what_looks_like_mojibake_is_repaired_in_tables_in_utf_8_only(tmp_path, suffix):
    row = {
        ".csv": 'text\n"{}"\n', ".tsv": "text\tid\n{}\t1\n", ".jsonl": '{{"text": "{}"}}\n', ".json": '[{{"text": "{}"}}]',
    }[suffix]  # fmt: skip
    for encoding, text, read in (("cp1252", MOJIBAKE, MOJIBAKE), ("utf-8", MOJIBAKE, MOJIBAKE.replace("â€™", "’"))):
        path = tmp_path / f"{encoding}{suffix}"
        path.write_bytes(row.format(text).encode(encoding))
        assert [section.text for section in read_table(path, PrepareSettings(), Tally()).sections] == [read]


GLUED = "Fontpackagesmustnotprovidealiasnames forthefontsthattheyinstall andmustregisteralltheirfontswithfontconfig"


@pytest.mark.parametrize("columns", ["text,id", "question,answer"])
def test_a_table_with_glued_words_is_named(tmp_path, columns):
    rows = [f"{GLUED},1" if columns == "text,id" else f"How are fonts installed?,{GLUED}"] * 4
    (tmp_path / "fonts.csv").write_text("\n".join([columns, *rows]) + "\n")
    tally = Tally()
    read_table(tmp_path / "fonts.csv", PrepareSettings(), tally)
    assert tally.counts[GARBLED] == 1
    assert tally.warnings == [
        "fonts.csv: 12 words are glued together (Fontpackagesmustnotprovidealiasnames…). Look at the text; a better "
        "file, or OCR, may be needed."
    ]


def test_a_table_of_plain_sentences_is_not_named(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\n" + "The kiln is lit with dry wood.,fire\nOil the wheel.,care\n" * 9)
    tally = Tally()
    read_table(tmp_path / "a.csv", PrepareSettings(), tally)
    assert (tally.counts.get(GARBLED), tally.warnings) == (None, [])


def test_abbreviations_in_a_table_in_chinese_are_no_wrong_letters(tmp_path):
    (tmp_path / "a.csv").write_text("text,id\n" + f"{CHINESE.replace(chr(10), '')}用 DHCP 和 DNS 或 XML,1\n" * 30)
    tally = Tally()
    read_table(tmp_path / "a.csv", PrepareSettings(), tally)
    assert (tally.counts.get(GARBLED), tally.warnings) == (None, [])


def test_letters_that_form_no_words_are_named(tmp_path):
    (tmp_path / "a.csv").write_text("text,id\n" + "Wkh kljk vshhg prwru lv cohdqhg zlwk gub fORwkv,1\n" * 20)
    tally = Tally()
    read_table(tmp_path / "a.csv", PrepareSettings(), tally)
    assert tally.warnings == [
        "a.csv: its letters form no words (Wkh kljk vshhg prwru lv cohdqhg zlwk gub). Look at the text; a better file, "
        "or OCR, may be needed."
    ]


def test_a_charset_in_the_text_of_a_document_is_not_obeyed():
    text = "В файле стоит charset=koi8-r, но это только слова. " + RUSSIAN
    assert to_text(text.encode("cp1251")).text == text


def test_short_texts_are_judged_by_the_rest_of_their_folder(tmp_path):
    short = "Příliš žluťoučký kůň"
    (tmp_path / "kun.txt").write_bytes(short.encode("cp1250"))
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text("Plain words.")
    alone = Tally()
    read_folder(tmp_path, alone)
    assert alone.warnings == [
        "kun.txt: its encoding is unsure; it was read as cp1250. If letters are wrong, convert it to UTF-8."
    ]
    (tmp_path / "voda.txt").write_bytes((CZECH * 3).encode("cp1250"))
    tally = Tally()
    found = {section.group: section.text for section in read_folder(tmp_path, tally)}
    assert found == {"a.md": "Plain words.", "b.md": "Plain words.", "kun.txt": short, "voda.txt": CZECH * 3}
    assert tally.warnings == []


def test_words_of_two_letters_take_the_encoding_of_their_folder(tmp_path):
    words = ["ключ", "кран", "вода", "дом", "журнал", "труба", "медь", "винт"]
    for number, word in enumerate(words):
        (tmp_path / f"{number}.txt").write_bytes(word.encode("cp866"))
    (tmp_path / "text.txt").write_bytes(RUSSIAN.encode("cp866"))
    found = [section.text for section in read_folder(tmp_path, Tally())]
    assert found == [*words, RUSSIAN]
    assert passage_text(tmp_path, {"source": "0.txt", "span": [0, 4]}) == "ключ"


def test_what_stays_unsure_is_warned_about_and_never_repaired(tmp_path):
    (tmp_path / "a.txt").write_text("A text in plain ASCII.")
    (tmp_path / "b.txt").write_text("Another text in plain ASCII.")
    (tmp_path / "odd.txt").write_bytes(bytes([0xC3, 0xA9, 0xE2, 0x28, 0x93, 0xB5, 0xD0, 0xDF, 0xA6, 0xFE]) * 2)
    tally = Tally()
    read_folder(tmp_path, tally)
    assert [warning.split(":")[0] for warning in tally.warnings] == ["odd.txt"]
    assert not any("repaired" in name for name in tally.counts)


def test_a_source_that_is_mostly_unsure_is_refused(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_bytes(bytes([0xC3, 0xA9, 0xE2, 0x28, 0x93, 0xB5, 0xD0, 0xDF, 0xA6, 0xFE]) * 2)
    with pytest.raises(InputError, match=r"encoding of 2 of its files cannot be told \(a.txt, b.txt\)"):
        read_folder(tmp_path, Tally())
    with pytest.raises(InputError, match=r"Convert them to UTF-8"):
        read_file(tmp_path / "a.txt", "a.txt", Tally())


def test_bytes_that_are_in_no_wide_encoding_are_no_text():
    assert wide_encoding(b"_id,\x00,\x00\r\n,w0q,w1q\r\n") == ""
    assert wide_encoding(JAPANESE.encode("utf-16-le")) == "utf-16-le"


class CountedFile(io.FileIO):
    """A file that counts the bytes that are read of it."""

    total = 0

    def readinto(self, buffer):
        got = super().readinto(buffer)
        CountedFile.total += got or 0
        return got

    def readall(self):
        data = super().readall()
        CountedFile.total += len(data)
        return data


@pytest.fixture
def bytes_read(monkeypatch):
    """A function that tells how many bytes were read through `Path.open` since the test began."""
    plain = Path.open

    def counted(path, mode="r", *rest, **named):
        return io.BufferedReader(CountedFile(path)) if mode == "rb" else plain(path, mode, *rest, **named)

    monkeypatch.setattr(CountedFile, "total", 0)
    monkeypatch.setattr(Path, "open", counted)
    return lambda: CountedFile.total


PLAIN = "Close the water first, then put in the new washer.\n"


@pytest.mark.parametrize("late", ["", "Größe der Füße.\n", RUSSIAN])
def test_of_a_large_file_in_utf_8_only_the_ends_are_read_to_find_its_encoding(tmp_path, late, bytes_read):
    text = PLAIN * 20_000 + late + PLAIN * 20_000
    (tmp_path / "a.txt").write_text(text, "utf-8")
    assert find_encodings(tmp_path, [tmp_path / "a.txt"], Tally()) == {}
    assert 2 * ENDS <= bytes_read() < 2.5 * ENDS
    tally = Tally()
    assert [section.text for section in read_file(tmp_path / "a.txt", "a.txt", tally)] == [text.strip()]
    assert (tally.counts, tally.warnings) == ({"files": 1}, [])


def test_a_small_file_is_read_once_to_find_its_encoding(tmp_path, bytes_read):
    data = (RUSSIAN * 9).encode("koi8-r")
    (tmp_path / "a.txt").write_bytes(data)
    assert find_encodings(tmp_path, [tmp_path / "a.txt"], Tally()) == {str(tmp_path / "a.txt"): "koi8-r"}
    assert bytes_read() == len(data)


@pytest.mark.parametrize("before", [0, 3_000, ENDS - 60, ENDS - 1, ENDS + 10_000])
@pytest.mark.parametrize("line", ["\n", " "])
@pytest.mark.parametrize("encoding", ["utf-8", pytest.param("koi8-r", marks=pytest.mark.slow), "cp1251"])
def test_letters_anywhere_in_a_large_file_are_read_right(tmp_path, before, line, encoding):
    """Also where the first part ends within a letter, or a file has one line only."""
    filler = PLAIN.replace("\n", line)
    text = (filler * (before // len(filler) + 1))[:before] + RUSSIAN.replace("\n", line) + line + filler * 6_000
    (tmp_path / "a.txt").write_text(text, encoding)
    tally = Tally()
    (section,) = read_file(tmp_path / "a.txt", "a.txt", tally)
    assert section.text == text.strip()
    assert tally.warnings == []


def test_one_letter_across_the_end_of_the_first_part(tmp_path):
    text = "x" * (ENDS - 1) + "é" + "x" * 3 * ENDS
    (tmp_path / "a.txt").write_text(text, "utf-8")
    tally = Tally()
    assert find_encodings(tmp_path, [tmp_path / "a.txt"], tally) == {}
    assert tally.warnings == []
    assert to_text((tmp_path / "a.txt").read_bytes()).text == text
