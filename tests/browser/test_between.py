"""The interpolation between two digits: what the browser draws is torch's, by slider, by keys and by play."""

import pytest
import torch

from tests.browser.hand import DIGIT, PHONE, Picture, blank, drawing, open_draw, press, settled, stroke, until
from vqvae import data
from vqvae.checkpoint import SHIPPED, load
from vqvae.model import VQVAE

CONTINUOUS, QUANTISED = "Between, continuous", "Between, quantised"


def drawn(page):
    page.get_by_label(QUANTISED, exact=True).wait_for()
    until(lambda: any(Picture(page, QUANTISED).pixels), "a first picture")
    return page


@pytest.fixture
def page(between):
    """The interpolation halfway round the embedded digits, without a server."""
    return drawn(between())


def slider(page):
    return page.get_by_role("slider", name="Position between A and B")


def codes_between(page) -> torch.Tensor:
    name = page.get_by_role("img", name="Codes between").get_attribute("aria-label")
    return torch.tensor([int(code) for code in name.removeprefix("Codes between: ").split()])


def go(page, t: float) -> None:
    slider(page).fill(str(t))
    page.get_by_text(f"t = {t:.2f}", exact=True).wait_for()


def test_every_step_of_the_interpolation_agrees_with_torch(page):
    model = load(SHIPPED["default"]).model
    digits = data.load(data.EMBEDDED, "all")
    a, b = model.latents(digits.images[[DIGIT, (DIGIT + len(digits) // 2) % len(digits)]])
    exact = VQVAE(model.config).double()
    exact.load_state_dict(model.state_dict())
    for t in (0.0, 0.5, 1.0):
        go(page, t)
        z = torch.lerp(a, b, t).unsqueeze(0)
        codes = codes_between(page)
        with torch.inference_mode():
            smallest, second = exact.vq_layer.distances(z.double()).topk(2, largest=False).values[0].flatten(0, 1).T
        differing = codes != model.vq_layer.nearest(z).flatten()
        assert (second - smallest < 1e-5 * (1 + smallest))[differing].all()
        for label, picture in (
            (QUANTISED, model.decode(codes.view(1, *model.config.grid))),
            (CONTINUOUS, model.decode_vectors(z)),
        ):
            shown = torch.tensor(Picture(page, label).pixels)
            assert (shown - picture.clamp(0, 1).flatten() * 255).abs().max() <= 1.01


def test_cells_that_leave_as_code_are_marked_and_counted(page):
    go(page, 0.0)
    page.get_by_text("0 of 49 cells have left A’s code").wait_for()
    go(page, 1.0)
    marks = page.locator("#grid span").evaluate_all("(marks) => marks.map((mark) => mark.className)")
    to_b = sum("b" in mark.split() for mark in marks)
    assert to_b > 10
    assert not any("neither" in mark for mark in marks)
    page.get_by_text(f"{to_b} of 49 cells have left A’s code: {to_b} for B’s, 0 for another.").wait_for()


def test_the_interpolation_goes_by_keys_and_plays_only_when_asked(page):
    assert slider(page).input_value() == "0.5"
    slider(page).focus()
    page.keyboard.press("ArrowRight")
    page.get_by_text("t = 0.51", exact=True).wait_for()
    page.wait_for_timeout(300)
    assert slider(page).input_value() == "0.51"
    page.keyboard.press(" ")
    until(lambda: float(slider(page).input_value()) > 0.55, "the interpolation to play")
    press(page, "Pause")
    page.get_by_role("button", name="Play", exact=True).wait_for()
    stopped = slider(page).input_value()
    page.wait_for_timeout(300)
    assert slider(page).input_value() == stopped


def test_a_stroke_can_be_undone_after_the_interpolation_came_and_went(new_page):
    page = open_draw(new_page())
    before = drawing(page)
    stroke(page, (0.1, 0.1), (0.9, 0.1))
    after = drawing(page)
    page.get_by_text("Between two digits").click()
    drawn(page)
    settled(page)
    press(page, "Undo")
    assert drawing(page) == before
    page.get_by_text("Between two digits").click()
    page.get_by_label(QUANTISED, exact=True).wait_for(state="detached")
    settled(page)
    press(page, "Redo")
    assert drawing(page) == after


def test_the_canvas_becomes_an_end_of_the_interpolation_on_a_phone(new_page):
    page = open_draw(new_page(**PHONE))
    page.get_by_text("Between two digits").click()
    drawn(page)
    before = Picture(page, QUANTISED)
    blank(page)
    stroke(page, (0.5, 0.2), (0.5, 0.8))
    settled(page)
    page.get_by_role("button", name="Use the canvas as B").tap()
    page.get_by_role("img", name="B: from the canvas").wait_for()
    until(lambda: Picture(page, QUANTISED) != before, "another interpolation")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
