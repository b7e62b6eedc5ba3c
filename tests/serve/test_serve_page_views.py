"""The views and tools of the search page in a real browser: filters, columns, map, documents, status, access."""

import contextlib
import json
import re
from importlib import resources
from importlib.util import find_spec

import numpy as np
import pytest
from local_index import built_index, followed

from browser_page import in_browser
from semtune.encoders.toy import ToyEncoder
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.settings import ServeSettings
from semtune.types import Document
from serve.conftest import exact_searcher

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = in_browser

READ, WRITE = "r" * 40, "w" * 40

SUBJECTS = {"bread": "oven flour yeast dough", "boats": "sail harbour anchor mast", "stars": "comet orbit planet moon"}
LONG = "First some words about nothing much. " * 12 + "The comet returns every year. Then more."


def library():
    rng = np.random.default_rng(5)
    made = []
    for n in range(36):
        subject = list(SUBJECTS)[n % 3]
        words = " ".join(rng.choice(SUBJECTS[subject].split(), 6))
        metadata = {"subject": subject, "year": 2020 + n % 2, "source": f"{subject}.txt"}
        made.append(Document(f"{subject}.txt#{n}", words, f"Library > {subject} > Part {n}", metadata))
    return [*made, Document("long", LONG, "Long", {"subject": "stars", "source": "long.txt"})]


@pytest.fixture(scope="module")
def library_url(live, tmp_path_factory):
    encoder = ToyEncoder()
    served = [Served("new", encoder, exact_searcher(encoder, library())),
              Served("old", encoder, exact_searcher(encoder, library()[:9]))]  # fmt: skip
    feedback = tmp_path_factory.mktemp("feedback") / "feedback.jsonl"
    url = live(create_app(Catalogue(served), ServeSettings(feedback=feedback)))
    return url, feedback


def shown(page):
    return [article.get_attribute("data-id") for article in page.locator(".hit").all()]


def until(page, condition):
    """Wait for a condition of the page; Playwright's own way needs eval, which the page's policy forbids."""
    for _ in range(300):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never true: {condition}")


def settled(page, url):
    page.goto(url)
    page.locator(".hit").first.wait_for()


def test_results_come_while_typing_and_the_last_question_wins(page, library_url):
    url, _ = library_url
    held = []

    def hold_the_first(route):
        if route.request.post_data_json["query"] == "ov":
            held.append(route)
        else:
            route.continue_()

    page.route("**/search", hold_the_first)
    page.goto(url)
    page.get_by_text("new · 37 documents").wait_for()
    page.keyboard.type("ov")
    until(page, "document.title === 'ov – Search'")
    page.keyboard.type("en flour")
    page.locator(".hit").first.wait_for()
    until(page, "document.querySelector('.hit').dataset.id.startsWith('bread')")
    assert page.url == f"{url}/?q=oven+flour"
    assert held
    for route in held:  # the first question's answer comes late, if the browser still wants it
        with contextlib.suppress(playwright.Error):
            route.fulfill(json={"query": "ov", "hits": [], "took_ms": 1.0})
    page.wait_for_timeout(100)
    assert shown(page)[0].startswith("bread")
    page.go_back()  # one question typed is one step back
    page.locator(".hit").first.wait_for(state="detached")
    assert page.url == f"{url}/"


def test_the_sentence_that_answers_is_marked_and_shown(page, library_url):
    url, _ = library_url
    page.goto(f"{url}/?q=the+comet+returns+every+year")
    mark = page.locator(".hit[data-id=long] mark")
    mark.wait_for()
    assert mark.inner_text() == "The comet returns every year."
    box, text = mark.bounding_box(), page.locator(".hit[data-id=long] .text").bounding_box()
    assert box["y"] + box["height"] <= text["y"] + text["height"]  # not below the fold
    page.locator(".hit[data-id=long]").get_by_role("button", name="More", exact=True).click()
    assert page.locator(".hit[data-id=long] .text").inner_text() == LONG


def test_headings_and_source_stand_above_the_title(page, library_url):
    url, _ = library_url
    settled(page, f"{url}/?q=oven&group=no")
    first = page.locator(".hit").first
    number = shown(page)[0].split("#")[1]
    assert first.locator(".source").inner_text() == "bread.txt"
    assert first.locator(".step").all_text_contents() == ["Library", "bread"]
    assert first.locator("h2").inner_text() == f"Part {number}"


