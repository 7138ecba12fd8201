"""Generate, without a browser: what the address says, what the browser may say, and what Python adds."""

import shutil
import sys
from pathlib import Path

import pytest
import torch

from pages.ui import resources
from pages.ui.components.generate import Said, Settings, Written, checked, opened
from pages.ui.shell.url_state import ARRIVAL, STAY
from tests.visiting import text_of, visit
from vqvae import data, prior_file
from vqvae.analysis.neighbours import most_alike
from vqvae.checkpoint import SHIPPED, load
from vqvae.prior import PriorConfig
from vqvae.prior_file import SHIPPED_PRIORS

CONFIG = PriorConfig(num_embeddings=5, height=1, width=3, classes=10)
SAID = {
    "serial": "1:0",
    "fingerprint": "f",
    "settings": Settings(label=3)._asdict(),
    "at": 2,
    "hand": [[0, 1, 4]],
    "sheet": [[0, 1, 2], [4, 4, 4]],
}


def test_a_message_of_the_browser_is_read():
    said = checked(SAID, "f", CONFIG, "1:0")
    assert said.written == Written(Settings(label=3), 2, ((0, 1, 4),))
    assert torch.equal(said.sheet, torch.tensor([[[0, 1, 2]], [[4, 4, 4]]]))


@pytest.mark.parametrize(
    "change",
    [
        {"serial": "2:0"},
        {"fingerprint": "g"},
        {"settings": None},
        {"settings": SAID["settings"] | {"label": 10}},
        {"settings": SAID["settings"] | {"label": True}},
        {"settings": SAID["settings"] | {"order": "<b>"}},
        {"settings": SAID["settings"] | {"temperature": float("nan")}},
        {"settings": SAID["settings"] | {"guidance": 9}},
        {"settings": SAID["settings"] | {"stride": 4}},
        {"settings": SAID["settings"] | {"seed": -1}},
        {"settings": SAID["settings"] | {"source": "elsewhere"}},
        {"settings": SAID["settings"] | {"more": 1}},
        {"at": 4},
        {"at": 1.0},
        {"hand": [[0, 3, 0]]},
        {"hand": [[0, 0, 5]]},
        {"hand": [[0, 0]]},
        {"hand": [[0, 0, 0]] * 4},
    ],
)
def test_a_message_that_no_browser_of_ours_sends_counts_as_none(change):
    assert checked(SAID | change, "f", CONFIG, "1:0") is None


@pytest.mark.parametrize("sheet", ["no", [[0, 1]], [[0, 1, 5]], [[0, 1, True]], [[0, 1, 2]] * 65])
def test_a_sheet_that_is_none_is_left_out(sheet):
    assert checked(SAID | {"sheet": sheet}, "f", CONFIG, "1:0") == Said(
        Written(Settings(label=3), 2, ((0, 1, 4),)), None
    )


@pytest.mark.parametrize(
    "grid", [None, {}, {"fingerprint": "g", "codes": [0, 1, 2]}, {"fingerprint": "f", "codes": [5, 0, 0]}]
)
def test_only_a_grid_of_this_models_codes_is_opened_elsewhere(grid):
    assert opened(grid, "f", CONFIG) is None
    assert torch.equal(opened({"fingerprint": "f", "codes": [4, 0, 1]}, "f", CONFIG), torch.tensor([[4, 0, 1]]))


def test_most_alike_is_the_image_with_most_codes_in_the_same_places():
    codes = torch.tensor([[[0, 1], [2, 3]], [[0, 1], [2, 2]], [[3, 2], [1, 0]]])
    found = most_alike(torch.tensor([[[0, 1], [2, 2]], [[3, 2], [0, 0]]]), codes)
    assert [tuple(one) for one in found] == [(1, 4), (2, 3)]


