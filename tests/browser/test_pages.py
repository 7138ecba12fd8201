"""What holds on every page, in a real browser."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import TIMEOUT, Watch, running_app, visitors
from tests.browser.hand import COUNT_RUNS, PHONE, drawing, rest, stroke

PAGES = {
    "": "What if an autoencoder had to write with an alphabet?",
    "draw": "Draw",
    "generate": "Generate",
    "codebook": "Codebook",
    "map": "Map",
    "train": "Train",
}


def opened(page, address: str) -> None:
    page.goto(address)
    page.get_by_role("heading", level=1).wait_for()
    rest(page)


def test_a_request_to_another_address_comes_to_nothing_and_fails_its_test(pages, server):
    watch = Watch()
    with visitors(pages, watch, server) as open_page:
        page = open_page()
        page.goto("/_stcore/health")
        for address in ("http://elsewhere.example/", "http://192.0.2.1/"):
            assert page.evaluate("(address) => fetch(address).catch(() => 'stopped')", address) == "stopped"
        assert page.evaluate(
            "() => new Promise((end) => (new WebSocket('ws://elsewhere.example/').onerror = () => end('stopped')))"
        )
    with pytest.raises(AssertionError, match=r"http://elsewhere.*192\.0\.2\.1.*ws://elsewhere"):
        watch.check()


@pytest.mark.parametrize("path", PAGES)
def test_each_page_opens_by_its_own_address_on_a_server_that_has_just_started(browser, watch, path, tmp_path):
    with running_app(tmp_path / "log.txt") as cold, browser.new_context() as context:
        context.set_default_timeout(TIMEOUT)
        watch.follow(context, cold.address)
        page = context.new_page()
        opened(page, f"{cold.address}/{path}")
        assert page.get_by_role("heading", level=1).all_inner_texts() == [PAGES[path]]
        assert page.get_by_test_id("stException").count() == 0


def test_the_first_press_is_heard_and_drawings_stay_after_the_server_was_started_anew(browser, tmp_path):
    with browser.new_context() as context:
        context.set_default_timeout(TIMEOUT)
        page, *drawn_on = [context.new_page() for _ in range(3)]
        with running_app(tmp_path / "log.txt") as first:
            opened(page, f"{first.address}/codebook")
            for one, address in zip(drawn_on, ("draw?digit=77", ""), strict=True):
                opened(one, f"{first.address}/{address}")
                stroke(one, (0.2, 0.3), (0.8, 0.6))
        drawings = [drawing(one) for one in drawn_on]
        for one in (page, *drawn_on):
            one.evaluate(COUNT_RUNS)
        expect(page.get_by_text("No connection to the server")).to_be_visible()
        with running_app(tmp_path / "log.txt", port=urlsplit(first.address).port):
            for one in (page, *drawn_on):
                one.wait_for_function("window.runs > 0")
                rest(one)
            expect(page.get_by_text("No connection to the server")).to_be_hidden()
            page.get_by_role("radio", name="Positions").click()
            expect(page.get_by_text("the most open place")).to_be_visible()
            assert [drawing(one) for one in drawn_on] == drawings


@pytest.mark.parametrize("path", PAGES)
def test_no_page_scrolls_sideways(tab, path):
    tab.set_viewport_size({"width": 390, "height": 800})
    opened(tab, f"/{path}")
    for width in (390, 1280):
        tab.set_viewport_size({"width": width, "height": 800})
        tab.wait_for_timeout(500)  # charts follow their page
        assert tab.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width


@pytest.mark.parametrize("path", [path for path in PAGES if path])
def test_nonsense_in_the_address_is_one_calm_sentence(tab, path):
    opened(tab, f"/{path}?model=../../etc/passwd&code=-7&digit=9999999999&show=<script>&by=%00")
    expect(tab.get_by_test_id("stAlert")).to_have_count(1)
    expect(tab.get_by_test_id("stAlert")).to_contain_text("not understood")


@pytest.mark.parametrize("pause", [0, 150, 400])  # milliseconds: in the first ones the browser says who it is
def test_the_menu_leads_to_every_page_and_keeps_the_model_however_soon_it_is_clicked(page, server, pause):
    page.goto(f"{server}/?model=tutorial")
    page.get_by_role("heading", level=1).wait_for()
    for path, heading in list(PAGES.items())[1:]:
        page.wait_for_timeout(pause)
        page.get_by_test_id("stSidebar").get_by_role("link", name=heading).click()
        page.get_by_role("heading", level=1, name=heading).wait_for()
        page.wait_for_url(f"**/{path}?*model=tutorial*")


class Line:
    """A page's line to its server, on which what the server says can be held back, as a busy one does."""

    def __init__(self, page) -> None:
        self._waiting: list | None = None
        page.route_web_socket("**/_stcore/stream", self._connect)

    def _connect(self, browser) -> None:
        self._browser = browser
        server = browser.connect_to_server()
        browser.on_message(server.send)
        server.on_message(lambda said: browser.send(said) if self._waiting is None else self._waiting.append(said))

    def hold(self) -> None:
        self._waiting = []

    def release(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        for said in waiting:
            self._browser.send(said)


@contextmanager
def on_the_way_to_codebook(page, line: Line) -> Iterator[None]:
    """The menu was clicked, and the server answers after the block only; then the page comes, and stays."""
    line.hold()
    page.get_by_test_id("stSidebar").get_by_role("link", name="Codebook").click()
    yield
    line.release()
    page.get_by_role("heading", level=1, name="Codebook").wait_for()
    page.wait_for_timeout(1000)
    expect(page.get_by_role("heading", level=1)).to_have_text("Codebook")


def test_a_file_that_is_lost_as_the_page_is_left_calls_nobody_back(page, server):
    line, fetches = Line(page), []
    page.route("**/media/*.gz", lambda fetch: fetches.append(fetch))  # on their way for now
    opened(page, f"{server}/")
    page.wait_for_timeout(2000)  # the browser has said who it is
    assert fetches
    with on_the_way_to_codebook(page, line):
        for fetch in list(fetches):  # the server has let go of what the page needed
            fetch.fulfill(status=404)
        page.wait_for_timeout(500)


def test_who_it_is_is_not_said_while_a_busy_server_is_asked_for_another_page(page, server):
    line = Line(page)
    page.goto(f"{server}/")
    page.get_by_role("heading", level=1).wait_for()
    with on_the_way_to_codebook(page, line):
        page.wait_for_timeout(3000)


def test_the_browsers_back_takes_back_a_choice_and_then_leads_to_the_page_before(page, server):
    opened(page, f"{server}/?model=tutorial")
    page.get_by_test_id("stSidebar").get_by_role("link", name="Codebook").click()
    page.wait_for_url("**/codebook?model=tutorial")
    for order in ("Index", "Similarity"):
        rest(page)  # a run under way would write its address over the one that Back leads to
        page.get_by_role("radio", name=order).click()
        page.wait_for_url(re.compile(f"order={order.lower()}"))
    rest(page)
    page.go_back()
    expect(page.get_by_role("radio", name="Index")).to_be_checked()
    rest(page)
    page.go_back()
    expect(page.get_by_role("radio", name="Use", exact=True)).to_be_checked()
    rest(page)
    page.go_back()
    if "/codebook" in page.url:  # the bare address that the menu leads to, where it has an entry of its own
        page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("What if an autoencoder had to write with an alphabet?")
    page.wait_for_url("**/?model=tutorial")


def test_on_a_phone_the_menu_closes_when_a_page_was_chosen(new_page):
    page = new_page(**PHONE)
    opened(page, "/")
    page.get_by_test_id("stExpandSidebarButton").click()
    link = page.get_by_test_id("stSidebar").get_by_role("link", name="Codebook")
    expect(link).to_be_in_viewport()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Codebook")
    expect(link).not_to_be_in_viewport()