def test_filters_from_the_metadata_narrow_the_search(page, library_url):
    url, _ = library_url
    settled(page, f"{url}/?q=oven&group=no&k=100")
    page.locator("#facets label", has_text="stars").locator("input").check()
    until(page, "[...document.querySelectorAll('.hit')].every(hit => /stars|long/.test(hit.dataset.id))")
    page.locator("#facets label", has_text="2021").locator("input").check()
    until(page, "document.querySelectorAll('.hit').length === 6")
    assert page.url.endswith("&f=subject%3Astars&f=year%3A%3D2021")
    page.reload()
    page.locator(".hit").first.wait_for()
    assert len(shown(page)) == 6
    page.get_by_role("button", name="Take away the filter subject stars").click()
    until(page, "document.querySelectorAll('.hit').length === 10")


def test_one_hit_for_each_document_with_the_others_a_click_away(page, library_url):
    url, _ = library_url
    settled(page, f"{url}/?q=oven")
    assert len(shown(page)) == 4
    page.locator(".hit").first.get_by_role("button", name=re.compile("more passages of this document")).click()
    until(page, "document.querySelectorAll('.hit').length === 10")
    assert all(id_.startswith("bread.txt#") for id_ in shown(page))


def test_two_indexes_side_by_side_say_where_else_a_document_is(page, library_url):
    url, _ = library_url
    settled(page, f"{url}/?q=oven&group=no")
    page.locator("#compare").select_option("old")
    page.locator(".column").nth(1).locator(".hit").first.wait_for()
    names = page.locator(".column-name").all_text_contents()
    assert names == ["new", "old"]
    left, right = (
        [hit.get_attribute("data-id") for hit in page.locator(".column").nth(n).locator(".hit").all()] for n in (0, 1)
    )
    ranks = page.locator(".column").nth(1).locator(".ranks").all_text_contents()
    for place, id_ in enumerate(right):
        elsewhere = f"{left.index(id_) + 1}. in new" if id_ in left else "only here"
        assert ranks[place] == f"{place + 1}. here · {elsewhere}"
    assert "compare=old" in page.url


def test_more_like_this(page, library_url):
    url, _ = library_url
    settled(page, f"{url}/?q=oven&group=no")
    first = shown(page)[0]
    page.locator(".hit").first.get_by_role("button", name="More like this").click()
    page.locator("#chips button").wait_for()
    until(page, f"document.querySelector('.hit') && document.querySelector('.hit').dataset.id !== '{first}'")
    assert first not in shown(page)
    assert all(id_.startswith("bread") for id_ in shown(page)[:5])
    page.locator("#chips button").click()
    until(page, f"document.querySelector('.hit')?.dataset.id === '{first}'")


def test_thumbs_are_kept_where_feedback_is(page, library_url, live_url):
    url, feedback = library_url
    settled(page, f"{url}/?q=oven&group=no")
    page.locator(".hit").first.get_by_role("button", name="Not useful").click()
    page.locator(".hit .thumb[aria-pressed=true]").wait_for()
    row = json.loads(feedback.read_text().splitlines()[-1])
    assert (row["query"], row["id"], row["useful"]) == ("oven", shown(page)[0], False)
    settled(page, f"{live_url}/?q=zip")
    assert page.locator(".thumb").count() == 0


def test_the_map_shows_topics_and_documents(page, library_url):
    url, _ = library_url
    page.goto(f"{url}/?view=map")
    page.locator("#canvas[data-drawn]").wait_for()
    topics = page.locator(".topic .name").all_text_contents()
    assert sum(int(count) for count in page.locator(".topic .count").all_text_contents()) == 37
    page.mouse.move(0, 0)
    spot = page.evaluate("""() => {
        const box = canvas.getBoundingClientRect(), [x, y] = [map.places[10], map.places[11]];
        return [box.x + (x * look.scale + look.x) / ratio(), box.y + (y * look.scale + look.y) / ratio()];
    }""")
    page.mouse.move(*spot)
    page.locator("#tip").wait_for()
    assert page.locator("#tip b").inner_text()
    page.locator("#box").fill("oven")
    until(page, "rings.length > 0")
    page.locator(".topic").first.click()
    page.locator("#chips", has_text=f"Topic: {topics[0]}").wait_for()
    page.locator(".hit").first.wait_for()
    assert "topic=0" in page.url


def test_a_hundred_thousand_points_are_drawn_and_found(page, library_url):
    url, _ = library_url
    page.goto(f"{url}/?view=map")
    page.locator("#canvas[data-drawn]").wait_for()
    found = page.evaluate("""() => {
        const n = 100000, places = new Uint16Array(2 * n).map((_, i) => (i * 7919 + (i >> 3) * 104729) % 65536);
        map = { ...map, places, topic_of: new Uint8Array(n), points: n, topics: map.topics.slice(0, 1) };
        map.grid = gridded(places);
        whole_map(); draw();
        const near = [0, 777, 99999].map(i => nearest_point(map, places[2*i], places[2*i+1], 1));
        return near.every((m, i) => places[2*m] === places[2*[0, 777, 99999][i]]);
    }""")
    assert found