def test_an_address_is_what_the_browser_begins_with_and_says_again():
    page = visit("generate", **{"class": "3", "temperature": "0.7", "seed": "12", "hand": "0.24.97", "order": "rows"})
    text_of(page)
    assert page.query_params["class"] == ["3"] or page.query_params["class"] == "3"
    start = page.session_state["generate.start"]
    assert start.written == Written(Settings(3, "rows", 0.7, 1, 12), 0, ((0, 24, 97),))


def test_a_first_run_that_was_cut_short_does_not_begin_again_what_is_being_written_by_now():
    page = visit("generate", seed="12")
    before = page.session_state["generate.start"]
    del page.session_state[STAY]  # which a run that comes to its end leaves
    page.session_state[ARRIVAL] = page.session_state[ARRIVAL]._replace(ended=False)
    assert page.run().session_state["generate.start"] == before


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ({"temperature": "9"}, "temperature should be a number from 0.1 to 2"),
        ({"order": "backwards"}, "order should be certain, rows, random or hand"),
        ({"hand": "1.2-3"}, "hand should be steps, cells and codes such as 0.24.97-3.10.5"),
        ({"class": "12"}, "class 12 is left out"),
    ],
)
def test_nonsense_in_an_address_is_one_sentence(address, complaint):
    assert complaint in text_of(visit("generate", **address))


def test_a_hand_that_wrote_codes_of_no_such_cell_is_left_out():
    page = visit("generate", hand="0.77.3")
    assert page.session_state["generate.start"].written.hand == ()


@pytest.mark.parametrize("name", ["default", "tutorial"])
def test_each_shipped_prior_belongs_to_its_model_and_is_small(name):
    found = prior_file.load(SHIPPED_PRIORS[name], load(SHIPPED[name]).fingerprint)
    assert found is not None
    assert found.measured[0].images == 10_000
    assert SHIPPED_PRIORS[name].stat().st_size < 2 * 10**6


def test_the_page_says_what_its_prior_was_measured_on():
    assert "measured on 10,000 test digits of MNIST" in text_of(visit("generate"))


def test_a_model_without_a_prior_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(prior_file, "SHIPPED_PRIORS", {name: tmp_path / name for name in SHIPPED})
    assert "has no prior yet" in text_of(visit("generate"))


@pytest.fixture
def started(monkeypatch):
    """Starts the server anew, with what its owner names."""

    def start(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["app.py", *arguments])
        resources.owner.clear()

    yield start
    resources.owner.clear()


def test_a_prior_beside_the_owners_model_writes(started, tmp_path):
    shutil.copy(SHIPPED["default"], tmp_path / "mine.safetensors")
    shutil.copy(SHIPPED_PRIORS["default"], tmp_path / "mine.prior.safetensors")
    started("--model", str(tmp_path / "mine.safetensors"))
    page = visit("generate")
    assert "measured on 10,000 test digits of MNIST" in text_of(page)
    assert page.session_state["generate.start"].fingerprint == load(SHIPPED["default"]).fingerprint


def test_without_one_the_owner_of_an_adapter_is_told_how_to_train_it(started):
    started("--model", f"{Path(__file__).parents[2] / 'examples' / 'fsq.py'}:make")
    assert "`python -m vqvae prior`, with the same `--model`" in text_of(visit("generate"))


def test_a_damaged_prior_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(prior_file, "SHIPPED_PRIORS", {name: tmp_path / name for name in SHIPPED})
    (tmp_path / "default").write_bytes(b"nothing")
    assert "is not a prior, or is damaged" in text_of(visit("generate"))


def test_the_digits_most_like_a_sheet_are_found_among_the_embedded_ones():
    """A grid that is a training digit's own is shown with that digit, all codes shared."""
    model = load(SHIPPED["default"]).model
    digits = data.load(data.EMBEDDED, "all")
    some = digits.take(torch.tensor([17, 4321]))
    codes = model.encode(digits.images)
    assert [tuple(one) for one in most_alike(model.encode(some.images), codes)] == [(17, 49), (4321, 49)]
