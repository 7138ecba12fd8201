"""What Draw's page adds to the canvas, with the browser's answers put into its mouth; gestures: tests/browser."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from pages.ui import resources
from pages.ui.components import canvas as component
from pages.ui.shell.canvas_state import KEY, Source
from pages.ui.shell.digit_field import DIGIT
from pages.ui.shell.words import article
from tests.visiting import forget_images, html_of, text_of, visit
from vqvae import data
from vqvae.checkpoint import Checkpoint
from vqvae.data import DataError
from vqvae.model import VQVAE, ModelConfig
from vqvae.photo import centred


@pytest.fixture
def canvas(monkeypatch) -> dict[str, torch.Tensor]:
    """What is drawn on the canvas: change its `pixels` between two runs; without any, what was `put` there."""
    held: dict[str, torch.Tensor] = {}

    def browser(data, **_):
        checkpoint = resources.checkpoint(st.session_state["model"])
        config = checkpoint.model.config
        put = torch.tensor(data["set"]["pixels"], dtype=torch.uint8).view(config.height, config.width, config.channels)
        held["put"] = put.permute(2, 0, 1)
        pixels = held.get("pixels", held["put"])
        drawing = {
            "serial": data["set"]["serial"],
            "fingerprint": checkpoint.fingerprint,
            "pixels": pixels.permute(1, 2, 0).flatten().tolist(),
            "codes": checkpoint.model.encode(pixels.unsqueeze(0) / 255).flatten().tolist(),
            "edits": [-1] * config.cells,
            "cell": -1,
            "step": 0,
        }
        return SimpleNamespace(drawing=drawing, prior=None)

    monkeypatch.setattr(component, "_component", browser)
    return held


def draw(**address: str) -> AppTest:
    page = visit("draw", **address)
    assert not page.exception
    return page


def test_the_only_image_of_its_class_stays_where_it_is_when_another_is_wished(monkeypatch, request):
    forget_images()
    request.addfinalizer(forget_images)
    digits = data.load(data.EMBEDDED, "all").take(torch.tensor([3, 2000, 2001]))
    lonely = replace(digits, labels=torch.tensor([0, 1, 1]))
    monkeypatch.setattr(resources, "digits", lambda checkpoint=None: lonely)
    page = draw(digit="0")
    page.pills(key="draw.class").set_value(None).run()  # the class shown is pressed again
    assert not page.exception
    assert page.session_state["digit"] == 0
    monkeypatch.setattr(resources, "digits", lambda checkpoint=None: digits.take(slice(1)))
    forget_images()
    page = draw(digit="0")
    assert page.button(key="draw.random").disabled


def put(page: AppTest, pixels: torch.Tensor) -> None:
    """Put a picture of one's own on the canvas, as a photograph is put there."""
    held = page.session_state[KEY]
    page.session_state[KEY] = held.put(Source(held.source.digit, "your picture", pixels))


def near(page: AppTest) -> list:
    return [button for button in page.button if (button.key or "").startswith("draw.near.")]


def test_an_embedded_digit_is_left_out_of_its_own_comparison(canvas):
    page = draw(digit="77")
    assert "This is digit 77 itself, which is left out" in text_of(page)
    assert "the 4,999 others of the 5,000 embedded digits (from MNIST's training set)" in text_of(page)
    assert len(near(page)) == 5