def test_documents_are_added_and_deleted_with_a_write_key(page, live, tmp_path):
    served = followed(built_index(tmp_path / "index"))
    keys = tmp_path / "keys"
    keys.write_text(f"reader read {READ}\nwriter write {WRITE}\n")
    keys.chmod(0o600)
    url = live(create_app(Catalogue([served]), ServeSettings(api_key_file=keys)))

    def as_the_browsers_password(route):
        route.continue_(headers={**route.request.headers, "x-api-key": READ})

    page.route(f"{url}/?view=documents", as_the_browsers_password)
    page.goto(f"{url}/?view=documents")
    give_key(page, READ)
    page.locator("#add-id").fill("kettle")
    page.locator("#add-text").fill("A kettle boils water.")
    page.locator("#add-form").get_by_role("button", name="Add").click()
    give_key(page, WRITE)
    page.get_by_text("“kettle” is in the index.").wait_for()
    page.locator("#files").set_input_files(
        {
            "name": "two.jsonl",
            "mimeType": "text/plain",
            "buffer": b'{"_id":"1","text":"One."}\n{"_id":"2","text":"Two."}',
        }
    )
    page.get_by_text("2 documents added.").wait_for()
    page.locator("#open-id").fill("kettle")
    page.get_by_role("button", name="Open").click()
    page.locator("#document[open]").wait_for()
    assert page.locator("#document-text").inner_text() == "A kettle boils water."
    page.locator("#document-delete").click()
    page.locator("#document-delete", has_text="Really delete it?").click()
    page.get_by_text("The document is deleted.").wait_for()
    page.locator("#open-id").fill("kettle")
    page.get_by_role("button", name="Open").click()
    page.get_by_text("The index has no document 'kettle'").wait_for()
    served.close()


def give_key(page, key):
    page.locator("#key-dialog[open]").wait_for()
    page.locator("#key").fill(key)
    page.get_by_role("button", name="Use this key").click()
    page.locator("#key-dialog[open]").wait_for(state="hidden")


def test_the_status_tells_operators_what_is_served_and_how_busy_it_is(page, library_url):
    url, _ = library_url
    page.goto(f"{url}/?view=status")
    page.locator(".tile", has_text="requests since the start").wait_for()
    assert page.locator("#served-list h3").all_text_contents() == ["new", "old"]
    assert page.locator(".tile dd").first.inner_text() == "ready"


def test_colours_can_be_chosen_and_are_remembered(page, library_url):
    url, _ = library_url
    page.emulate_media(color_scheme="light")
    page.goto(url)
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.locator("#theme").click()
    assert page.evaluate(paper) == light
    page.locator("#theme").click()
    dark = page.evaluate(paper)
    assert dark != light
    page.reload()
    assert page.evaluate(paper) == dark


def test_help_opens_with_a_question_mark_and_numbers_change_the_view(page, library_url):
    url, _ = library_url
    settled(page, f"{url}/?q=oven")
    page.locator(".hit").first.focus()
    page.keyboard.press("?")
    page.locator("#help[open]").wait_for()
    page.keyboard.press("Escape")
    page.locator(".hit").first.focus()
    page.keyboard.press("Enter")
    page.locator("#document[open]").wait_for()
    page.keyboard.press("Escape")
    page.locator(".hit").first.focus()
    page.keyboard.press("4")
    page.locator(".tile").first.wait_for()
    assert "view=status" in page.url


AXE = "axe_playwright_python"


@pytest.mark.skipif(find_spec(AXE) is None, reason="axe-playwright-python is not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page, library_url, scheme):
    url, _ = library_url
    axe = (resources.files(AXE) / "axe.min.js").read_text("utf-8")
    page.emulate_media(color_scheme=scheme)
    views = ["/", "/?q=oven", "/?q=oven&compare=old", "/?view=map", "/?view=documents", "/?view=status", "/?q=oven&d"]
    for view in views:
        page.goto(url + view)
        if "q=" in view:
            page.locator(".hit").first.wait_for()
        page.get_by_text("new · 37 documents").wait_for()
        if view.endswith("&d"):
            page.locator(".title").first.click()
        page.evaluate(axe)
        found = page.evaluate("axe.run().then(result => result.violations)")
        grave = [(each["id"], [node["html"][:160] for node in each["nodes"]][:4]) for each in found
                 if each["impact"] in {"serious", "critical"}]  # fmt: skip
        assert (view, grave) == (view, [])
