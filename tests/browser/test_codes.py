"""What only a browser shows of the Codebook page: a click on a column, its mark, and that nothing jumps."""

import csv
import re

import pytest
from playwright.sync_api import expect

from tests.browser.hand import begin, look_down, rest

CHART = ".st-key-chart-codebook-usage .js-plotly-plot"

COUNT_SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifted += entry.value;
}).observe({ type: "layout-shift" });
"""

# Of the column at a place: where in the chart to click it, and the code it stands for.
COLUMN = """(chart, place) => {
  const { xaxis, yaxis } = chart._fullLayout, columns = chart.data.at(-1);
  return {
    x: xaxis._offset + xaxis.d2p(columns.x[place]), y: yaxis._offset + yaxis._length / 3,
    code: columns.customdata[place][0],
  };
}"""

SELECTED = """(chart) => {
  const columns = chart.data.at(-1);
  return Array.from(columns.selectedpoints ?? [], (place) => columns.customdata[place][0]);
}"""


@pytest.fixture
def page(tab):
    """One page for all tests: each begins with Start over."""
    return tab


def open_codebook(page, address: str = "/codebook"):
    """The usage histogram's plotly element, drawn."""
    begin(page, address)
    expect(page.get_by_role("heading", level=1)).to_have_text("Codebook")
    chart = page.locator(CHART)
    expect(chart.locator(".bars .point").first).to_be_attached()
    expect(page.locator(".patches")).to_have_count(2)
    return chart


def open_codebook_section(page, section: str) -> None:
    begin(page, f"/codebook?section={section}")
    expect(page.locator(".patches")).to_have_count(2)


def click_column(page, chart, place: int) -> int:
    """Click in a column, a third of the way down; the code that the column stands for."""
    rest(page)
    column = chart.evaluate(COLUMN, place)
    at = {"x": column["x"], "y": column["y"]}
    chart.hover(position=at)  # once the chart stands still
    chart.click(position=at)
    return column["code"]


def expect_selected(page, code: int) -> None:
    """The card shows the code, and the histogram, once a new one has taken an old one's place, marks it."""
    expect(page.get_by_role("heading", name=f"Code {code}", exact=True)).to_be_visible()
    page.wait_for_function(
        f"""([place, code]) => {{
          const charts = document.querySelectorAll(place); // a moment there is none, or the old one below the new
          return charts.length === 1 && charts[0].data && String(({SELECTED})(charts[0])) === String(code);
        }}""",
        arg=[CHART, code],
    )


def test_a_click_on_a_column_picks_its_code_and_the_mark_stays(page):
    chart = open_codebook(page)
    for place in (9, 30):
        code = click_column(page, chart, place)
        expect_selected(page, code)
        expect(page).to_have_url(re.compile(rf"code={code}\b"))
        page.wait_for_timeout(500)  # a rerun that changed the figure would take the mark away again
        expect_selected(page, code)


def test_the_empty_column_of_a_dead_code_can_be_clicked(page):
    chart = open_codebook(page, "/codebook?model=tutorial")
    code = click_column(page, chart, 126)
    expect_selected(page, code)
    expect(page.get_by_text("Taken by no cell of these images")).to_be_visible()


def test_a_code_picked_by_number_moves_the_mark_from_a_clicked_one(page):
    chart = open_codebook(page)
    clicked = click_column(page, chart, 9)
    expect_selected(page, clicked)
    other = (clicked + 1) % 128
    number = page.get_by_label("Pick a code by number")
    number.fill(str(other))
    number.press("Enter")
    expect_selected(page, other)
    expect_selected(page, click_column(page, chart, 9))


