"""Home's story in a real browser: all of it follows the pen, boxes open into torch's numbers, doors lead on.

All but the last tests mount the component in an empty page: it needs no server.
"""

import re

import pytest
import torch
from playwright.sync_api import expect

from pages.ui.components import story
from pages.ui.components.learning import learning_data
from pages.ui.components.plane import plane_data
from pages.ui.components.story.losses import losses_of
from tests.browser.hand import DIGIT, PHONE, Picture, carry, carry_model, drawing, places, reconstruction, stroke, until
from vqvae import data
from vqvae.checkpoint import SHIPPED, load
from vqvae.model import losses

CHECKPOINT = load(SHIPPED["default"])
MODEL = CHECKPOINT.model
ROW, COLUMN = 4, 2  # the cell that is opened, counted from 0


@pytest.fixture(scope="module")
def constant():
    """What comes to the page once, by its name."""
    return {"plane": plane_data(load(SHIPPED["plane"])), "learning": learning_data()}


@pytest.fixture
def tell(mount, constant):
    """A function that opens the story on a first visitor's digit, as Streamlit does on Home."""

    def tell(presenting: bool = False, **options):
        page = mount(story.FOLDER, html=story.HTML, css=story.CSS, **options)
        carry_model(page, CHECKPOINT, None)
        for name, one in constant.items():
            carry(page, name, one)
        pixels = data.load(data.EMBEDDED, "all").pixels[DIGIT].flatten().tolist()
        put = {"serial": "a:0", "pixels": pixels, "edits": None, "cell": None, "example": True, "aim": ""}
        page.evaluate(
            "(data) => update(data)",
            {
                "fingerprint": CHECKPOINT.fingerprint,
                "set": put,
                "losses": story.losses_data(losses_of(CHECKPOINT)),
                "plane": True,
                "learning": True,
                "presenting": presenting,
            },
        )
        expect(page.locator("#grid [role=gridcell]").first).to_have_attribute("data-code", re.compile(r"\d"))
        return page

    return tell


def image(page) -> torch.Tensor:
    """What is drawn: (1, 1, 28, 28) in [0, 1]."""
    return data.to_unit(torch.tensor(drawing(page).pixels, dtype=torch.uint8)).view(1, 1, 28, 28)


def choose(page, row: int, column: int) -> None:
    page.locator("#chooser [role=gridcell]").nth(row * 7 + column).click()


def value(page, name: str) -> float:
    return float(page.locator(f"#{name}").get_attribute("data-value"))


def open_box(page, name: str) -> None:
    page.locator(f"#box-{name} summary").click()
    page.locator(f"#{name}-sum table").wait_for()


def grid(page) -> list[str]:
    return page.locator("#grid [role=gridcell]").evaluate_all("(all) => all.map((one) => one.dataset.code)")


@pytest.mark.parametrize("name", ["encoder", "nearest", "decoder"])
def test_a_stroke_changes_grid_and_opened_box_before_the_pen_is_lifted(tell, name):
    page = tell(viewport={"width": 1280, "height": 1500})
    open_box(page, name)
    before, shown, sum_before = grid(page), reconstruction(page), page.locator(f"#{name}-sum").inner_text()
    first, *others = places(page, (0.5, 0.2), (0.5, 0.7), (0.6, 0.5))
    page.mouse.move(*first)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place, steps=5)
    until(lambda: grid(page) != before and reconstruction(page) != shown, "codes of a stroke that goes on")
    until(lambda: page.locator(f"#{name}-sum").inner_text() != sum_before, "the opened sum")
    page.mouse.up()


def test_nothing_is_shown_before_there_is_a_model_to_tell_it_with(mount):
    page = mount(story.FOLDER, html=story.HTML, css=story.CSS)
    expect(page.locator(".story")).to_be_hidden()


def test_a_stroke_changes_the_plane_before_the_pen_is_lifted(tell):
    page = tell()
    page.locator(".plane-map").scroll_into_view_if_needed()
    plane = Picture(page, "Picture from the codes in the plane")
    until(lambda: any(Picture(page, "Picture from the codes in the plane").pixels), "the drawing in the plane")
    plane = Picture(page, "Picture from the codes in the plane")
    box = page.locator("#ink").bounding_box()  # in view beside it
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 220, steps=10)
    until(lambda: Picture(page, "Picture from the codes in the plane") != plane, "the stroke in the plane")
    page.mouse.up()


