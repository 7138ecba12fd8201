"""What holds on every page, in a real browser."""

import pytest

from tests.browser.conftest import TIMEOUT, running_app

PAGES = {"": "Inside a VQ-VAE", "draw": "Draw", "codebook": "Codebook", "map": "Map", "train": "Train"}


def opened(page, address: str) -> None:
    page.goto(address)
    page.get_by_role("heading", level=1).wait_for()
    page.get_by_test_id("stStatusWidget").wait_for(state="detached")  # the page has run to its end


@pytest.mark.parametrize("path", PAGES)
def test_each_page_opens_by_its_own_address_on_a_server_that_has_just_started(browser, watch, path, tmp_path):
    with running_app(tmp_path / "log.txt") as cold, browser.new_context() as context:
        context.set_default_timeout(TIMEOUT)
        watch.follow(context, cold)
        page = context.new_page()
        opened(page, f"{cold}/{path}")
        assert page.get_by_role("heading", level=1).all_inner_texts() == [PAGES[path]]
        assert page.get_by_test_id("stException").count() == 0


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_scrolls_sideways(page, server, path, width):
    page.set_viewport_size({"width": width, "height": 800})
    opened(page, f"{server}/{path}")
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width


@pytest.mark.parametrize("path", [path for path in PAGES if path])
def test_nonsense_in_the_address_is_one_calm_sentence(page, server, path):
    opened(page, f"{server}/{path}?model=../../etc/passwd&code=-7&digit=9999999999&show=<script>&by=%00")
    assert page.get_by_test_id("stAlert").count() == 1
    assert "not understood" in page.get_by_test_id("stAlert").inner_text()


@pytest.mark.parametrize("pause", [0, 150, 400])  # milliseconds: in the first ones the browser says who it is
def test_the_menu_leads_to_every_page_and_keeps_the_model_however_soon_it_is_clicked(page, server, pause):
    page.goto(f"{server}/?model=tutorial")
    page.get_by_role("heading", level=1).wait_for()
    for path, heading in list(PAGES.items())[1:]:
        page.wait_for_timeout(pause)
        page.get_by_test_id("stSidebar").get_by_role("link", name=heading).click()
        page.get_by_role("heading", level=1, name=heading).wait_for()
        page.wait_for_url(f"**/{path}?*model=tutorial*")
