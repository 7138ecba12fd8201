"""The workbench without Streamlit: models of other sizes, three channels, and the worker that slow models get."""

import pytest
import torch

from tests.browser.hand import ANY_CANVAS, RECONSTRUCTION, codes, drawing, reconstruction, show, stroke, until
from vqvae import data
from vqvae.checkpoint import Checkpoint
from vqvae.model import VQVAE, ModelConfig


def checkpoint(config: ModelConfig, seed: int = 0) -> Checkpoint:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Checkpoint(VQVAE(config).requires_grad_(False).eval(), variance=0.1)


SMALL = checkpoint(ModelConfig(num_embeddings=12, embedding_dim=5))
WIDE = checkpoint(ModelConfig(channels=3, height=32, width=48, num_embeddings=9, embedding_dim=4))
SLOW = checkpoint(ModelConfig(channels=3, height=72, width=72, num_embeddings=64, embedding_dim=64))


@pytest.fixture
def page(empty_bench):
    """The workbench in an empty page: `show` gives it a model."""
    return empty_bench()


def last_answer(page) -> dict:
    page.locator("[role=grid][data-told]").wait_for()
    return page.evaluate("answers.at(-1)")


def test_canvases_and_grid_take_the_models_sizes(page):
    show(page, WIDE)
    assert (drawing(page).width, drawing(page).height) == (48, 32)
    assert (reconstruction(page).width, reconstruction(page).height) == (48, 32)
    assert codes(page)[-1].startswith("row 8, column 12, code ")
    assert page.get_by_role("heading", name="8 × 12 codes").count() == 1
    assert page.get_by_role("option").count() == 9
    page.get_by_text("4,608 bytes → 384 bits").wait_for()
    page.get_by_text("96 codes × 4 bits = 384 bits, 96 times smaller").wait_for()


def test_the_pen_draws_grey_in_all_three_channels(page):
    show(page, WIDE)
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    pixels = torch.tensor(last_answer(page)["pixels"]).view(32, 48, 3)
    assert pixels.max() == 255
    assert torch.equal(pixels[..., 0], pixels[..., 2])


CLICK = """(held) => {
  const link = document.body.appendChild(Object.assign(document.createElement("a"), { href: "/elsewhere" }));
  link.onclick = (event) => event.preventDefault();
  link.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, [held]: true }));
}"""


@pytest.mark.parametrize("held", ["ctrlKey", "metaKey", "shiftKey"])
def test_a_link_opened_in_another_tab_silences_nobody_here(page, held):
    show(page, SMALL)
    page.evaluate(CLICK, held)
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    page.locator("[role=grid][data-told]").wait_for(timeout=10_000)


def test_the_answer_holds_torchs_codes_for_its_pixels(page):
    show(page, SMALL)
    stroke(page, (0.2, 0.2), (0.8, 0.8))
    answer = last_answer(page)
    assert (answer["serial"], answer["fingerprint"]) == ("a:0", SMALL.fingerprint)
    image = data.to_unit(torch.tensor(answer["pixels"], dtype=torch.uint8)).view(1, 1, 28, 28)
    assert answer["codes"] == SMALL.model.encode(image).flatten().tolist()


def test_a_model_of_another_size_resamples_the_drawing_and_says_so(page):
    show(page, SMALL)
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    show(page, WIDE)
    page.get_by_text("This model reads 32 × 48 pixels: your drawing was resampled from 28 × 28.").wait_for()
    assert drawing(page).at(0.5, 0.5) > 200
    assert drawing(page).at(0.5, 0.1) == 0


def test_a_model_of_the_same_size_keeps_every_pixel(page):
    show(page, SMALL)
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    before = drawing(page)
    show(page, checkpoint(SMALL.model.config, seed=1))
    assert drawing(page) == before


def test_a_new_serial_replaces_the_drawing_and_the_same_one_does_not(page):
    show(page, SMALL)
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    before = drawing(page)
    show(page, SMALL, "a:0", [0] * 784)
    assert drawing(page) == before
    show(page, SMALL, "a:1", [7] * 784)
    assert set(drawing(page).pixels) == {7}


def test_another_session_that_puts_the_same_picture_there_leaves_the_drawing_and_hears_of_it(page):
    show(page, SMALL, "a:0", [7] * 784)
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    before = drawing(page)
    show(page, SMALL, "b:0", [7] * 784)
    assert drawing(page) == before
    until(lambda: page.evaluate("answers.at(-1)?.serial") == "b:0", "the answer to the other session")
    assert page.evaluate("answers.at(-1)")["pixels"] == before.pixels
    show(page, SMALL, "c:0", [9] * 784)
    assert set(drawing(page).pixels) == {9}


def test_a_slow_model_moves_into_a_worker_and_goes_on_drawing(page):
    page.evaluate(
        """() => {
          window.workers = 0;
          window.Worker = class extends Worker { constructor(...all) { super(...all); window.workers++; } };
        }"""
    )
    show(page, SLOW)
    processor = page.context.new_cdp_session(page)
    processor.send("Emulation.setCPUThrottlingRate", {"rate": 4})  # a quick machine needs no worker for it
    box = page.get_by_label(ANY_CANVAS).bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    for step in range(60):
        page.mouse.move(box["x"] + 20 + 3 * step, box["y"] + 20 + 2 * step)
        page.wait_for_timeout(30)
    until(lambda: page.evaluate("workers") == 1, "the worker")
    processor.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    before = reconstruction(page)
    page.mouse.move(box["x"] + 30, box["y"] + 200, steps=5)
    until(lambda: reconstruction(page) != before, "a reconstruction from the worker")
    page.mouse.up()
    answer = last_answer(page)
    image = data.to_unit(torch.tensor(answer["pixels"], dtype=torch.uint8)).view(1, 72, 72, 3).permute(0, 3, 1, 2)
    codes_differ = torch.tensor(answer["codes"]) != SLOW.model.encode(image).flatten()
    assert codes_differ.double().mean() <= 1 / 100
    assert page.get_by_label(RECONSTRUCTION, exact=True).get_attribute("width") == "72"
