"""HTML and scripts in documents, titles, metadata, ids and questions, in a real browser: nothing of it runs."""

from urllib.parse import quote

import pytest
from payloads import ADDRESS, EVIL, RUNS, TITLE

from browser_page import in_browser

pytestmark = in_browser
SETTLED = 500  # milliseconds in which an onerror or onload would have run


def safe(page):
    """Check that nothing ran, and that nothing of it became an element that could."""
    page.wait_for_timeout(SETTLED)
    assert page.evaluate("window.owned") is None
    assert page.locator("iframe, object, embed, [onerror], [onload], [ontoggle]").count() == 0
    assert page.evaluate("[...document.links].filter(a => !/^(https?:|mailto:)/.test(a.href)).length") == 0
    assert page.evaluate(f"[...document.scripts].filter(s => s.textContent.includes('{RUNS}')).length") == 0


@pytest.mark.parametrize("question", ["anvil bird", EVIL, TITLE, f"</script><script>{RUNS}</script>", ADDRESS])
def test_nothing_runs_in_an_answer(page, attacked, question):
    page.goto(f"{attacked.url}/?q={quote(question)}")
    page.get_by_text(TITLE).first.wait_for()
    safe(page)


def test_nothing_runs_after_a_click_on_everything_of_the_hit(page, attacked):
    page.goto(f"{attacked.url}/?q=anvil+bird")
    page.get_by_text(TITLE).first.wait_for()
    hit = page.locator("li, article").filter(has_text=TITLE).first
    for control in hit.locator("button:visible, summary:visible, a:visible").all():
        control.click(timeout=2_000)
        safe(page)


@pytest.mark.parametrize("parameter", ["q", "k", "mode", "where", "index", "min_score", "x", "id"])
def test_nothing_runs_from_the_address(page, attacked, parameter):
    page.goto(f"{attacked.url}/?{parameter}={quote(EVIL)}#{quote(EVIL)}")
    safe(page)


def test_an_error_is_never_a_page_of_html(attacked):
    for path in (f"/{quote(EVIL)}", f"/v1/models/{quote(EVIL)}", f"/search?q=a&k={quote(EVIL)}"):
        reply = attacked.get(path)
        assert reply.status in range(400, 500)
        assert reply.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("path", ["/search?q=anvil+bird", "/v1/models", "/health", "/openapi.json"])
def test_json_is_never_sniffed_as_html(page, attacked, path):
    page.goto(attacked.url + path)
    safe(page)
