"""A picture of one's own, from the file to the canvas."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.browser.hand import blank, drawing, open_draw, press, settled, stroke, until, upload
from vqvae import data


@pytest.fixture
def page(tab):
    """One page for all tests: each begins with Start over, which a dialog left open would cover."""
    yield tab
    tab.keyboard.press("Escape")
    tab.get_by_role("dialog").wait_for(state="detached")


def photograph(number: int) -> bytes:
    """An embedded digit in dark ink on light paper, as a JPEG."""
    digit = Image.fromarray(data.load(data.EMBEDDED, "all").pixels[number, 0].numpy()).resize((300, 300))
    paper = np.full((400, 520), 210.0)
    paper[50:350, 100:400] -= 0.7 * np.asarray(digit)
    content = io.BytesIO()
    Image.fromarray(paper.clip(0, 255).astype(np.uint8)).save(content, "JPEG")
    return content.getvalue()


def bring(page, content: bytes, name: str = "digit.jpg") -> None:
    press(page, "Bring your own")
    upload(page, {"name": name, "mimeType": "image/jpeg", "buffer": content})


def test_a_photograph_shows_its_steps_and_goes_onto_the_canvas(page):
    open_draw(page)
    before = drawing(page)
    bring(page, photograph(77))
    for step in ("As taken", "Turned", "Grey", "Ink found", "Cut out", "20 × 20", "Centred"):
        page.get_by_role("img", name=step).wait_for()
    press(page, "Put it on the canvas")
    page.get_by_text("On the canvas: your picture, centred as MNIST does").wait_for()
    until(lambda: drawing(page) != before, "the picture on the canvas")
    original = data.load(data.EMBEDDED, "all").pixels[77].flatten().numpy() / 255
    assert np.mean((np.array(drawing(page).pixels) / 255 - original) ** 2) < 0.03
    settled(page)
    press(page, "Undo")
    assert drawing(page) == before


def test_a_model_of_photographs_gets_the_picture_itself(page):
    open_draw(page, "/draw?model=photos")
    assert not page.get_by_text("Centre my drawing as MNIST does").count()
    red = io.BytesIO()
    Image.new("RGB", (300, 200), (200, 30, 30)).save(red, "PNG")
    bring(page, red.getvalue(), "red.png")
    for step in ("As taken", "Turned", "Cut out", "32 × 32"):
        page.get_by_role("img", name=step).wait_for()
    press(page, "Put it on the canvas")
    page.get_by_text("On the canvas: your picture.").wait_for()
    assert set(drawing(page).pixels) == {200}  # its red


def test_a_file_that_is_no_picture_gets_one_sentence(page):
    open_draw(page)
    bring(page, b"This is no picture at all.")
    page.get_by_text("This file cannot be read as a picture: expected a PNG, JPEG or WebP.").wait_for()
    assert not page.get_by_role("button", name="Put it on the canvas").count()


def test_a_drawing_is_offered_centred_and_undo_brings_it_back(page):
    open_draw(page)
    page.get_by_text("Centre my drawing as MNIST does").click()
    page.get_by_text("Your drawing is already centred as MNIST does.").wait_for()
    blank(page)
    stroke(page, (0.1, 0.1), (0.1, 0.4))
    before = drawing(page)
    settled(page)
    assert drawing(page) == before  # nothing moves under the pen
    press(page, "Centre it")
    until(lambda: drawing(page) != before, "the centred drawing")
    assert drawing(page).at(0.5, 0.5) > 128
    settled(page)
    page.get_by_text("Your drawing is already centred as MNIST does.").wait_for()
    press(page, "Undo")
    assert drawing(page) == before
