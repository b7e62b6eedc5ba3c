"""The search page in a real browser."""

from browser_page import in_browser
from semtune.errors import InputError
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue

pytestmark = in_browser


def titles(page):
    return page.locator(".hit h2").all_text_contents()


def test_a_typed_question_shows_the_hits(page, live_url, searcher):
    page.goto(live_url)
    page.get_by_text("toy · 5 documents").wait_for()
    page.keyboard.type("how do I read a zip file")
    page.keyboard.press("Enter")
    page.locator(".hit").first.wait_for()
    want = searcher.search("how do I read a zip file", 10)
    assert titles(page) == [hit.title or hit.id for hit in want]
    assert page.locator(".score").all_text_contents() == [f"{hit.score:.3f}" for hit in want]
    assert page.locator(".hit").first.locator("strong").all_text_contents() == ["Read", "zip", "file", "zip", "read"]
    assert page.locator(".hit").first.locator(".text").inner_text() == want[0].text
    assert page.locator("#status").inner_text().startswith("5 documents, closest first · ")
    assert page.url == live_url + "/?q=how+do+I+read+a+zip+file"


def test_an_address_with_a_question_shows_its_hits_and_back_goes_back(page, live_url):
    page.goto(live_url + "/?q=parse+json&k=1")
    page.locator(".hit").wait_for()
    assert (titles(page), page.locator("#box").input_value()) == (["json.loads"], "parse json")
    page.locator("#further").click()
    page.locator(".hit").nth(4).wait_for()
    page.locator("#box").fill("write rows")
    page.locator("#box").press("Enter")
    page.locator("h2", has_text="csv.writer").and_(page.locator("li:first-child h2")).wait_for()
    page.go_back()
    page.locator("li:first-child h2", has_text="json.loads").wait_for()
    assert page.locator("#box").input_value() == "parse json"


def test_html_in_a_document_or_a_question_is_shown_as_text(page, live_url, injection):
    page.goto(live_url)
    page.locator("#box").fill(f"escape html {injection}")
    page.locator("#box").press("Enter")
    page.locator("li:first-child h2", has_text="html.escape <b>").wait_for()
    first = page.locator(".hit").first
    assert injection in first.locator(".text").inner_text()
    assert page.locator("main img, main script, main b").count() == 0
    assert first.locator("a").count() == 0  # its url is javascript:
    assert page.title() == f"escape html {injection} – Search"


def test_only_an_http_address_becomes_a_link(page, live_url):
    page.goto(live_url + "/?q=parse+json")
    page.locator(".hit").first.wait_for()
    links = page.locator("#columns a").evaluate_all("all => all.map(a => [a.textContent, a.href, a.rel])")
    assert links == [["json", "https://docs.python.org/3/library/json.html", "noopener noreferrer"]]


def test_a_long_text_folds_and_unfolds(page, live_url):
    page.goto(live_url + "/?q=sort+a+list+keys")
    button = page.get_by_role("button", name="More", exact=True)
    button.wait_for()
    text = page.locator(".hit", has=page.locator("h2", has_text="long")).locator(".text")
    folded = text.bounding_box()["height"]
    button.click()
    assert text.bounding_box()["height"] > 5 * folded
    page.get_by_role("button", name="Less").click()
    assert text.bounding_box()["height"] == folded


def test_an_opened_text_stays_open_when_the_answering_sentences_come(page, live_url):
    held = []

    def later(route):
        (held.append if (route.request.post_data_json or {}).get("highlight") else type(route).continue_)(route)

    page.route("**/search", later)
    page.goto(live_url + "/?q=sort+a+list+keys")
    page.get_by_role("button", name="More", exact=True).click()
    while not held:
        page.wait_for_timeout(10)
    held[0].continue_()
    page.locator("#columns[data-highlighted]").wait_for()
    assert page.get_by_role("button", name="Less").is_visible()


def test_the_keyboard_is_enough(page, live_url):
    page.goto(live_url + "/?q=zip")
    page.locator(".hit").first.wait_for()
    focused = "document.activeElement.querySelector?.('h2')?.textContent ?? document.activeElement.id"
    page.locator("#box").focus()
    seen = []
    for key in ["ArrowDown", "ArrowDown", "ArrowUp", "ArrowUp", "ArrowDown", "/"]:
        page.keyboard.press(key)
        seen.append(page.evaluate(focused))
    first, second = titles(page)[:2]
    assert seen == [first, second, first, "box", first, "box"]


def test_errors_and_a_model_without_index_are_told(page, live, searcher, encoder):
    class Failing:
        count = 5

        def answer_many(self, queries, options):
            raise InputError("The index <is> away.")

    failing = Failing()
    failing.encoder = searcher.encoder
    page.goto(live(create_app(Catalogue.single(encoder, failing))) + "/?q=zip")
    page.locator(".alarm").wait_for()
    assert page.locator(".alarm").inner_text() == "The index <is> away."
    page.goto(live(create_app(Catalogue.single(encoder))))
    page.get_by_text("No index is served here, only the model toy").wait_for()
    page.get_by_text("toy · no index").wait_for()


def test_it_fits_a_phone(browser, live_url):
    page = browser.new_page(viewport={"width": 360, "height": 640})
    page.goto(live_url + "/?q=escape+html")
    page.locator(".hit").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()
