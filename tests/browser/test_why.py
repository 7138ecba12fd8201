"""Why this code: what the page says of a cell agrees with torch."""

import re

import pytest
import torch
from playwright.sync_api import expect

from tests.browser.hand import PHONE, code_at, drawing, press, until
from vqvae import data
from vqvae.checkpoint import SHIPPED, load


def distances(page, row: int, column: int) -> torch.Tensor:
    """Squared distances of a cell, counted from 1, to every code: (K,)."""
    model = load(SHIPPED["default"]).model
    image = data.to_unit(torch.tensor(drawing(page).pixels, dtype=torch.uint8)).view(1, *model.config.image_shape)
    return model.vq_layer.distances(model.latents(image))[0, row - 1, column - 1]


def test_the_five_nearest_codes_of_a_cell_are_torchs(bench):
    page = bench()
    page.get_by_label("row 4, column 5, code").hover()
    shown = page.get_by_role("group", name="The nearest codes").get_by_role("button")
    names = [
        re.fullmatch(r"code (\d+), squared distance (\S+)", one.get_attribute("aria-label")) for one in shown.all()
    ]
    expected = distances(page, 4, 5).topk(5, largest=False)
    assert [int(name[1]) for name in names] == expected.indices.tolist()
    assert [float(name[2]) for name in names] == pytest.approx(expected.values.tolist(), rel=0.01, abs=1e-3)


def test_the_cell_that_it_speaks_of_is_framed_in_the_grid(bench):
    page = bench()
    framed = page.locator("[role=gridcell][data-asked]")
    for place in ("row 4, column 4", "row 2, column 3"):
        expect(framed).to_have_attribute("aria-label", re.compile(f"^{place}, code"))
        expect(framed).not_to_have_css("outline-style", "none")
        expect(page.locator("#facts")).to_contain_text(f"R{place[1:]}:")
        page.get_by_label("row 2, column 3, code").click()


def test_one_click_swaps_the_runner_up_in(bench):
    page = bench()
    runner_up = int(distances(page, 4, 5).topk(2, largest=False).indices[1])
    page.get_by_label("row 4, column 5, code").click()
    press(page, "Swap in the runner-up")
    until(lambda: code_at(page, 4, 5) == runner_up, "the runner-up")


def test_the_runner_up_is_swapped_in_by_the_keyboard_alone_and_by_a_finger(bench):
    for options, act in (({}, lambda button: button.press("Enter")), (PHONE, lambda button: button.tap())):
        page = bench(**options)
        runner_up = int(distances(page, 4, 5).topk(2, largest=False).indices[1])
        place = page.get_by_label("row 4, column 5, code")
        act(place)
        act(page.get_by_role("button", name="Swap in the runner-up"))
        until(lambda page=page, code=runner_up: code_at(page, 4, 5) == code, "the runner-up")


@pytest.mark.parametrize(("measure", "warmest"), [("error", torch.argmax), ("margin", torch.argmin)])
def test_the_heat_map_is_warmest_where_torch_says(bench, measure, warmest):
    page = bench()
    press(page, measure)
    pixels = torch.tensor(drawing(page).pixels, dtype=torch.uint8).view(1, 1, 28, 28)
    model = load(SHIPPED["default"]).model
    two = model.vq_layer.distances(model.latents(data.to_unit(pixels)))[0].topk(2, largest=False).values
    values = two[..., 0] if measure == "error" else two[..., 1] - two[..., 0]
    shown = page.get_by_role("gridcell").evaluate_all(
        "(cells) => cells.map((cell) => [cell.title, Number(cell.style.background.match(/([\\d.]+)\\)/)[1])])"
    )
    heat = torch.tensor([alpha for _, alpha in shown])
    assert int(heat.argmax()) == int(warmest(values))
    assert float(shown[0][0].split()[1]) == pytest.approx(float(values[0, 0]), rel=0.01, abs=1e-3)
    press(page, "nothing")
    assert not any(page.get_by_role("gridcell").evaluate_all("(cells) => cells.map((c) => c.style.background)"))


def test_a_click_enlarges_a_feature_map_and_another_puts_it_back(bench):
    page = bench()
    page.get_by_text("Where the error comes from").click()
    small = page.get_by_role("button", name="encoder: conv, 32 × 14 × 14")
    width = small.bounding_box()["width"]
    small.click()
    assert small.bounding_box()["width"] > 2 * width
    small.click()
    assert small.bounding_box()["width"] == width


def test_the_error_is_told_apart_into_the_autoencoders_and_the_quantisers(bench):
    page = bench()
    page.get_by_text("Where the error comes from").click()
    opened = load(SHIPPED["default"])
    image = data.to_unit(torch.tensor(drawing(page).pixels, dtype=torch.uint8)).view(1, 1, 28, 28)
    for label, picture in (
        ("from z_e", opened.model.decode_vectors(opened.model.latents(image))),
        ("from z_q", opened.model.reconstruct(image)),
    ):
        nmse = float((picture - image).square().mean()) / opened.variance
        page.get_by_text(re.compile(rf"{label}.*NMSE {f'{nmse:.3f}'[:-1]}\d")).wait_for()
    assert page.get_by_text("encoder: conv, 32 × 14 × 14").count() == 1
    assert page.get_by_text("decoder: conv transpose, 1 × 28 × 28").count() == 1
