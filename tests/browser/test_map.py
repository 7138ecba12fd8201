"""What only a browser shows of the Map page: pointing, selecting, zooming and keys on the canvas, and that it stays."""

import base64
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from pages.ui.components import scatter
from tests.browser.hand import begin, rest

COUNT_SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifted += entry.value;
}).observe({ type: "layout-shift" });
"""


@pytest.fixture
def page(tab):
    """One page for all tests: each begins with Start over."""
    return tab


def open_map(page):
    """The map's canvas, drawn, its pictures there, nothing selected and the panel filled."""
    begin(page, "/map")
    expect(page.get_by_role("heading", level=1)).to_have_text("Map")
    expect(page.locator("div.scatter[data-pictures=ready]")).to_be_visible(timeout=300_000)  # the first one encodes
    expect(page.get_by_alt_text("Digits above their reconstructions")).to_be_visible()
    expect_selected(page, 0)
    canvas = page.locator("div.scatter canvas.base")
    canvas.scroll_into_view_if_needed()
    return canvas


def tool(page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).click()


def drag(page, canvas, *corners: tuple[float, float]) -> None:
    """Press at the first corner, in shares of the canvas, move along the others and lift."""
    box = canvas.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def selected(page) -> int:
    return int(page.locator("div.scatter").get_attribute("data-selected"))


def expect_selected(page, count: int) -> None:
    """The browser, and the panel that Python made, agree on how many are selected."""
    expect(page.locator("div.scatter")).to_have_attribute("data-selected", str(count))
    heading = f"{count:,} selected" if count else "All digits"
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()


def point_at_a_digit(page, canvas) -> None:
    """Find a point by moving over the middle of the map."""
    box = canvas.bounding_box()
    for step in range(40):
        page.mouse.move(box["x"] + box["width"] * (0.4 + 0.005 * step), box["y"] + box["height"] * 0.5)
        page.wait_for_timeout(60)
        if page.locator("div.scatter .card").is_visible():
            return
    pytest.fail("no point under the pointer")


def test_pointing_at_a_digit_shows_it_its_reconstruction_and_its_codes(page):
    canvas = open_map(page)
    point_at_a_digit(page, canvas)
    card = page.locator("div.scatter .card")
    expect(card.locator(".title")).to_have_text(re.compile(r"Digit \d+ · an? \d"))
    expect(card.locator(".note")).to_have_text(re.compile(r"NMSE 0\.\d+"))
    for name in ("digit", "reconstruction", "codes"):
        inked = card.locator(f"canvas.{name}").evaluate(
            "(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 < 3 && v > 60)"
        )
        assert inked, name


def test_a_click_selects_and_a_click_beside_selects_nothing(page):
    canvas = open_map(page)
    point_at_a_digit(page, canvas)
    page.mouse.down()
    page.mouse.up()
    expect_selected(page, 1)
    expect(page.get_by_role("link", name=re.compile(r"Open digit \d+ in Draw"))).to_be_visible()
    box = canvas.bounding_box()
    page.mouse.click(box["x"] + 3, box["y"] + 3)
    expect_selected(page, 0)


def test_a_lasso_and_a_box_select_and_nothing_jumps(page):
    canvas = open_map(page)
    page.wait_for_load_state("networkidle")
    page.evaluate(COUNT_SHIFTS)
    tool(page, "Lasso")
    drag(page, canvas, (0.3, 0.3), (0.6, 0.3), (0.6, 0.6), (0.3, 0.6))
    first = selected(page)
    assert 0 < first < 5_000
    expect_selected(page, first)
    tool(page, "Box")
    drag(page, canvas, (0.3, 0.3), (0.5, 0.5))
    second = selected(page)
    assert 0 < second < first
    expect_selected(page, second)
    assert page.evaluate("window.shifted") < 0.05


def test_a_selection_survives_colour_and_layout_and_escape_clears_it(page):
    canvas = open_map(page)
    page.get_by_role("button", name="Select all 7").click()
    expect_selected(page, 500)
    tool(page, "Error")
    expect(page.locator("div.scatter .legend .ramp")).to_be_visible()
    expect_selected(page, 500)
    page.get_by_role("button", name="Settings").click()
    tool(page, "Code histogram")
    expect(page).to_have_url(re.compile("by=histogram"))
    expect_selected(page, 500)
    page.get_by_role("button", name="Settings").click()  # closes it: keys are the map's again
    expect(page.get_by_role("radio", name="Code histogram")).to_have_count(0)
    canvas.press("Escape")
    expect_selected(page, 0)


def test_dots_become_pictures_when_the_wheel_brings_them_near(page):
    canvas = open_map(page)
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _ in range(14):
        page.mouse.wheel(0, -250)
    expect(page.locator("div.scatter")).to_have_attribute("data-thumbnails", "true")
    page.get_by_role("button", name="Show the whole map").click()
    expect(page.locator("div.scatter")).to_have_attribute("data-thumbnails", "false")


