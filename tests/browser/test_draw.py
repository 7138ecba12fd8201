"""The Draw page under a hand: mouse, finger and keys, and what becomes of a drawing."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.hand import (
    CANVAS,
    PHONE,
    RECONSTRUCTION,
    blank,
    codes,
    drawing,
    open_draw,
    pick_model,
    places,
    press,
    reconstruction,
    rest,
    settled,
    stroke,
    touch,
    until,
)
from vqvae import data


@pytest.fixture
def page(tab):
    """One page for all tests: each begins with Start over."""
    return tab


def test_the_page_opens_with_a_real_digit_in_the_models_own_pixels(page):
    open_draw(page)
    picture, copy = drawing(page), reconstruction(page)
    assert (picture.width, picture.height) == (copy.width, copy.height) == (28, 28)
    assert max(picture.pixels) > 200
    assert set(picture.alpha) == set(copy.alpha) == {255}
    assert len(codes(page)) == 49
    assert all(re.fullmatch(r"row [1-7], column [1-7], code \d+", name) for name in codes(page))
    assert codes(page)[17].startswith("row 3, column 4, ")
    page.get_by_text("784 bytes → 343 bits").wait_for()


def test_the_address_opens_a_digit(page):
    open_draw(page, "/draw?model=tutorial&digit=77")
    assert drawing(page).pixels == data.load(data.EMBEDDED, "all").pixels[77].flatten().tolist()
    assert "digit=77" in page.url


def test_a_stroke_redraws_the_reconstruction_before_the_pen_is_lifted(bench):
    page = bench()
    blank(page)
    before, names = reconstruction(page), codes(page)
    start, end = places(page, (0.3, 0.3), (0.7, 0.7))
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=10)
    until(lambda: reconstruction(page) != before, "another reconstruction")
    until(lambda: codes(page) != names, "other codes")
    assert drawing(page).at(0.5, 0.5) == 255
    page.mouse.up()


def test_a_finger_draws_and_does_not_scroll_the_page(bench):
    page = bench(**PHONE)
    page.get_by_label("Clear the canvas").click()
    before = reconstruction(page)
    start, middle, end = places(page, (0.5, 0.75), (0.5, 0.5), (0.5, 0.2))
    top = page.get_by_label(CANVAS, exact=True).bounding_box()["y"]
    finger = touch(page)
    finger("touchStart", start)
    finger("touchMove", middle)
    finger("touchMove", end)
    until(lambda: reconstruction(page) != before, "another reconstruction")
    finger("touchEnd")
    assert drawing(page).at(0.5, 0.5) == 255
    assert page.get_by_label(CANVAS, exact=True).bounding_box()["y"] == top


def test_the_keyboard_draws(bench):
    page = bench()
    blank(page)
    page.get_by_label(CANVAS, exact=True).focus()
    page.keyboard.down(" ")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.up(" ")
    assert drawing(page).at(0.5, 0.5) > 200
    assert drawing(page).at(0.65, 0.5) > 200


def test_undo_takes_a_stroke_back_and_redo_draws_it_again(bench):
    page = bench()
    before = drawing(page)
    stroke(page, (0.1, 0.1), (0.9, 0.1))
    after = drawing(page)
    assert after != before
    press(page, "Undo")
    assert drawing(page) == before
    press(page, "Redo")
    assert drawing(page) == after
    page.keyboard.press("Control+z")
    assert drawing(page) == before
    page.keyboard.press("Control+Shift+z")
    assert drawing(page) == after


def test_the_first_stroke_over_an_example_begins_a_new_drawing_and_undo_brings_the_example_back_to_draw_over(bench):
    page = bench()
    expect(page.get_by_role("heading", name="An example")).to_be_visible()
    expect(page.get_by_text("Draw your own here")).to_be_visible()
    example = drawing(page)
    line = (0.1, 0.05), (0.9, 0.05)  # where an example has no ink
    stroke(page, *line)
    alone = drawing(page)
    assert alone.at(0.5, 0.05) == 255
    assert not any(alone.pixels[28 * 4 :])  # nothing of the example
    expect(page.get_by_role("heading", name="Your digit")).to_be_visible()
    press(page, "Undo")
    assert drawing(page) == example
    stroke(page, *line)
    assert drawing(page).pixels == [max(pair) for pair in zip(example.pixels, alone.pixels, strict=True)]
    press(page, "Back to the chosen digit")
    expect(page.get_by_role("heading", name="An example")).to_be_visible()
    press(page, "Eraser")
    stroke(page, (0.4, 0.5), (0.6, 0.5))
    assert 0 < sum(drawing(page).pixels) < sum(example.pixels)  # an eraser works on the example itself


def test_the_eraser_takes_ink_away(bench):
    page = bench()
    blank(page)
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    press(page, "Eraser")
    stroke(page, (0.5, 0.2), (0.5, 0.8))
    assert drawing(page).at(0.5, 0.5) == 0
    assert drawing(page).at(0.25, 0.5) == 255


def test_a_broader_brush_draws_a_broader_stroke(bench):
    page = bench()
    inks = []
    for size in ("1", "5"):
        blank(page)
        page.get_by_label("Brush size in pixels").fill(size)
        stroke(page, (0.2, 0.5), (0.8, 0.5))
        inks.append(sum(drawing(page).pixels))
    assert inks[1] > 2 * inks[0]


def test_an_empty_canvas_has_codes_and_a_reconstruction(page):
    open_draw(page)
    blank(page)
    until(lambda: max(reconstruction(page).pixels) < 128, "a dark reconstruction")
    page.get_by_text("Draw a digit here").wait_for()
    page.get_by_text("On the canvas: nothing").wait_for()


def test_the_chosen_digit_comes_back_in_one_click(bench):
    page = bench()
    before = drawing(page)
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    press(page, "Back to the chosen digit")
    assert drawing(page) == before


def test_another_digit_replaces_the_drawing_and_undo_brings_it_back(page):
    open_draw(page)
    stroke(page, (0.1, 0.9), (0.9, 0.9))
    before = drawing(page)
    settled(page)
    press(page, "Random digit")
    until(lambda: drawing(page) != before, "another digit")
    settled(page)
    press(page, "Undo")
    assert drawing(page) == before


def test_a_reload_keeps_the_drawing(page):
    open_draw(page)
    blank(page)
    stroke(page, (0.2, 0.2), (0.8, 0.8))
    before = drawing(page)
    settled(page)
    page.reload()
    settled(page)
    assert drawing(page) == before
    page.get_by_text("your own drawing").wait_for()


def test_a_visit_to_another_page_keeps_the_drawing(page):
    open_draw(page)
    stroke(page, (0.2, 0.2), (0.8, 0.8))
    before, names = drawing(page), codes(page)
    settled(page)
    page.get_by_role("link", name="Train").click()
    page.get_by_label(CANVAS, exact=True).wait_for(state="detached")
    page.get_by_role("link", name="Draw").first.click()
    settled(page)
    assert drawing(page) == before
    assert codes(page) == names


def test_another_address_in_the_same_tab_opens_its_digit(page):
    open_draw(page)
    stroke(page, (0.2, 0.2), (0.8, 0.8))
    settled(page)
    open_draw(page, "/draw?digit=42")
    assert drawing(page).pixels == data.load(data.EMBEDDED, "all").pixels[42].flatten().tolist()


def test_another_model_encodes_the_same_drawing_again(page):
    open_draw(page)
    stroke(page, (0.2, 0.2), (0.8, 0.8))
    before, copy = drawing(page), reconstruction(page)
    settled(page)
    pick_model(page, "Tutorial")
    until(lambda: reconstruction(page) != copy, "the other model's reconstruction")
    assert drawing(page) == before


def test_starting_over_puts_the_first_digit_back(page):
    open_draw(page)
    before = drawing(page)
    stroke(page, (0.2, 0.2), (0.8, 0.8))
    settled(page)
    rest(page)
    page.get_by_role("button", name="Start over").click()
    until(lambda: drawing(page) == before, "the first digit")


def test_two_sessions_see_nothing_of_each_other(new_page):
    one, other = open_draw(new_page()), open_draw(new_page())
    before = drawing(other)
    stroke(one, (0.1, 0.9), (0.9, 0.9))
    settled(one)
    stroke(other, (0.1, 0.1), (0.9, 0.1))
    settled(other)
    assert drawing(one) != before
    assert drawing(other).at(0.5, 0.9) == before.at(0.5, 0.9)
    assert drawing(one).at(0.5, 0.1) == before.at(0.5, 0.1)


def test_the_grid_is_walked_with_the_arrow_keys(bench):
    page = bench()
    page.get_by_role("gridcell").first.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    name = page.evaluate("document.activeElement.shadowRoot.activeElement.ariaLabel")
    assert name.startswith("row 2, column 1, ")
    page.get_by_text("Row 2, column 1: code").wait_for()


def test_canvas_grid_and_reconstruction_stand_on_one_screen_and_hold_the_same_values_in_both_themes(page):
    shown = []
    open_draw(page, "/draw?digit=7")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        expect(page.locator("[data-testid=stApp]")).to_have_css("color-scheme", theme)
        boxes = [
            page.get_by_label(CANVAS, exact=True).bounding_box(),
            page.get_by_role("grid").bounding_box(),
            page.get_by_label(RECONSTRUCTION, exact=True).bounding_box(),
        ]
        assert all(box["y"] >= 0 and box["y"] + box["height"] <= 800 for box in boxes)
        assert max(box["y"] for box in boxes) - min(box["y"] for box in boxes) < 2
        assert boxes[0]["x"] < boxes[1]["x"] < boxes[2]["x"]
        shown.append((drawing(page), reconstruction(page)))
    assert shown[0] == shown[1]


def test_the_page_does_not_overflow_a_phone(new_page):
    page = open_draw(new_page(**PHONE))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.get_by_label(CANVAS, exact=True).bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