def test_a_drawing_is_compared_with_all_digits_in_words(canvas):
    canvas["pixels"] = torch.randint(0, 256, (1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    page = draw()
    assert "Compared with the 5,000 embedded digits" in text_of(page)
    assert "larger than that of <b>100%</b> of the 5,000 digits" in html_of(page)
    assert "Very hard to reconstruct." in html_of(page)


def test_an_empty_canvas_is_compared_with_nothing(canvas):
    canvas["pixels"] = torch.zeros(1, 28, 28, dtype=torch.uint8)
    page = draw()
    assert "The canvas is empty" in text_of(page)
    assert not near(page)


def test_a_nearest_digit_opens_on_the_canvas(canvas):
    page = draw(digit="77")
    help_text = near(page)[0].help
    near(page)[0].click().run()
    digit = page.session_state["digit"]
    assert digit != 77
    label = int(resources.digits().labels[digit])
    assert f"Open digit {digit:,}, {article(str(label))} {label};" in help_text
    assert torch.equal(canvas["put"], resources.digits().pixels[digit])
    assert page.number_input(key="draw.typed.digit").value == digit


def test_digits_that_cannot_be_measured_are_one_calm_sentence(canvas, monkeypatch):
    def broken(checkpoint, source):
        raise DataError("The file is damaged.")

    monkeypatch.setattr(resources, "crowd", SimpleNamespace(shown=broken))
    page = draw()
    assert "There is nothing to compare your digit with." in page.error[0].value


# The same centring as MNIST's, for a drawing


def test_a_drawing_is_offered_centred_and_put_on_the_canvas_when_asked(canvas):
    canvas["pixels"] = torch.zeros(1, 28, 28, dtype=torch.uint8)
    canvas["pixels"][:, 2:9, 2:5] = 255
    page = draw()
    page.toggle(key="draw.centring").set_value(True).run()
    assert torch.equal(canvas["put"], resources.digits().pixels[page.session_state["digit"]])  # not yet
    before = page.session_state[KEY].revision
    page.button(key="draw.centre").click().run()
    assert torch.equal(canvas["put"], centred(canvas["pixels"], ModelConfig()))
    assert page.session_state[KEY].revision == before._replace(pictures=before.pictures + 1)
    canvas["pixels"] = canvas["put"]
    page.run()
    assert "On the canvas: your drawing, centred as MNIST does." in text_of(page)
    assert "Your drawing is already centred as MNIST does." in text_of(page)


def test_a_digit_picked_after_a_picture_of_ones_own_takes_its_place(canvas):
    page = draw()
    put(page, torch.full((1, 28, 28), 9, dtype=torch.uint8))
    page.run()
    assert canvas["put"].unique().tolist() == [9]
    page.number_input(key="draw.typed.digit").set_value(77).run()
    assert torch.equal(canvas["put"], resources.digits().pixels[77])


def test_a_picture_of_ones_own_takes_the_size_of_another_model(canvas, monkeypatch):
    model = VQVAE(ModelConfig(channels=3, height=32, width=48, num_embeddings=12, embedding_dim=5))
    wide = Checkpoint(model.requires_grad_(False).eval(), variance=0.1)
    page = draw()
    put(page, torch.zeros(1, 28, 28, dtype=torch.uint8))
    monkeypatch.setattr(resources, "checkpoint", lambda name: wide)
    page.run()
    assert not page.exception
    assert canvas["put"].shape == (3, 32, 48)


def test_the_interpolation_between_two_digits_takes_what_is_on_the_canvas(canvas):
    page = draw(digit="77")
    page.toggle(key="draw.between").set_value(True).run()
    assert draw(**page.query_params).toggle(key="draw.between").value  # a reload keeps it
    assert page.number_input(key="draw.interpolation.A").value == 77
    assert page.number_input(key="draw.interpolation.B").value == 2577
    page.button(key="draw.interpolation.take.B").click().run()
    assert torch.equal(page.session_state["draw.interpolation.taken.B"], resources.digits().pixels[77])
    page.number_input(key="draw.interpolation.B").set_value(5).run()
    assert "draw.interpolation.taken.B" not in page.session_state


def test_a_number_that_no_digit_has_says_which_there_are_and_what_was_there_stays(canvas):
    page = draw(digit="77", between="True")
    for key in ("draw.typed.digit", "draw.interpolation.B"):
        page.number_input(key=key).set_value(5_000).run()
        assert not page.exception
        assert [error.value for error in page.error] == ["5,000 is out of range: 0 to 4,999."]
        page.number_input(key=key).set_value(78).run()
        assert not page.error
    assert page.session_state["digit"] == 78
    page.number_input(key="draw.typed.digit").set_value(5_000).run()
    assert page.session_state["digit"] == 78
    assert page.query_params["digit"] in ("78", ["78"])


@pytest.fixture
def beyond(canvas) -> AppTest:
    """Draw with a number picked that the model's own images have, and the embedded digits have not."""
    page = draw(model="photos")
    page.session_state["digit"] = 6500
    page.run()
    assert torch.equal(canvas["put"], resources.digits(resources.checkpoint("photos")).pixels[6500])
    return page


def test_a_number_that_another_models_images_lack_is_let_go_of_in_a_sentence(beyond):
    beyond.session_state["model"] = "default"
    beyond.run()
    assert "There is no digit 6,500 here: the digits are numbered 0 to 4,999." in text_of(beyond)
    assert beyond.session_state["digit"] == DIGIT.usual
    assert "digit" not in beyond.query_params


def test_a_drawing_stays_where_its_digits_number_is_let_go_of(beyond):
    drawing = torch.full((3, 32, 32), 200, dtype=torch.uint8)
    put(beyond, drawing)
    beyond.session_state["model"] = "default"
    beyond.run()
    assert not beyond.exception
    assert torch.equal(beyond.session_state[KEY].source.pixels, drawing)


def test_a_digit_replaces_one_that_another_models_images_alone_have(canvas, beyond):
    beyond.session_state["model"], beyond.session_state["digit"] = "default", 5
    beyond.run()
    assert not beyond.exception
    assert torch.equal(canvas["put"], resources.digits().pixels[5])


@pytest.mark.parametrize(("dataset", "strokes"), [("kmnist", True), ("flowers", False)])
def test_grey_images_that_are_no_digits_are_brought_whole_or_as_strokes(dataset, strokes, monkeypatch):
    other = replace(resources.checkpoint("default"), dataset=dataset)
    monkeypatch.setattr(resources, "checkpoint", lambda name: other)
    page = visit("draw")
    page.button(key="draw.own.ask").click().run()
    assert page.toggle(key="draw.strokes").value is strokes
    said = text_of(page)
    assert ("Write one character large" in said) is strokes
    assert ("Its middle is cut out" in said) is not strokes
