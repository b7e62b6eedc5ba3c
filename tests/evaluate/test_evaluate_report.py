"""The page: verdict first, everything escaped, nothing fetched, and it shows in a real browser."""

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from semtune.dataset import Dataset
from semtune.encoders.toy import ToyEncoder
from semtune.evaluate.report import plots
from semtune.evaluate.report.most_changed import most_changed
from semtune.evaluate.report.page import write_report
from semtune.evaluate.retrieval.bm25 import score_bm25
from semtune.evaluate.scores import score
from semtune.evaluate.verdict.outcome import conclude
from semtune.evaluate.verdict.slices import SliceRows
from semtune.types import Document, Encoded, Query, ScoredPair

WORDS = [f"w{i}" for i in range(60)]
ATTACK = "<script>document.title='owned'</script>"
LOG = [{"step": s, "loss": 2.0 / s} for s in range(1, 30)] + [
    {"step": 15, "dev_ndcg@10": 0.5},
    {"step": 29, "dev_ndcg@10": 0.6},
]


class Noisy(ToyEncoder):
    def encode(self, texts, role="document", progress=None):
        made = super().encode(texts, role, progress)
        noise = np.random.default_rng(0).normal(0, 0.15, made.vectors.shape)
        return Encoded((made.vectors + noise).astype(np.float32), made.tokens, made.truncated)


@pytest.fixture(scope="module")
def searched():
    rng = np.random.default_rng(0)
    corpus = [Document(f"d{i}", " ".join(rng.choice(WORDS, 8)) + ATTACK, title=f"Title & {i}") for i in range(80)]
    queries = {
        f"q{i}": Query(f"q{i}", " ".join(corpus[i].text.split()[:3]) + ATTACK + " 文 $x$ $title") for i in range(40)
    }
    qrels = {f"q{i}": {f"d{i}": 1} for i in range(40)}
    return Dataset(corpus=corpus, queries=queries, qrels={"test": qrels}, report={"note": ATTACK})


@pytest.fixture(scope="module")
def compared():
    rng = np.random.default_rng(0)
    pairs = [
        ScoredPair(" ".join(rng.choice(WORDS, 5)), " ".join(rng.choice(WORDS, 5)) + ATTACK, rng.random())
        for _ in range(60)
    ]
    return Dataset(scored={"test": pairs})


def page_of(tmp_path, *args, **more):
    write_report(tmp_path / "report.html", *args, **more)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


class Checker(HTMLParser):
    """Collects open tags without an end, ids and what the page would fetch."""

    def __init__(self, page):
        super().__init__()
        self.open, self.ids, self.fetched, self.tags = [], [], [], set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.fetched += [v for k, v in found.items() if k in {"src", "href", "xlink:href"} and not v.startswith("#")]
        if tag not in {"meta", "br", "link", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def assert_sound(page):
    checked = Checker(page)
    assert checked.open == []
    assert len(checked.ids) == len(set(checked.ids))
    assert checked.fetched == []
    assert "script" not in checked.tags
    assert "url(http" not in page
    assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)) <= {
        p for i in checked.ids for p in ((i, ""), ("", i))
    }
    assert not re.search(r"#0[0-9]0[0-9]0[0-9]\b", page)  # no stand-in colour is left
    return checked


def test_a_retrieval_report_shows_verdict_table_plots_and_cases(tmp_path, searched):
    outcome = conclude(score(ToyEncoder(), searched), {"base": score(Noisy(), searched), "bm25": score_bm25(searched)})
    page = page_of(tmp_path, outcome, searched, log=LOG, title="A & <b>")
    assert_sound(page)
    assert outcome.verdict.verdict == "ship"
    assert (
        page.index("<h2>Ship</h2>") < page.index("<table>") < page.index("<svg") < page.index("Queries that lost most")
    )
    assert outcome.verdict.sentence.removeprefix("ship: ") in page
    assert "A &amp; &lt;b&gt;" in page
    assert "&lt;script&gt;" in page
    assert "$$x$$ $$title".replace("$$", "$") in page
    best = max(s.metrics["ndcg@10"] for s in outcome.systems.values())
    assert f"<b>{best:.4f}</b>" in page
    assert page.count("<svg") == 5


def test_a_similarity_report(tmp_path, compared):
    page = page_of(tmp_path, conclude(score(ToyEncoder(), compared), {"base": score(Noisy(), compared)}), compared)
    assert_sound(page)
    assert page.count("<svg") == 4
    assert "Pairs that gained most" in page