def test_the_pick_survives_another_order_colours_and_a_visit_elsewhere(page):
    chart = open_codebook(page)
    code = click_column(page, chart, 20)
    expect_selected(page, code)
    page.get_by_role("radio", name="Index").click()
    expect_selected(page, code)
    page.get_by_text("By class").click()
    expect_selected(page, code)
    page.get_by_role("link", name="Home").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Codebook")
    page.get_by_role("link", name="Codebook").first.click()
    expect_selected(page, code)
    expect(page).to_have_url(re.compile(rf"code={code}\b.*by=class|by=class.*code={code}\b"))


def test_a_tile_of_the_gallery_picks_its_code_by_mouse_and_by_keys(page):
    open_codebook(page, "/codebook?order=index")
    look_down(page)
    tiles = page.get_by_role("group", name="All codes").get_by_role("button")
    expect(tiles).to_have_count(128)
    tiles.nth(57).click()
    expect_selected(page, 57)
    expect(tiles.nth(57)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect_selected(page, 58)
    expect(tiles.nth(57)).to_have_attribute("aria-pressed", "false")


def test_nothing_jumps_while_picking(page):
    chart = open_codebook(page)
    look_down(page)
    page.wait_for_load_state("networkidle")
    page.evaluate(COUNT_SHIFTS)
    for place in (3, 40, 90):
        expect_selected(page, click_column(page, chart, place))
    for name, code in (("All codes", 57), ("Nearest codes", None), ("Codes that stand beside it", None)):
        tiles = page.get_by_role("group", name=name).get_by_role("button")
        tile = page.get_by_role("group", name=name).locator(f"[data-code='{code}']") if code else tiles.nth(2)
        picked = int(tile.get_attribute("data-code"))
        tile.click()
        expect_selected(page, picked)
    number = page.get_by_label("Pick a code by number")
    number.fill("12")
    number.press("Enter")
    expect_selected(page, 12)
    page.wait_for_timeout(800)
    assert page.evaluate("window.shifted") < 0.05


def test_a_click_on_a_bar_of_damage_picks_its_code(page):
    open_codebook_section(page, "damage")
    chart = page.locator(".st-key-codebook-damage .js-plotly-plot")
    expect(chart.locator(".bars .point").first).to_be_attached()
    code = click_column(page, chart, 4)
    expect(page.get_by_role("heading", name=f"Code {code}", exact=True)).to_be_visible()
    look_down(page)
    expect(page.get_by_text(re.compile("without, .*rank 5 of 128"))).to_be_visible()
    expect(page.get_by_alt_text(f"The digits damaged most: originals, with code {code}, without it")).to_be_visible()


def test_the_table_of_codes_arrives_as_csv(page):
    open_codebook(page)
    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as arrived:
        page.get_by_role("button", name="Codes", exact=True).click()
    rows = list(csv.DictReader(arrived.value.path().read_text().splitlines()))
    assert len(rows) == 128
    assert sum(int(row["cells (count)"]) for row in rows) == 5000 * 49
    assert arrived.value.suggested_filename.endswith(".csv")


def test_a_narrow_screen_scrolls_down_alone(page):
    page.set_viewport_size({"width": 390, "height": 800})
    open_codebook(page, "/codebook?code=57&by=class")
    look_down(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("element => element.scrollWidth - element.clientWidth") <= 0


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_a_code_stands_in_the_first_screen_with_its_patches(page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    open_codebook(page, "/codebook?code=57")
    for place in (page.locator("img.tile"), page.locator(".patches").first):
        box = place.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
        assert page.evaluate(
            "([x, y]) => !!document.elementFromPoint(x, y).closest('.st-key-codebook-card')",
            [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2],
        )  # nothing lies over it


def test_whoever_jumps_to_the_end_of_the_page_finds_all_of_it(page):
    open_codebook(page)
    rest(page)
    page.get_by_test_id("stMain").evaluate("(main) => main.scrollTo(0, main.scrollHeight)")  # both parts come near
    expect(page.get_by_role("heading", name="All codes")).to_be_attached()
    expect(page.get_by_role("heading", name="The same drawing with fewer or more codes")).to_be_attached()
