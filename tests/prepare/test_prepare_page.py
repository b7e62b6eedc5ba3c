import json
import re
from html.parser import HTMLParser

import pytest

from semtune.dataset import Dataset
from semtune.languages.identify import language, mix
from semtune.prepare.build.dataset import prepare
from semtune.prepare.report import page
from semtune.prepare.report.lengths import BINS, spread
from semtune.prepare.report.page import write_page
from semtune.prepare.settings import PrepareSettings
from semtune.types import Pair

ATTACK = "<script>document.title='owned'</script>"


class Checker(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.fetched, self.ids = [], set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.fetched += [v for k, v in found.items() if k in {"src", "href", "xlink:href"} and not v.startswith("#")]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page_of(dataset, tmp_path):
    write_page(dataset, tmp_path / "report.html", "A & <b>")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    checked = Checker(text)
    assert checked.open == []
    assert checked.fetched == []
    assert "script" not in checked.tags
    assert len(checked.ids) == len(set(checked.ids))
    return text


@pytest.fixture
def dataset(tmp_path, tokenizer):
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("Apples", "Pears", "Plums", "Figs"):
        (folder / f"{name}.md").write_text(
            f"# All about {name}\n\nIn the old garden {name} &lt;b> {ATTACK.replace('<', '&lt;')} grow.\n\n"
            f"## Storing {name} & `{ATTACK}`\n\nKeep {name} cool in boxes, and turn them over. $title\n\n"
            f"## See also\n\nOther {name} books.\n"
        )
    (folder / "empty.md").write_text("")
    return prepare(folder, tokenizer, 40, PrepareSettings(), 0)


def test_the_page_says_what_came_in_and_out_and_escapes_it(dataset, tmp_path):
    text = page_of(dataset, tmp_path)
    assert "A &amp; &lt;b&gt;" in text
    assert "&lt;script&gt;" in text
    counts = dataset.report["counts"]
    assert counts["files"] == 4
    assert "<b>4</b><small>files read</small>" in text
    assert f"<b>{counts['sections']}</b><small>sections</small>" in text
    assert text.index("warning") < text.index("files read") < text.index("left out, and why") < text.index("<svg")
    for reason, entry in dataset.report["dropped"].items():
        assert reason in text
        assert f'<td class="number">{entry["count"]:,}</td>' in text
    assert "Only 1 test question:" in text or "Only 2 test questions" in text
    assert re.search(r"<b>[\d,]+ leaks? (is|are) left</b>", text)
    assert "passages that are nearly the same, or contain a copy" in text
    assert "English" in text
    assert text.count("<svg") >= 2


def test_negatives_leaks_and_near_duplicates_are_shown(dataset, tmp_path):
    train = dataset.pairs["train"]
    dataset.pairs["train"] = [Pair(pair.anchor, pair.positive, ("a wrong & bad text",)) for pair in train]
    dataset.report["negatives"] = {
        "mined": 7, "given_left_out": 0, "refused": {"margin": 3}, "scores": {"positive": {"median": 0.5}},
        "encoder": {"name": "mini", "runtime": "torch", "fingerprint": "0123456789abcdef"},
        "examples": [
            {"anchor": "q?", "positive": "p", "positive_score": 0.7, "negatives": [{"text": ATTACK, "score": 0.25}]}
        ],
    }  # fmt: skip
    dataset.report["leaks"] |= {"found": 1, "by_sort": {"text": 1}, "examples": {"text": [ATTACK]}, "share": 0.1}
    dataset.report["alike"] = {"near-duplicate passages": [{"one": ATTACK, "two": "b", "similarity": 0.81}]}
    text = page_of(dataset, tmp_path)
    assert "a wrong &amp; bad text" in text
    assert "negative 0.25" in text
    shown = text[text.index("Mining of hard negatives") : text.index("<h2>Hard negatives")]
    assert "mini (torch), fingerprint 0123456789ab<" in shown
    assert "<th>negatives found in the requested ranks</th><td>7</td>" in shown
    assert "<th>answers</th><td>0.50</td>" in shown
    assert "_" not in shown
    assert "from the source" not in shown  # there were none
    assert "Train shares texts with dev or test: 1 × text." in text
    assert 'class="headline bad"' in text
    assert "81%" in text


def test_an_old_or_bare_report_gives_a_page_too(tmp_path):
    assert "no warnings" in page_of(Dataset(report={}), tmp_path)
    assert "was not checked for leaks" in page_of(Dataset(report={"kind": "table", "dropped": {}}), tmp_path)


def test_without_matplotlib_the_page_says_so(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "installed", lambda module: False)
    text = page_of(dataset, tmp_path)
    assert "matplotlib is not installed" in text
    assert "<svg" not in text
    assert "half have at most" in text


def test_the_same_data_give_the_same_page_and_a_small_report(dataset, tmp_path):
    assert page_of(dataset, tmp_path) == page_of(dataset, tmp_path)
    assert len(json.dumps(dataset.report["tokens"])) < 4_000


def test_the_histogram_keeps_what_is_cut_apart():
    found = spread([1, 5, 10, 10, 11, 12, 999], 10)
    edges, counts = found["histogram"]["edges"], found["histogram"]["counts"]
    assert (found["median"], found["max"], found["truncated"]) == (10, 999, 3)
    assert 11 in edges
    assert sum(counts[: edges.index(11)]) == 4
    assert sum(counts) == 7
    for lengths, limit in ([[1], 1], [[3] * 9, 500], [list(range(5000)), 256], [[8191], 8192]):
        made = spread(lengths, limit)["histogram"]
        assert sum(made["counts"]) == len(lengths)
        assert len(made["edges"]) == len(made["counts"]) + 1 <= BINS + 3
        assert made["edges"] == sorted(set(made["edges"]))
    assert spread([], 8)["histogram"] == {"edges": [], "counts": []}


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", "The text of this page is about the things that you can do with it."),
        ("de", "Der Text ist nicht lang, aber er wird von den Leuten gelesen."),
        ("fr", "Les pages de ce livre sont dans la boîte avec une clé."),
        ("es", "El libro que está en la mesa es de los niños."),
        ("ru", "Это не то, что он сказал мне о книге."),
        ("uk", "Це не те, що він мені сказав про книгу."),
        ("ja", "これは本です。漢字もある。"),
        ("zh", "今天天气很好，我们出去走走。"),
        ("ko", "오늘은 날씨가 좋습니다."),
        ("el", "Ο καιρός είναι καλός σήμερα."),
        ("hi", "आज मौसम अच्छा है।"),
        ("unknown", "12:30 -- 0x7f"),
        ("unknown", "Milvus FAISS torch"),
        ("unknown", ""),
    ],
)
def test_a_language_is_told_or_said_to_be_unknown(code, text):
    assert language(text) == code


