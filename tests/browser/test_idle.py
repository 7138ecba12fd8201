"""When a component may speak, where a link was clicked before any component was there."""

import pytest
from playwright.sync_api import expect

from pages.ui.components.shared import FOLDER
from tests.browser.conftest import EMPTY, NOWHERE, visitors

LOAD = """async (js) => {
  window.idle = await import(URL.createObjectURL(new Blob([js], { type: "text/javascript" })));
}"""
RESTING = "window.idle.resting()"


@pytest.fixture
def page(pages, watch):
    with visitors(pages, watch, NOWHERE) as open_page:
        yield open_page()


def after_a_click(page, link: str) -> None:
    """An empty app, a link of which is clicked before the module comes."""
    page.route("**/map", lambda route: route.fulfill(body=EMPTY, content_type="text/html"))
    page.goto("/map")
    page.evaluate(
        """(link) => {
          document.body.dataset.testScriptState = "notRunning";
          document.body.innerHTML = link + "<button>Elsewhere</button>";
          document.querySelector("a").onclick = (event) => event.preventDefault();
        }""",
        link,
    )
    page.get_by_role("link").click()
    page.evaluate(LOAD, (FOLDER / "idle.js").read_text())


@pytest.mark.parametrize("press", [lambda button: button.click(), lambda button: button.press("Enter")])
def test_nobody_speaks_until_the_run_of_a_press_has_begun(page, press):
    after_a_click(page, "<a href=map>Map</a>")
    assert page.evaluate(RESTING)
    press(page.get_by_role("button"))
    assert not page.evaluate(RESTING)
    page.wait_for_function(RESTING, timeout=2_000)


@pytest.mark.parametrize(("link", "path"), [("<a href=draw>Draw</a>", "/draw"), ("<a href=''>Home</a>", "/")])
def test_nobody_speaks_between_a_click_on_the_menu_and_the_page_that_it_leads_to(page, link, path):
    after_a_click(page, link)
    assert not page.evaluate(RESTING)
    page.evaluate("document.body.dataset.testScriptState = 'running'")  # the page being left, once more
    page.evaluate("document.body.dataset.testScriptState = 'notRunning'")
    assert not page.evaluate(RESTING)
    page.evaluate("(path) => history.pushState(null, '', path)", path)
    page.evaluate("document.body.dataset.testScriptState = 'running'")
    page.evaluate("document.body.dataset.testScriptState = 'notRunning'")
    assert page.evaluate(RESTING)


def test_a_link_to_the_page_itself_silences_nobody(page):
    after_a_click(page, "<a href=map>Map</a>")
    expect(page.get_by_role("link")).to_be_focused()
    assert page.evaluate(RESTING)


def test_a_link_that_leads_out_of_the_app_silences_nobody(page):
    after_a_click(page, "<a href=https://elsewhere.example/draw>Draw</a>")
    assert page.evaluate(RESTING)


def test_a_click_on_the_menu_waits_for_what_was_said_before_it(page):
    after_a_click(page, "<a href=/draw>Draw</a>")
    order = page.evaluate(
        """() => new Promise((done) => {
          const order = [];
          document.querySelector("a").onclick = (event) => {
            event.preventDefault();
            order.push("click");
            setTimeout(() => done(order));
          };
          setTimeout(() => order.push("word")); // as Streamlit sends it
          document.querySelector("a").click();
        })"""
    )
    assert order == ["word", "click"]
