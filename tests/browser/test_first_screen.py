"""What a visitor sees without scrolling, on a laptop, a phone and a stage.

Map, Train and a code's card have theirs beside what else is tested of them.
"""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.hand import PHONE, drawing, look_down, open_draw, rest, settled, stroke, until

LAPTOP = {"viewport": {"width": 1280, "height": 800}}
STEPS = range(1, 8)
THUMB = 43.9  # pixels: 44, but for rounding

# Of an element: its place in the window, and whether the middle of it is covered by another.
SEEN = """(element) => {
  const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
  const inside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
  const above = (root) => root.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  let hit = above(document);
  while (hit?.shadowRoot && above(hit.shadowRoot) !== hit) hit = above(hit.shadowRoot);
  while (hit && hit !== element) hit = hit.assignedSlot ?? hit.parentElement ?? hit.getRootNode().host;
  return { inside, covered: hit !== element, width, height, bottom };
}"""


def seen(*elements) -> list[dict[str, float]]:
    """Where the elements are; all of them whole in the window, and nothing above them."""
    boxes = []
    for element in elements:
        expect(element).to_be_visible()
        box = element.evaluate(SEEN)
        assert box["inside"], (element, box)
        assert not box["covered"], (element, box)
        boxes.append(box)
    return boxes


def pictures(page, *names: str) -> list:
    return [page.locator(f"#{name}") for name in names]


def buttons(page, *names: str) -> list:
    return [page.get_by_role("button", name=name, exact=True) for name in names]


BESIDE = ("Random digit", "Bring your own")
TOOLS = ("Pen", "Eraser", "Undo", "Redo", "Back to the chosen digit", "Clear the canvas")


def test_draw_on_a_laptop(new_page):
    page = open_draw(new_page(**LAPTOP))
    seen(*pictures(page, "input", "codes", "output", "palette", "brush"), *buttons(page, *BESIDE, *TOOLS))
    seen(page.get_by_text("Between two digits"), page.get_by_role("link", name="See it on the map"))
    assert page.locator("#clear").bounding_box()["y"] == page.locator("#pen").bounding_box()["y"]  # one row of tools
    for width in (768, 1024, 1100):
        page.set_viewport_size({"width": width, "height": 800})
        until(lambda: page.locator("#brush").bounding_box()["width"] >= 60, "a brush slider for a hand")
        seen(*pictures(page, "input", "output", "brush"), *buttons(page, *TOOLS))


def test_draw_on_a_phone_pen_and_reconstruction_together_and_codes_below_for_a_thumb(new_page):
    page = open_draw(new_page(**PHONE))
    pen, made = seen(*pictures(page, "input", "output"))
    assert min(pen["width"], 1.5 * made["width"]) > 180
    assert page.locator("#codes").bounding_box()["y"] > page.locator("#clear").bounding_box()["y"]
    controls = [*buttons(page, *BESIDE, *TOOLS), *pictures(page, "brush", "show-error")]
    controls += [page.get_by_role("link", name="See it on the map"), page.get_by_role("button", name="Choose a digit")]
    seen(*controls)
    below = [page.get_by_role("gridcell").first, page.get_by_role("option").first, page.locator("#swap")]
    for control in (*controls, *below):
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= THUMB, control


