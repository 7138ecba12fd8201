"""Where a drawing stands: the server adds it at the end of a stroke, below the pen, and a thumbnail opens its digit."""

import pytest

from tests.browser.hand import PHONE, blank, cell, codes, drawing, look_down, open_draw, settled, stroke, until
from vqvae import data


@pytest.fixture
def page(tab):
    """One page for all tests: each begins with Start over."""
    return tab


def test_a_stroke_is_followed_by_the_digits_nearest_to_it_and_nothing_moves(page):
    look_down(open_draw(page))
    below = page.get_by_text("What happens here?")
    page.get_by_text("which is left out").wait_for()
    settled(page)
    place = below.bounding_box()["y"]
    blank(page)
    page.get_by_text("The canvas is empty").wait_for()
    settled(page)
    assert abs(below.bounding_box()["y"] - place) < 2
    stroke(page, (0.3, 0.2), (0.7, 0.2), (0.5, 0.8))
    page.get_by_text("larger than that of").first.wait_for()
    settled(page)
    assert abs(below.bounding_box()["y"] - place) < 2


def test_a_tap_on_a_near_digit_opens_it(new_page):
    page = open_draw(new_page(**PHONE), "/draw?digit=77")
    look_down(page)
    before = drawing(page)
    page.locator(".st-key-draw-near-0 button:visible").tap()
    until(lambda: drawing(page) != before, "the near digit")
    settled(page)
    opened = int(page.url.split("digit=")[1].split("&")[0])
    assert drawing(page).pixels == data.load(data.EMBEDDED, "all").pixels[opened].flatten().tolist()


def test_back_returns_from_a_near_digit_to_the_drawing_and_its_codes_and_forward_to_the_digit(page):
    open_draw(page, "/draw?digit=78")
    blank(page)
    stroke(page, (0.3, 0.2), (0.7, 0.2), (0.5, 0.8))
    cell(page, 4, 4).click()
    page.get_by_role("option", name="code 57", exact=True).click()
    settled(page)
    look_down(page)
    before, names = drawing(page), codes(page)
    page.locator(".st-key-draw-near-0 button:visible").click()
    until(lambda: drawing(page) != before, "the near digit")
    settled(page)
    near = drawing(page)
    page.go_back()
    until(lambda: drawing(page) == before and codes(page) == names, "the drawing")
    page.get_by_text("On the canvas: your own drawing").wait_for()
    settled(page)
    page.go_forward()
    until(lambda: drawing(page) == near, "the near digit again")


def test_all_classes_stand_within_a_phones_width(new_page):
    page = open_draw(new_page(**PHONE))
    page.get_by_role("button", name="Choose a digit").tap()
    nine = page.get_by_role("radio", name="9", exact=True).or_(page.get_by_role("button", name="9", exact=True)).first
    box = nine.bounding_box()
    assert box["x"] + box["width"] <= 390 - 8
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
