"""Python's half of the canvas: what it sends, what it refuses, what it believes of a browser's answer."""

import base64
import copy
from dataclasses import replace

import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pages.ui import resources
from pages.ui.components.canvas import MAX_CODES, CanvasError, checked, count_products, describe, describe_stack
from pages.ui.shell.canvas_state import KEY
from tests.visiting import visit
from vqvae import data
from vqvae.analysis.neighbours import telling_cells
from vqvae.checkpoint import Checkpoint
from vqvae.model import VQVAE, ModelConfig

SMALL = ModelConfig(num_embeddings=12, embedding_dim=5)


def checkpoint(config: ModelConfig = SMALL) -> Checkpoint:
    return Checkpoint(VQVAE(config).requires_grad_(False).eval(), variance=0.1)


def answer(opened: Checkpoint) -> dict[str, object]:
    """An honest browser's."""
    config = opened.model.config
    C, H, W = config.image_shape
    return {
        "serial": "a:0",
        "fingerprint": opened.fingerprint,
        "pixels": [n % 256 for n in range(C * H * W)],
        "codes": [n % config.num_embeddings for n in range(config.cells)],
        "edits": [-1] * config.cells,
        "cell": -1,
        "step": 0,
    }


def test_a_description_holds_the_models_sizes_and_all_its_weights():
    opened = checkpoint(ModelConfig(channels=3, height=32, width=48, num_embeddings=37, embedding_dim=5))
    description = describe(opened)
    assert [description[name] for name in ("channels", "height", "width", "K", "D")] == [3, 32, 48, 37, 5]
    assert [layer["kind"] for layer in description["encoder"]] == ["conv", "relu", "conv", "relu", "conv"]
    weights = torch.frombuffer(bytearray(base64.b64decode(description["weights"])), dtype=torch.float32)
    assert len(weights) == sum(tensor.numel() for tensor in opened.model.state_dict().values())
    assert torch.equal(weights[-37 * 5 :].view(37, 5), opened.model.vq_layer.codebook)


@pytest.mark.parametrize(
    "layer",
    [
        nn.LeakyReLU(),
        nn.BatchNorm2d(5),
        nn.Conv2d(5, 5, 3, padding=1, groups=5),
        nn.Conv2d(5, 5, 3, padding=2, dilation=2),
        nn.Conv2d(5, 5, 3, padding="same"),
        nn.Conv2d(5, 5, 3, padding=1, padding_mode="reflect"),
    ],
)
def test_a_layer_the_browser_cannot_run_is_refused_in_a_sentence(layer):
    opened = checkpoint()
    opened.model.encoder.convs.append(layer.eval())
    with pytest.raises(CanvasError, match=r"This model .*: expected .*\.$"):
        describe(opened)


def test_a_model_of_more_than_two_million_weights_is_refused_in_a_sentence():
    with pytest.raises(CanvasError, match=r"2\.1 million weights: expected at most 2 million"):
        describe(checkpoint(ModelConfig(num_embeddings=32_000, embedding_dim=64)))