def test_the_mix_is_ordered_by_frequency():
    assert mix(["今天天气很好", "The end of the day is near.", "明天下雨"]) == {"zh": 2, "en": 1}
    assert mix([]) == {}


def test_a_short_text_takes_the_usual_language_or_that_of_its_passage():
    usual = ["The end of the day is near.", "It was not what they had in their house."]
    assert mix([*usual, "A man dancing"]) == {"en": 3}
    assert mix([*usual, "A man dancing", "Ein Mann und eine Frau tanzen"]) == {"en": 3, "de": 1}
    assert mix(["Sicherheit", "Kubernetes"]) == {"unknown": 2}
    home = "Der Text ist nicht lang, aber er wird von den Leuten gelesen."
    assert mix(["Sicherheit", "Kubernetes"], [home, ""]) == {"de": 1, "unknown": 1}
    assert mix([*usual, "W 1440 x 900 W L C 4 GB"]) == {"en": 2, "unknown": 1}  # single letters name no language


def test_what_is_counted_agrees_or_is_said(dataset, tmp_path):
    text = page_of(dataset, tmp_path)
    asked = sum(dataset.report["counts"]["queries"].values())
    assert f"All {asked:,} fit into" in text[text.index("<b>Questions</b>") :]
    dataset.report["counts"]["queries"]["train"] -= 1
    assert "1 of them lost their labels when the data was split and are not used." in page_of(dataset, tmp_path)
    dataset.report["dropped"] = {
        "question: heading of one word": {"count": 5, "example": "See"}, "empty file": {"count": 1, "example": "a.md"},
    }  # fmt: skip
    text = page_of(dataset, tmp_path)
    assert "1 thing was left out, for 1 reason." in text
    assert (
        text.index("empty file")
        < text.index("Texts that no question was made from, and why")
        < text.index("heading of one word")
    )


def test_every_text_of_a_report_is_escaped(dataset, tmp_path):
    """Whatever a source brings into the report, names included."""
    report = dataset.report
    report["kind"] = report["seed"] = ATTACK
    report["warnings"] = [ATTACK]
    report["dropped"] = {f"{kind}{ATTACK}": {"count": 2, "example": ATTACK} for kind in ("", "question: ")}
    report["counts"] |= {ATTACK: ATTACK, "questions by source": {ATTACK: {"train": 2}}}
    report["languages"] = {"passages": {ATTACK: 1}, ATTACK: {ATTACK: 1}}
    report["leaks"] |= {"found": 1, "by_sort": {ATTACK: 1}, "examples": {ATTACK: [ATTACK]}}
    report["alike"] = {ATTACK: [{"one": ATTACK, "two": ATTACK, "similarity": 0.8}]}
    report["sample"] = [
        {"anchor": ATTACK, "positive": ATTACK, "source": ATTACK},
        {"sentence1": ATTACK, "sentence2": ATTACK, "label": ATTACK},
    ]
    report["negatives"] = {
        ATTACK: ATTACK,
        "encoder": {"name": ATTACK, "runtime": ATTACK, "fingerprint": ATTACK},
        "refused": {ATTACK: 1},
        "scores": {ATTACK: {ATTACK: 0.5}},
        "examples": [ATTACK, {"anchor": ATTACK, "positive": ATTACK, "negatives": [{"text": ATTACK}, ATTACK]}],
    }
    write_page(dataset, tmp_path / "report.html", ATTACK)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "script" not in Checker(text).tags
    assert text[: text.index("<pre>")].count("&lt;script&gt;") >= 37