def test_keys_go_from_digit_to_digit_and_select(page):
    canvas = open_map(page)
    canvas.focus()
    canvas.press("ArrowRight")
    said = page.locator("div.scatter .live")
    expect(said).to_have_text(re.compile(r"Digit \d+ · an? \d, NMSE"))
    first = said.text_content()
    canvas.press("ArrowLeft")
    expect(said).not_to_have_text(first)
    canvas.press("Enter")
    expect_selected(page, 1)


def test_a_search_selects_and_says_how_many(page):
    open_map(page)
    box = page.get_by_role("textbox", name="Find digits")
    box.fill("worst 100")
    box.press("Enter")
    expect_selected(page, 100)
    box.fill("something else")
    box.press("Enter")
    expect(page.get_by_text("This search was not understood")).to_be_visible()
    expect_selected(page, 100)


def test_a_selection_survives_a_visit_to_another_page(page):
    open_map(page)
    page.get_by_role("button", name="Select all 3").click()
    expect_selected(page, 500)
    page.get_by_role("link", name="Codebook").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Codebook")
    page.get_by_role("link", name="Map", exact=True).first.click()
    expect(page.locator("div.scatter[data-pictures=ready]")).to_be_visible()
    expect_selected(page, 500)


def test_two_visitors_see_nothing_of_each_others_selection(page, new_page):
    open_map(page)
    other = new_page()
    open_map(other)
    page.get_by_role("button", name="Select all 3").click()
    expect_selected(page, 500)
    other.wait_for_timeout(1_000)
    expect_selected(other, 0)


def test_a_finger_moves_the_map_and_a_tap_selects(new_page):
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    box = open_map(page).bounding_box()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    screen, title = page.context.new_cdp_session(page), page.locator("div.scatter .card .title")
    x, y = box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2

    def finger(what: str, *place: float) -> None:
        points = [{"x": place[0], "y": place[1]}] if place else []
        screen.send("Input.dispatchTouchEvent", {"type": what, "touchPoints": points})

    while not selected(page):
        x += 3
        assert x < box["x"] + box["width"] * 0.7, "no point under the finger"
        page.touchscreen.tap(x, y)
    expect_selected(page, 1)
    digit = title.inner_text()
    finger("touchStart", x, y)
    for step in range(10, 61, 10):
        finger("touchMove", x + step, y + step)
    finger("touchEnd")
    expect_selected(page, 1)
    page.touchscreen.tap(box["x"] + 3, box["y"] + 3)
    expect_selected(page, 0)
    page.touchscreen.tap(x + 60, y + 60)  # where the map, and the digit with it, was moved to
    expect_selected(page, 1)
    expect(title).to_have_text(digit)


def test_two_fingers_bring_the_map_near_and_far_and_select_nothing(new_page):
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    box = open_map(page).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    screen = page.context.new_cdp_session(page)

    def fingers(what: str, *apart: float) -> None:
        points = [{"x": x + side * apart[0], "y": y, "id": side + 1} for side in (-1, 1)] if apart else []
        screen.send("Input.dispatchTouchEvent", {"type": what, "touchPoints": points})

    for distances, near in ((range(20, 161, 10), "true"), (range(160, 19, -10), "false")):
        for _ in range(4):
            fingers("touchStart", distances[0])
            for distance in distances:
                fingers("touchMove", distance)
            fingers("touchEnd")
        expect(page.locator("div.scatter")).to_have_attribute("data-thumbnails", near)
    assert selected(page) == 0


def test_a_code_picked_on_the_map_of_codes_is_found_among_digits_and_in_the_codebook(page):
    begin(page, "/map?show=codes&method=pca")
    expect(page.locator("div.scatter[data-pictures=ready]")).to_be_visible()
    canvas = page.locator("div.scatter canvas.base")
    canvas.focus()
    canvas.press("ArrowRight")
    expect(page.locator("div.scatter .live")).to_have_text(re.compile(r"Code \d+, [\d,]+ cells, most in digits"))
    canvas.press("Enter")
    expect(page).to_have_url(re.compile(r"code=\d+"))
    code = re.search(r"code=(\d+)", page.url).group(1)
    expect(page.get_by_role("heading", name=f"Code {code}", exact=True)).to_be_visible()
    tool(page, "Digits")
    expect(page.get_by_text(f"Code {code} is picked.")).to_be_visible()
    page.get_by_role("link", name="Codebook").first.click()
    expect(page.get_by_role("heading", name=f"Code {code}", exact=True)).to_be_visible()