def test_a_model_alone_and_one_that_cannot_be_judged(tmp_path, searched):
    alone = page_of(tmp_path, conclude(score(ToyEncoder(), searched)), searched)
    assert_sound(alone)
    assert "Measured alone" in alone

    class Broken(ToyEncoder):
        def encode(self, texts, role="document", progress=None):
            made = super().encode(texts, role, progress)
            made.vectors[:] = np.nan
            return made

    broken = page_of(tmp_path, conclude(score(Broken(), searched), {"base": score(ToyEncoder(), searched)}), searched)
    assert_sound(broken)
    assert "<h2>Cannot judge</h2>" in broken
    assert "not a number" in broken


def test_the_same_results_give_the_same_page(tmp_path, searched):
    outcome = conclude(score(ToyEncoder(), searched), {"base": score(Noisy(), searched)})
    assert page_of(tmp_path, outcome, searched) == page_of(tmp_path, outcome, searched)


def test_slices_and_warnings_are_shown_escaped(tmp_path, searched):
    tuned, base = score(Noisy(), searched), score(ToyEncoder(), searched)
    leaks = {"found": 1, "by_sort": {ATTACK: 1}}
    parts = [SliceRows("query topic", ATTACK, np.arange(20)), SliceRows("query topic", "tea", np.arange(20, 40))]
    outcome = conclude(tuned, {"base": base}, parts=parts, leaks=leaks)
    page = page_of(tmp_path, outcome, searched)
    assert_sound(page)
    assert "<h2>nDCG@10 by slice</h2>" in page
    assert [part.worse for part in outcome.slices] == [True, True]
    assert page.count(": worse</b>") == 2
    for part in outcome.slices:
        assert f"<td>{part.other:.4f}</td><td>{part.tuned:.4f}</td>" in page
    assert "The test set leaks: the train split shares 1 items" in page


def test_most_changed_by_hand():
    assert most_changed(np.array([0.0, 0.5, -0.2, 0.1, -0.9]), 2) == ([1, 3], [4, 2])
    assert most_changed(np.zeros(3), 2) == ([], [])


def test_scores_of_relevant_and_best_other_documents_by_hand(searched):
    found = replace(
        score(ToyEncoder(), searched),
        query_ids=("q1", "q2"),
        run={"q1": {"x": 0.9, "a": 0.8, "y": 0.7}, "q2": {"b": 0.4}},
    )
    seen = plots.relevance_scores(found, {"q1": {"a": 1, "c": 2, "y": 0}, "q2": {"b": 1}})
    assert (seen.relevant.tolist(), seen.best_other.tolist(), seen.beyond) == ([0.8, 0.4], [0.9], 1)


def test_a_log_without_a_loss_gives_no_plot():
    assert plots.training_curve([]) == ""
    assert plots.training_curve([{"step": 1, "loss": float("nan")}, {"step": 2, "loss": None}]) == ""


@pytest.mark.browser
def test_in_a_browser_nothing_is_fetched_and_a_phone_needs_no_sideways_scroll(tmp_path, searched):
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no Chromium on this machine")
    outcome = conclude(score(ToyEncoder(), searched), {"base": score(Noisy(), searched), "bm25": score_bm25(searched)})
    page_of(tmp_path, outcome, searched, log=LOG)
    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=flags)
        ground = {}
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 375, "height": 800}, color_scheme=scheme)
            asked, said = [], []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("console", lambda message, said=said: said.append(message.text))
            page.goto((tmp_path / "report.html").as_uri())
            assert (len(asked), said) == (1, [])
            assert page.evaluate("document.documentElement.scrollWidth") == 375
            assert page.title() != "owned"
            assert page.locator("h2").first.inner_text() == "Ship"
            ground[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
            fills = page.evaluate("[...document.querySelectorAll('svg text')].map(t => getComputedStyle(t).fill)")
            assert all(fill != "rgb(0, 0, 0)" for fill in fills)
        browser.close()
    assert ground["light"] != ground["dark"]


def test_every_text_of_an_evaluation_is_escaped(tmp_path, searched):
    tuned, base = (
        replace(score(encoder, searched), model=ATTACK, runtime=ATTACK, fingerprint=ATTACK)
        for encoder in (ToyEncoder(), Noisy())
    )
    counted = replace(tuned, counts={**tuned.counts, ATTACK: ATTACK})
    outcome = conclude(counted, {"base": base, f"other {ATTACK}": base})
    page = page_of(tmp_path, outcome, searched, log=LOG, title=ATTACK, notes=[ATTACK])
    assert_sound(page)
    assert page.count("&lt;script&gt;") > 100