@pytest.mark.parametrize("options", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_home(new_page, options):
    page = new_page(**options)
    page.goto("/")
    codes = "grid" if options is LAPTOP else "tiles"
    seen(page.get_by_role("heading", level=1), *pictures(page, "ink", codes, "reconstruction"))
    expect(page.get_by_text("Draw your own here")).to_be_visible()
    seen(*buttons(page, "Pen", "Eraser", "Undo", "Another digit"))
    seen(page.get_by_role("heading", name="An alphabet for pictures"))
    if options is LAPTOP:
        seen(*pictures(page, "letters", "book"))


@pytest.mark.parametrize("options", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_generate(new_page, options):
    page = new_page(**options)
    page.goto("/generate")
    expect(page.locator("#reading")).to_have_text("0 of 49 cells")
    seen(*page.locator(".generate .stage figure").all(), *buttons(page, "Write", "One step on"))
    if options is LAPTOP:
        seen(page.get_by_role("heading", name="Next: row 1, column 1"))


@pytest.mark.parametrize("options", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_notes(new_page, options):
    page = new_page(**options)
    page.goto("/notes")
    page.get_by_role("listitem").nth(5).wait_for()
    rest(page)
    page.wait_for_timeout(500)  # until the columns of the sheet have found their width
    seen(page.get_by_role("heading", level=1), *page.get_by_role("listitem").all()[: 6 if options is LAPTOP else 3])


SHOWN = {1: ("input",), 2: ("input", "codes"), 3: ("input", "codes", "nearest"), 4: ("output",), 5: ("codes", "output")}
SHOWN |= {6: ("codes", "others-note", "others-picture"), 7: ("codes", "alternatives")}


@pytest.mark.parametrize("options", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_every_step_of_the_tour_is_one_tap_away_and_shows_what_it_speaks_of(new_page, options):
    page = open_draw(new_page(**options))
    page.get_by_role("button", name="Walk through it in seven steps").click()
    for step in (2, 3, 4, 5, 6, 7, 1):
        stop = page.locator(f"#stops button:nth-child({step})")
        seen(stop)
        stop.click()
        expect(stop).to_have_attribute("aria-current", "step")
        if step == 7:
            expect(page.locator(".alternative")).to_have_count(6)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        seen(*pictures(page, "lesson", "tour-on", *SHOWN[step]))
        assert page.locator("#output").is_visible() == (step in (4, 5))
        if step == 5:
            seen(page.locator("#palette").get_by_role("option").first)
            if options is LAPTOP:
                seen(page.locator("#palette").get_by_role("option").last)
        if step in (5, 6) and options is PHONE:
            cell = page.get_by_role("gridcell").first.bounding_box()
            assert min(cell["width"], cell["height"]) >= THUMB


@pytest.mark.parametrize("size", [(1280, 720), (1280, 800), (1920, 1080)])
def test_every_slide_of_the_tour_fills_its_screen(tab, size):
    tab.set_viewport_size({"width": size[0], "height": size[1]})
    tab.goto("/draw?present=1&step=1")
    tab.locator("[role=grid][data-told]").wait_for(state="attached")
    for step in STEPS:
        tab.locator(f".workbench[data-step='{step}']").wait_for()
        if step == 7:
            expect(tab.locator(".alternative")).to_have_count(6)
        boxes = seen(*pictures(tab, "lesson", *SHOWN[step]))
        shown = [*boxes, tab.locator(".workbench").evaluate(SEEN)]
        assert 0.82 * size[1] <= max(box["bottom"] for box in shown) <= size[1], step
        if step == 5:
            palette = tab.locator("#palette").get_by_role("option")
            seen(palette.first, palette.last)
            # What is chosen takes a line, and what to do with it another.
            lines = tab.locator("#task").evaluate("(p) => p.clientHeight / parseFloat(getComputedStyle(p).lineHeight)")
            assert lines < 2.1
            assert tab.locator("#task .do").bounding_box()["x"] == tab.locator("#task").bounding_box()["x"]
        tab.keyboard.press("PageDown")


def test_codebooks_downloads_stand_beside_its_heading(new_page):
    page = new_page(**LAPTOP)
    page.goto("/codebook")
    download = page.get_by_test_id("stPopoverButton").filter(has_text="Download")
    heading = page.get_by_role("heading", name="How codes are used")
    seen(download, heading)

    def middle(element) -> float:
        box = element.bounding_box()
        return box["y"] + box["height"] / 2

    until(lambda: abs(middle(download) - middle(heading)) < 6, "one line")  # once what stands above has its height


# What a hand can work on a page and is smaller than a thumb; a field in a label or a card is as large as that.
TOO_SMALL = """(least) => {
  const KINDS = "button, a[href], input, select, textarea, summary, [role=radio], [role=option], [role=gridcell]";
  const small = [];
  const look = (root) => {
    for (const one of root.querySelectorAll("*")) {
      if (one.shadowRoot) look(one.shadowRoot);
      if (!one.matches(KINDS) || !one.checkVisibility({ visibilityProperty: true })) continue;
      const target = (one.matches("input") && (one.closest("[role=radiogroup] > *") ?? one.closest("label"))) || one;
      const { left, right, width, height } = target.getBoundingClientRect();
      if (right <= 0 || left >= innerWidth || width < 2) continue; // folded away, or for screen readers alone
      if (Math.min(width, height) < least)
        small.push(`${one.ariaLabel ?? one.textContent} (${Math.round(width)} x ${Math.round(height)})`);
    }
  };
  look(document);
  return small;
}"""


@pytest.mark.parametrize("path", ["/", "/draw", "/draw?step=5", "/generate", "/codebook", "/map", "/train", "/notes"])
def test_all_that_can_be_worked_on_a_phone_is_as_large_as_a_thumb(new_page, path):
    page = new_page(**PHONE)
    page.goto(path)
    page.get_by_role("heading", level=1).wait_for()
    rest(page)
    if path.startswith("/draw"):
        settled(page)
    if path == "/generate":
        expect(page.locator("#reading")).to_have_text("0 of 49 cells")
    if path == "/train":
        page.get_by_text("Change the recipe").click()
        expect(page.get_by_label("Codes (K)")).to_be_visible()
    look_down(page)
    if path == "/train":
        expect(page.get_by_test_id("stMultiSelect")).to_be_visible()
    if path == "/":
        page.get_by_role("button", name="Expand sidebar").click()
        expect(page.get_by_role("link", name="Codebook").first).to_be_in_viewport()
    until(lambda: page.evaluate(TOO_SMALL, THUMB) == [], "every control as large as a thumb")


def test_the_third_step_begins_where_there_is_ink(bench):
    page = bench()
    page.get_by_role("button", name="Clear the canvas").click()
    stroke(page, (0.4, 0.65), (0.9, 0.65))  # from the third cell of the fifth row
    until(lambda: drawing(page).at(0.5, 0.65) == 255, "the stroke")
    page.get_by_role("button", name="Walk through it in seven steps").click()
    page.locator("#stops button:nth-child(3)").click()
    first = page.locator("[role=gridcell].pointed")
    expect(first).to_have_attribute("aria-label", re.compile("^row 5, column 3,"))