def test_each_opened_number_is_torchs(tell):
    page = tell()
    stroke(page, (0.3, 0.2), (0.4, 0.6), (0.7, 0.7))
    choose(page, ROW, COLUMN)
    x = image(page)
    with torch.inference_mode():
        output = MODEL(x - MODEL.config.offset)
    vector, code = output.latents[0, :, ROW, COLUMN], int(output.quantized.codes[0, ROW, COLUMN])
    open_box(page, "encoder")
    page.locator("#dimension").fill("5")
    assert value(page, "encoder-sum") == pytest.approx(float(vector[5]), abs=1e-4)
    open_box(page, "nearest")
    apart = float((vector - MODEL.vq_layer.codebook[code]).square().sum())
    assert value(page, "nearest-sum") == pytest.approx(apart, abs=1e-3)
    expect(page.locator("#codes-nearest li").first).to_contain_text(f"code {code}")
    open_box(page, "decoder")
    pixel = float(output.reconstruction[0, 0, 4 * ROW + 2, 4 * COLUMN + 2]) + MODEL.config.offset
    assert value(page, "decoder-sum") == pytest.approx(pixel, abs=1e-4)
    page.locator("#loss").scroll_into_view_if_needed()
    page.locator("#losses output").first.wait_for()
    told = page.locator("#losses output").evaluate_all("(all) => all.map((one) => Number(one.dataset.value))")
    terms = losses(output, x - MODEL.config.offset, CHECKPOINT.variance)
    cost = losses_of(CHECKPOINT).cost
    assert told == pytest.approx(
        [float(terms.reconstruction), float(terms.codebook), cost * float(terms.commitment)], abs=1e-4
    )


def test_boxes_open_step_and_close_by_keyboard(tell):
    page = tell()
    opened = lambda: page.locator("details[open]").evaluate_all("(all) => all.map((one) => one.id)")  # noqa: E731
    page.locator("#box-encoder summary").focus()
    page.keyboard.press("Enter")
    until(lambda: opened() == ["box-encoder"], "the encoder's box")
    for key, name in (("ArrowRight", "nearest"), ("ArrowRight", "decoder"), ("ArrowLeft", "nearest")):
        page.keyboard.press(key)
        until(lambda name=name: opened() == [f"box-{name}"], name)
    page.keyboard.press("Escape")
    until(lambda: opened() == [], "no open box")


def test_arrow_keys_choose_the_cell_of_all_boxes(tell):
    page = tell()
    page.locator("#grid [aria-selected=true]").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".place")).to_have_text("Row 5, column 3")
    expect(page.locator("#chooser [aria-selected=true]")).to_have_attribute(
        "aria-label", re.compile("^row 5, column 3")
    )


def test_the_gradient_goes_back_step_by_step_where_nothing_may_move(tell):
    page = tell(reduced_motion="reduce")
    send, told = page.get_by_role("button", name="Send the gradient back"), page.locator("#gradient-told")
    send.click()
    expect(told).to_contain_text("flows back through the decoder")
    send.click()
    expect(told).to_contain_text("The derivative is 0")
    send.click()
    expect(told).to_contain_text("straight-through estimator")
    expect(page.locator("[data-step].on")).to_have_count(3)


def test_doors_and_the_wish_for_another_digit_are_told(tell):
    page = tell()
    page.locator(".door").first.click()
    page.get_by_role("link", name="Watch it write new digits").click()
    page.get_by_role("button", name="Another digit").click()
    assert page.evaluate("asked") == [["door", "draw"], ["door", "generate"], ["another", "a:0"]]


def test_a_clicker_leads_through_the_parts_and_on(tell):
    page = tell(presenting=True)
    headings = page.locator(".part h2")
    for number in range(headings.count()):
        assert headings.evaluate_all("(all) => all.findIndex((one) => one.checkVisibility())") == number
        page.keyboard.press("PageDown")
    assert page.locator(".part.now").get_attribute("id") == "death"  # the page leads on from here


@pytest.mark.parametrize("options", [{}, PHONE], ids=["laptop", "phone"])
def test_the_pen_stays_in_sight_to_the_end_of_the_story(new_page, options):
    page = new_page(**options)
    page.goto("/")
    for part in ("encoder", "worth", "death"):
        page.locator(f"#{part} h2").scroll_into_view_if_needed()
        expect(page.locator("#ink")).to_be_in_viewport(ratio=0.95)


def test_a_drawing_goes_through_the_door_to_draw(page):
    page.goto("/")
    expect(page.locator("#grid [role=gridcell]").first).to_have_attribute("data-code", re.compile(r"\d"))
    stroke(page, (0.2, 0.2), (0.8, 0.8))
    drawn = drawing(page)
    page.get_by_role("link", name="Open it in Draw").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Draw")
    until(lambda: drawing(page) == drawn, "the drawing on Draw")
