"""The page: recommendation first, everything escaped, nothing fetched, sound in a real browser."""

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from select_parts import Means, quality, row
from semtune.select.candidate_result import Trial
from semtune.select.candidates import SkippedCandidate
from semtune.select.explanation import explain
from semtune.select.halving import TrialRound, halve
from semtune.select.recommendation import recommend
from semtune.select.report.page import write_report
from semtune.select.report.plots import trials
from semtune.select.select_backbone import Selection
from semtune.select.settings import SelectSettings
from semtune.select.smaller_vectors import SmallerVectors

ATTACK = "<script>document.title='owned'</script>"


@pytest.fixture
def selection():
    """Three candidates, of which one overtakes another and the third is dropped; one with markup in its name."""
    rows = {name: row(name, value, p50, dim=dim) for name, value, p50, dim in (
        ("all-mpnet-base-v2", 0.74, 61.0, 768), (f"mini {ATTACK}", 0.76, 9.0, 384), ("raw", 0.20, 60.0, 768),
    )}  # fmt: skip
    tuned = {"all-mpnet-base-v2": (0.80, 0.85), f"mini {ATTACK}": (0.78, 0.79), "raw": (0.40,)}

    def attempt(name, steps):
        rows[name].trials.append(Trial(steps, quality(tuned[name][len(rows[name].trials)]), 2.0))
        return rows[name].best

    rounds = halve(list(rows), attempt, Means().gain, 32, 2)
    recommendation = recommend({name: rows[name] for name in rounds[-1].kept}, Means().gain)
    for one in rows.values():
        one.status, one.on_front = "tried", one.candidate.name != "raw"
    settings = SelectSettings(max_latency_ms=100)
    ways = [
        ("whole", 768, 0.85),
        ("first", 128, 0.7),
        ("pca", 128, 0.8),
        ("first", 64, 0.6),
        ("pca", 64, 0.7),
        ("int8", 768, 0.85),
    ]
    smaller = tuple(
        SmallerVectors(way, dim, dim * 4.0, v, v - 0.1, v + 0.1, 0.85 - v, 0.0, 0.2) for way, dim, v in ways
    )
    said = explain(rows, recommendation, rounds, Means(), settings, trainable=True)
    return Selection(
        tuple(rows.values()), (SkippedCandidate(f"gone {ATTACK}", "not here"),), tuple(rounds), recommendation, tuple(said), smaller,
        "ndcg@10", "nDCG@10", "queries", 100, 500, settings, 13,
    )  # fmt: skip


def page_of(selection, tmp_path):
    write_report(selection, tmp_path / "report.html", "A & <b>")
    return (tmp_path / "report.html").read_text(encoding="utf-8")


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


def test_the_page_says_whom_to_take_and_why(selection, tmp_path):
    page = page_of(selection, tmp_path)
    checked = Checker(page)
    assert (checked.open, checked.fetched) == ([], [])
    assert len(checked.ids) == len(set(checked.ids))
    assert "script" not in checked.tags
    assert not re.search(r"#0[0-9]0[0-9]0[0-9]\b", page)  # no stand-in colour is left
    assert page.index("<h2>all-mpnet-base-v2</h2>") < page.index("<table ") < page.index("<svg")
    assert page.count("<svg") == 3
    assert "tuned with 64 steps (untuned 0.7400)" in page
    assert "Untuned, mini &lt;script&gt;" in page
    assert "Dropped after 32 steps: raw (0.4000, 0.4000 [0.4000, 0.4000] below all-mpnet-base-v2)." in page
    assert "<b>gone &lt;script&gt;" in page
    assert page == page_of(selection, tmp_path)


def test_without_a_recommendation_the_page_says_so(selection, tmp_path):
    for one in selection.rows:
        one.over, one.trials = ["its vectors have too many dimensions"], []
    recommendation = recommend({}, Means().gain)
    rows = {one.candidate.name: one for one in selection.rows}
    said = explain(
        rows, recommendation, [], Means(), selection.settings.replace(max_latency_ms=None, max_dim=8), trainable=True
    )
    page = page_of(
        replace(selection, recommendation=recommendation, rounds=(), smaller=(), reasons=tuple(said)), tmp_path
    )
    assert Checker(page).open == []
    assert "<h2>None is within the limits</h2>" in page
    assert "No candidate is within the limits (dim 8)" in page


@pytest.mark.slow
@pytest.mark.browser
def test_in_a_browser_nothing_is_fetched_and_a_phone_needs_no_sideways_scroll(selection, tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no Chromium on this machine")
    page_of(selection, tmp_path)
    with sync_api.sync_playwright() as play:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        browser = play.chromium.launch(executable_path=chromium, args=flags)
        ground = {}
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 375, "height": 800}, color_scheme=scheme)
            asked, said = [], []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("console", lambda message, said=said: said.append(message.text))
            page.goto((tmp_path / "report.html").as_uri())
            assert (len(asked), said, page.title()) == (1, [], "A & <b> · Semtune selection")
            assert page.evaluate("document.documentElement.scrollWidth") == 375
            ground[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        browser.close()
    assert ground["light"] != ground["dark"]


def test_names_of_lines_that_end_together_do_not_overlap():
    rows = [row(name, 0.5, 9.0) for name in ("ahead", "close", "weak")]
    for one, value in zip(rows, (0.701, 0.7, 0.3), strict=True):
        one.trials.append(Trial(4, quality(value), 1.0))
    drawn = trials(rows, [TrialRound(4, {}, (), (), (), {})], "ahead", "nDCG@10")
    ahead, close, weak = (float(re.search(rf'y="([\d.]+)"[^>]*>{one.candidate.name}<', drawn)[1]) for one in rows)
    size = 8
    assert ahead + size < close < weak - 5 * size  # the one that is far away stays at its line's end


def test_every_text_of_a_selection_is_escaped(selection, tmp_path):
    for one in selection.rows:
        contract = replace(one.candidate.contract, prompts={"query": ATTACK})
        entry = SimpleNamespace(note=ATTACK, raw=True, prompts=())
        one.candidate = replace(one.candidate, licence=ATTACK, contract=contract, entry=entry)
        one.cost = replace(one.cost, runtime=ATTACK)
        one.status = ATTACK
    rounds = [replace(made, failed={ATTACK: ATTACK}, spared=(ATTACK,)) for made in selection.rounds]
    smaller = [replace(one, way=ATTACK) for one in selection.smaller[:1]]
    skipped = (SkippedCandidate(ATTACK, ATTACK),)
    attacked = replace(
        selection, rounds=tuple(rounds), smaller=(*selection.smaller, *smaller), skipped=skipped, reasons=(ATTACK,),
        label=ATTACK, unit=ATTACK,
    )  # fmt: skip
    write_report(attacked, tmp_path / "report.html", ATTACK)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    checked = Checker(page)
    assert (checked.open, checked.fetched) == ([], [])
    assert "script" not in checked.tags
    assert page.count("&lt;script&gt;") > 30
