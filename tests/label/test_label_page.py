"""The labelling page in a real browser."""

import threading
import time

import pytest
import uvicorn

from browser_page import in_browser
from semtune.label.app import create_label_app
from semtune.serve.server import listen, url

JSON, TABLE, ZIP = "parse json", "write a table", "how to read a zip file"

pytestmark = in_browser


@pytest.fixture
def page(page):
    """Wide enough for a question with its answers."""
    page.set_viewport_size({"width": 1000, "height": 800})
    return page


@pytest.fixture
def serve():
    """Serve a session on a free port; gives its URL. Called again, the first server is stopped."""
    running = []

    def stop():
        for server, thread in running:
            server.should_exit = True
            thread.join(10)
        running.clear()

    def start(made, judge=""):
        stop()
        listener = listen("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(create_label_app(made, judge), log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        running.append((server, thread))
        return url(listener)

    yield start
    stop()


def see(page, question):
    page.locator("#question", has_text=question).wait_for()


def order(made, judge, text=JSON):
    name = next(one.question.id for one in made.pooled() if one.question.text == text)
    return [document.id for document in made.show(name, judge).documents]


def stored(made, judge="Ann"):
    made.store.refresh()
    return {(one.question, one.document): one.grade for one in made.store.judgements() if one.judge == judge}


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def wait_stored(page, made, count, judge="Ann"):
    for _ in range(200):
        if len(stored(made, judge)) == count:
            return
        page.wait_for_timeout(25)
    raise AssertionError(stored(made, judge))


def test_a_name_is_asked_for_and_the_keyboard_is_enough(page, session, serve):
    made = session()
    page.goto(serve(made))
    page.locator("#name").fill("Ann")
    press(page, "Enter")
    see(page, JSON)
    shown = order(made, "Ann")
    press(page, "3", "ArrowDown", "1")
    wait_stored(page, made, 2)
    assert stored(made) == {(JSON, shown[0]): 3, (JSON, shown[2]): 1}
    press(page, "ArrowUp", "ArrowUp", "2", "Enter")  # the first again; then the rest is 0
    see(page, TABLE)
    want = {(JSON, shown[0]): 3, (JSON, shown[1]): 2, (JSON, shown[2]): 1, (JSON, shown[3]): 0}
    assert stored(made) == want
    press(page, "ArrowLeft")
    see(page, JSON)
    pressed = page.locator(".grade[aria-pressed=true] b").all_text_contents()
    assert pressed == ["3", "2", "1", "0"]


@pytest.mark.slow
def test_undo_takes_the_last_act_back(page, session, serve):
    made = session()
    page.goto(serve(made, "Ann"))
    see(page, JSON)
    press(page, "3")
    wait_stored(page, made, 1)
    press(page, "Enter")
    see(page, TABLE)
    press(page, "u")
    see(page, JSON)
    assert len(stored(made)) == 1
    press(page, "u")
    wait_stored(page, made, 0)
    page.locator(".grade[aria-pressed=true]").first.wait_for(state="detached")
    press(page, "u")
    page.locator(".alarm", has_text="There is nothing to undo.").wait_for()


def test_it_goes_on_after_the_server_was_killed(page, session, serve):
    made = session()
    page.goto(serve(made, "Ann"))
    see(page, JSON)
    press(page, "Enter")
    see(page, TABLE)
    press(page, "2")
    wait_stored(page, made, 5)
    address = serve(session(), "Ann")  # a new process would read the same file
    page.goto(address)
    see(page, TABLE)
    assert page.locator(".grade[aria-pressed=true] b").all_text_contents() == ["2"]


def test_a_grade_that_cannot_be_stored_is_taken_back_and_told(page, session, serve):
    made = session()
    page.goto(serve(made, "Ann"))
    see(page, JSON)
    page.route("**/api/grades", lambda route: route.abort())
    press(page, "3")
    page.locator(".alarm", has_text="The server cannot be reached").wait_for()
    assert page.locator(".grade[aria-pressed=true]").count() == 0
    page.unroute("**/api/grades")
    page.locator(".grade.g2").first.click()
    wait_stored(page, made, 1)
    page.locator(".alarm").wait_for(state="hidden")


@pytest.mark.slow
def test_two_people_judge_one_after_the_other(page, session, serve):
    made = session(JSON, TABLE)
    page.goto(serve(made))
    for judge in ("Ann", "Bo"):
        page.locator("#name").fill(judge)
        press(page, "Enter")
        see(page, JSON)
        press(page, "3" if judge == "Ann" else "2", "Enter")
        see(page, TABLE)
        press(page, "1", "Enter")
        page.locator("#done").wait_for()
        assert "a verdict needs at least 20" in page.locator("#needed").inner_text()
        page.locator("#who").click()
    assert len(stored(made, "Ann")) == len(stored(made, "Bo")) == 6
    assert made.facts().agreement.answers == 6


def test_a_question_is_typed_in_and_judged(page, session, serve):
    made = session()
    page.goto(serve(made, "Ann"))
    see(page, JSON)
    press(page, "a")
    assert page.locator("#list .plain").all_text_contents() == [JSON, TABLE, ZIP]
    page.locator("#ask").fill("where is the 3rd moon, Ursula?")
    press(page, "Enter")
    see(page, "where is the 3rd moon, Ursula?")
    press(page, "1")
    wait_stored(page, made, 1)
    assert [text for text, _ in stored(made)] == ["where is the 3rd moon, Ursula?"]
    page.locator("#list-button").click()
    page.locator("#list .plain", has_text=ZIP).click()
    see(page, ZIP)


@pytest.mark.slow
def test_without_questions_the_page_asks_for_one(page, session, serve):
    made = session("gone")
    made._order.clear()
    page.goto(serve(made, "Ann"))
    page.locator("#ask").wait_for()
    page.locator("#ask").fill("parse json")
    press(page, "Enter")
    see(page, "parse json")


def test_html_in_a_passage_is_shown_as_text_and_long_texts_fold(page, session, serve):
    page.goto(serve(session(), "Ann"))
    see(page, JSON)
    assert "<img src=x" in page.locator(".hit", has_text="html <b>").locator(".text").inner_text()
    assert page.locator("main img, main b:not(.grade b)").count() == 0
    text = page.locator(".hit", has_text="Sort a list").locator(".text")
    folded = text.bounding_box()["height"]
    page.get_by_role("button", name="More", exact=True).click()
    assert text.bounding_box()["height"] > 5 * folded


@pytest.mark.parametrize("width", [320, pytest.param(400, marks=pytest.mark.slow)])
def test_it_fits_a_phone(browser, session, serve, width):
    page = browser.new_page(viewport={"width": width, "height": 700})
    page.goto(serve(session(), "Somebody with a rather long name"))
    see(page, JSON)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    rows = page.locator(".hit").first.locator(".grade").evaluate_all("all => all.map(one => one.offsetTop)")
    assert width < 400 or len(set(rows)) == 1
    page.keyboard.press("a")
    page.locator("#ask").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