def test_layers_whose_order_only_their_code_knows_are_refused():
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Conv2d(5, 5, 1), nn.Conv2d(5, 5, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.one(x) + self.other(x)

    opened = checkpoint()
    opened.model.encoder.convs.append(Branching())
    with pytest.raises(CanvasError, match="has a layer Branching: expected convolutions"):
        describe(opened)


def test_a_model_of_more_than_sixty_million_multiplications_is_refused_in_a_sentence():
    with pytest.raises(CanvasError, match=r"takes \d+ million multiplications a picture: expected at most 60 million"):
        describe(checkpoint(ModelConfig(height=128, width=128)))


def test_multiplications_are_those_that_torch_counts():
    opened = checkpoint(ModelConfig(channels=3, height=16, width=12, num_embeddings=7, embedding_dim=5))
    with FlopCounterMode(display=False) as counter:
        opened.model.reconstruct(torch.rand(1, 3, 16, 12))
    encoder, decoder = (describe_stack(stack).layers for stack in (opened.model.encoder, opened.model.decoder))
    counted = count_products(encoder, (16, 12)) + count_products(decoder, (4, 3)) + 4 * 3 * 7 * 5
    assert counted == counter.get_total_flops() / 2


def test_an_honest_answer_becomes_a_drawing_of_the_models_shape():
    opened = checkpoint(ModelConfig(channels=3, height=8, width=12, num_embeddings=4, embedding_dim=2))
    drawing = checked(answer(opened), opened, "a:0")
    assert drawing.pixels.shape == (3, 8, 12)
    assert drawing.pixels[:, 0, 1].tolist() == [3, 4, 5]  # channels came last
    assert drawing.codes.tolist() == [[0, 1, 2], [3, 0, 1]]
    assert (drawing.cell, drawing.step) == (None, 0)


@pytest.mark.parametrize(
    "lie",
    [
        {"fingerprint": "0" * 12},
        {"serial": "b:0"},
        {"serial": None},
        {"pixels": None},
        {"pixels": []},
        {"pixels": [0] * 783},
        {"pixels": [0] * 785},
        {"pixels": [256] + [0] * 783},
        {"pixels": [-1] + [0] * 783},
        {"pixels": [0.5] + [0] * 783},
        {"pixels": [True] + [0] * 783},
        {"pixels": ["0"] * 784},
        {"pixels": "0" * 784},
        {"pixels": [[0]] * 784},
        {"pixels": [10**400] + [0] * 783},
        {"pixels": {"0": 0}},
        {"codes": None},
        {"codes": [0] * 48},
        {"codes": [12] + [0] * 48},
        {"codes": [-1] + [0] * 48},
        {"codes": [None] * 49},
        {"edits": None},
        {"edits": [12] + [0] * 48},
        {"edits": [-2] + [0] * 48},
        {"cell": 49},
        {"cell": None},
        {"cell": "4"},
        {"step": 8},
        {"step": True},
    ],
)
def test_a_hostile_answer_is_ignored(lie):
    opened = checkpoint()
    assert checked(answer(opened), opened, "a:0") is not None
    assert checked(answer(opened) | lie, opened, "a:0") is None


@pytest.mark.parametrize("nonsense", [None, 7, "text", [], {}, {"pixels": []}])
def test_an_answer_that_is_no_message_is_ignored(nonsense):
    assert checked(nonsense, checkpoint(), "a:0") is None


# The page


def draw() -> AppTest:
    return visit("draw")


def test_the_page_names_the_digit_on_the_canvas():
    page = draw()
    assert not page.exception
    assert "On the canvas: digit" in page.caption[0].value


def test_picking_a_digit_by_number_puts_it_on_the_canvas_and_into_the_address():
    page = draw()
    page.number_input(key="draw.typed.digit").set_value(77).run()
    assert "digit 77" in page.caption[0].value
    assert page.query_params["digit"] == "77"


def test_a_random_digit_is_another_one():
    page = draw()
    before = page.session_state["digit"]
    page.button(key="draw.random").click().run()
    assert page.session_state["digit"] != before


def test_every_new_digit_has_a_serial_of_its_own_and_every_session_its_own_serials():
    page = draw()
    before = page.session_state[KEY].revision
    page.number_input(key="draw.typed.digit").set_value(77).run()
    assert page.session_state[KEY].revision == before._replace(pictures=before.pictures + 1)
    assert draw().session_state[KEY].revision.session != before.session


@pytest.fixture
def too_large(monkeypatch):
    """Every model is, for a browser."""
    import pages.ui.components.canvas as canvas

    monkeypatch.setattr(canvas, "MAX_WEIGHTS", 10)
    resources.not_in_browser.clear()
    yield
    resources.not_in_browser.clear()  # what it found holds here alone


@pytest.mark.usefixtures("too_large")
def test_a_model_the_browser_cannot_run_is_run_by_the_server():
    page = draw()
    assert not page.exception
    assert not page.error
    assert "draw.served.answer" in page.session_state


@pytest.mark.usefixtures("too_large")
def test_a_cell_from_a_link_stays_chosen_where_the_server_runs_the_model():
    page = visit("draw", cell="8")
    assert page.query_params["cell"] == "8"
    assert page.session_state["draw.served.answer"][1].near


def test_describing_a_model_leaves_it_as_it_was():
    opened = checkpoint()
    before = copy.deepcopy(opened.model.state_dict())
    describe(opened)
    assert all(torch.equal(before[name], tensor) for name, tensor in opened.model.state_dict().items())


def test_the_digits_that_use_a_code_bear_out_which_class_uses_it_most():
    opened = resources.checkpoint("default")
    described, labels = resources.examples(opened, resources.EMBEDDED), resources.digits().labels
    encoded = resources.encoded(opened, resources.EMBEDDED)
    for code, favourite in enumerate(described["favourite"]):
        shown = labels[telling_cells(encoded, code, 10)[:, 0]]
        assert len(described["of"][code]) == len(shown)
        by_class = torch.bincount(shown, minlength=10)
        assert by_class[favourite] == by_class.max()
        assert shown[0] == favourite


def test_a_codebook_too_large_for_a_palette_is_the_servers():
    model = VQVAE(ModelConfig(num_embeddings=MAX_CODES + 1, embedding_dim=2))
    with pytest.raises(CanvasError, match="4,097 codes: expected at most 4,096"):
        describe(Checkpoint(model.eval(), 0.1))


@pytest.mark.parametrize(
    ("dataset", "noun"),
    [("mnist", "digit"), (data.EMBEDDED, "digit"), (None, "digit"), ("fashion-mnist", "picture"), ("cats", "picture")],
)
def test_what_a_models_pictures_are_called_follows_what_it_was_trained_on(dataset, noun):
    opened = replace(checkpoint(), dataset=dataset)
    assert describe(opened)["noun"] == noun


def test_pictures_of_another_size_than_mnists_are_no_digits_unless_the_model_says_so():
    assert describe(checkpoint(replace(SMALL, height=32, width=32)))["noun"] == "picture"