def test_a_click_on_a_thumbnail_opens_its_digit_in_draw(page):
    open_map(page)
    thumbnail = page.get_by_role("button", name=re.compile(r"Open digit \d+ in Draw")).nth(3)
    number = re.search(r"\d+", thumbnail.get_attribute("aria-label"))[0]
    thumbnail.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Draw")
    expect(page).to_have_url(re.compile(rf"digit={number}\b"))


def test_a_lasso_outlives_f5(page):
    canvas = open_map(page)
    tool(page, "Lasso")
    drag(page, canvas, (0.3, 0.3), (0.6, 0.3), (0.6, 0.6), (0.3, 0.6))
    count = selected(page)
    expect_selected(page, count)
    expect(page).to_have_url(re.compile("lasso="))
    page.reload()
    expect(page.locator("div.scatter[data-pictures=ready]")).to_be_visible()
    expect_selected(page, count)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
@pytest.mark.parametrize("address", ["/map", "/map?show=codes&method=pca"])
def test_the_whole_map_stands_in_the_first_screen_and_so_does_its_card(page, address, width, height):
    page.set_viewport_size({"width": width, "height": height})
    page.goto(address)
    expect(page.locator("div.scatter[data-pictures=ready]")).to_be_visible()
    canvas = page.locator("div.scatter canvas.base")
    stage = canvas.bounding_box()
    assert stage["y"] + stage["height"] <= height
    assert min(stage["width"], stage["height"]) > 300
    legend = page.locator("div.scatter .legend")
    assert legend.evaluate("(one) => one.scrollWidth <= one.clientWidth")
    place = legend.bounding_box()
    assert place["y"] + place["height"] <= height
    for role, name in (("button", "Settings"), ("button", "Zoom in"), ("radio", "Box")):
        box = page.get_by_role(role, name=name, exact=True).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
        if width < 500:
            assert min(box["width"], box["height"]) >= 44, name
    canvas.focus()
    for _ in range(12):  # towards the lower edge
        canvas.press("ArrowDown")
    expect(page.locator("div.scatter .card")).to_be_visible()
    card = page.locator("div.scatter .card").bounding_box()
    assert card["y"] >= 0
    assert card["y"] + card["height"] <= height


def test_a_map_can_be_called_off(page):
    begin(page, "/map?show=cells&neighbours=7&points=10000&seed=9")  # minutes of work, which no reload outlasts
    expect(page.get_by_alt_text("Digits above their reconstructions")).to_be_visible()
    rest(page)
    page.get_by_role("button", name=re.compile("Compute t-SNE")).click()
    page.get_by_role("button", name="Cancel").wait_for()
    page.reload()  # it goes on, and no second one is offered
    page.get_by_role("button", name="Cancel").wait_for()
    expect(page.get_by_role("button", name=re.compile("Compute t-SNE"))).to_have_count(0)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name=re.compile("Compute t-SNE"))).to_be_visible()
    expect(page.locator("div.scatter canvas.base")).to_be_visible()


# Without a server


def little_map(mount, *chosen: int):
    """The canvas of a map of three points in a row, of which some are selected."""

    def numbers(kind: str, *values: int) -> str:
        return base64.b64encode(np.array(values, kind).tobytes()).decode()

    page = mount(scatter.FOLDER)
    data = {
        "xy": numbers("<u2", 0, 32768, 32768, 32768, 65535, 32768),
        "ids": numbers("<u4", 0, 1, 2),
        "colors": numbers("<u2", 0, 0, 0),
        "palette": ["#3f90da"],
        "legend": {"title": "Digit", "entries": [], "ramp": None},
        "view": "whole",
        "title": "Three digits.",
        "noun": "digits",
        "one": "digit",
        "selection": {"revision": 0, "ids": numbers("<u4", *chosen)},
    }
    page.evaluate("(data) => update(data)", data)
    expect(page.locator("canvas.base")).to_have_attribute("aria-label", re.compile("Three digits"))
    return page.locator("canvas.base")


@pytest.mark.parametrize("height", [0.5, 0.25], ids=["on a point", "beside all points"])
def test_only_the_main_button_selects(mount, height):
    canvas = little_map(mount, 0, 2)
    box = canvas.bounding_box()
    place = {"x": box["width"] / 2, "y": height * box["height"]}
    for button in ("right", "middle"):
        canvas.click(button=button, position=place)
        assert selected(canvas.page) == 2
    canvas.click(position=place)
    assert selected(canvas.page) == (height == 0.5)


def test_esc_while_a_box_is_dragged_drops_the_box(mount):
    canvas = little_map(mount, 1)
    canvas.press("b")
    box = canvas.bounding_box()
    canvas.page.mouse.move(box["x"] + 2, box["y"] + 2)
    canvas.page.mouse.down()
    canvas.page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] - 2, steps=3)
    canvas.press("Escape")
    canvas.page.mouse.up()
    assert selected(canvas.page) == 1
