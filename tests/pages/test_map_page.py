"""The Map page's logic, its figures and the scatter's messages; what needs a pointer is in tests/browser."""

import base64
import gzip
import io
import json
import re
import time

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.ui import resources
from pages.ui.charts import pictures
from pages.ui.components import scatter
from pages.ui.components.canvas import Drawing
from pages.ui.map.coloring import by_error, by_most_use
from pages.ui.shell.canvas_state import KEY, Canvas, Now, Revision, Source
from tests.visiting import html_of, text_of, visit
from vqvae import checkpoint as checkpoints
from vqvae import data
from vqvae.analysis import projection, shipped
from vqvae.analysis.projection import MapJobs, MapSettings
from vqvae.background.array_cache import ArrayCache
from vqvae.checkpoint import Checkpoint
from vqvae.model import VQVAE, ModelConfig
from vqvae.receptive_field import ReceptiveField
from vqvae.runs.visitor import new_token


def open_page(**address: str) -> AppTest:
    """The page in a new session, as from a link with these fields."""
    return visit("map", **address)


def buttons_of(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


@pytest.fixture
def runs(monkeypatch, tmp_path) -> MapJobs:
    runs = MapJobs(ArrayCache(tmp_path / "maps"))
    monkeypatch.setattr(resources, "maps", lambda: runs)
    return runs


@pytest.fixture(params=[{"num_embeddings": 12, "embedding_dim": 5}], ids=["small"])
def model(request, monkeypatch, runs) -> Checkpoint:
    """A random model and a hundred digits under the names of the default ones."""
    config = ModelConfig(**request.param)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        checkpoint = Checkpoint(VQVAE(config).requires_grad_(False).eval(), variance=0.1)
    few = data.fitted(data.load(data.EMBEDDED, "all").take(torch.arange(0, 5000, 50)), config)
    monkeypatch.setattr(resources, "checkpoint", lambda name: checkpoint)
    monkeypatch.setattr(resources, "fitted_digits", lambda *_: few)
    monkeypatch.setattr(resources, "available_digits", lambda: {"embedded": resources.EMBEDDED})
    cached = resources.encoded, resources.usage, resources.reconstructions, resources.sheet, resources.tile_sheet
    for each in (*cached, resources.principal_components, resources.tiles):
        each.clear()
    return checkpoint


EVERY_MAP = [
    {"show": "digits"},
    {"show": "digits", "method": "pca"},
    {"by": "continuous", "method": "pca", "color": "error"},
    {"by": "histogram", "method": "pca"},
    {"show": "codes", "method": "pca"},
    {"show": "cells", "method": "pca", "color": "code"},
]


@pytest.mark.parametrize("address", EVERY_MAP, ids=lambda address: " ".join(address.values()))
def test_every_map_opens_by_its_address(model, address):
    page = open_page(**address)
    text_of(page)
    assert [title.value for title in page.title] == ["Map"]
    said = {name: value if isinstance(value, str) else value[0] for name, value in page.query_params.items()}
    assert said == {name: value for name, value in address.items() if value != "digits"}


@pytest.mark.parametrize(
    "model",
    [
        {"channels": 3, "height": 32, "width": 48, "num_embeddings": 300, "embedding_dim": 6},
        {"num_embeddings": 1, "embedding_dim": 1},
        {"num_embeddings": 128, "embedding_dim": 3, "levels": (8, 4, 4)},
    ],
    ids=["colour", "one code", "FSQ"],
    indirect=True,
)
@pytest.mark.parametrize("show", ["digits", "codes", "cells"])
def test_models_of_other_sizes_walk_through(model, show):
    text_of(open_page(show=show, method="pca"))


def test_on_a_stage_the_map_says_what_it_is_and_which_digits_it_shows(model):
    text = text_of(open_page(present="1", method="pca"))
    assert "The two leading principal components of 100 digits" in text
    assert "Measured on 100 embedded digits" in text
    assert "not computed yet" in text_of(open_page(present="1"))


def test_on_a_stage_a_picked_code_does_not_take_the_place_of_what_the_map_is(model):
    text = text_of(open_page(present="1", method="pca", code="7"))
    assert "Code 7 is picked." in text
    assert "principal components" in text


def test_digits_wait_to_be_asked_for_and_show_where_they_start(model):
    page = open_page()
    assert "not computed yet" in text_of(page)
    assert any(label.startswith("Compute t-SNE") for label in buttons_of(page))


def test_a_map_is_computed_when_asked_for_and_then_shown(model, runs):
    page = open_page()
    page.button(key="map.ask").click().run()
    deadline = time.monotonic() + 60
    while "neighbourhood size 30" not in text_of(page) and time.monotonic() < deadline:
        time.sleep(0.3)
        page.run()
    assert "t-SNE of 100 digits by their quantised latents; neighbourhood size 30, seed 0." in text_of(page)
    assert len(list(runs.cache.folder.glob("*.npz"))) == 1
    assert "neighbourhood size 30" in text_of(open_page())  # another visitor finds it done


def test_a_run_can_be_cancelled(model, monkeypatch):
    def forever(vectors, _neighbourhood, _seed, watch):
        while watch(0.5, vectors[:, :2]):
            time.sleep(0.01)
        raise projection.CancelledError

    monkeypatch.setattr(projection, "tsne", forever)
    page = open_page()
    page.button(key="map.ask").click().run()
    assert "Cancel" in buttons_of(page)
    page.button(key="map.cancel").click().run()
    assert "Cancel" not in buttons_of(page)
    assert "not computed yet" in text_of(page)


def test_what_fails_is_one_sentence(model, monkeypatch):
    def fail(*_):
        raise MemoryError("no room")

    monkeypatch.setattr(projection, "tsne", fail)
    page = open_page()
    page.button(key="map.ask").click().run()
    deadline = time.monotonic() + 30
    while not page.error and time.monotonic() < deadline:
        time.sleep(0.1)
        page.run()
    assert "could not be computed (MemoryError: no room)" in text_of(page)


def test_nonsense_in_the_address_is_one_sentence(model):
    page = open_page(show="everything", neighbours="1", seed="-4", points="5", method="pca")
    text = text_of(page)
    for name in ("show", "neighbours", "seed", "points"):
        assert f"{name} should be" in text


def test_a_code_that_there_is_not_is_one_sentence(model):
    assert "There is no code 12 here" in text_of(open_page(show="codes", method="pca", code="12"))


def test_a_code_picked_elsewhere_opens_in_the_panel(model):
    assert "Code 7" in text_of(open_page(show="codes", method="pca", code="7"))


def test_a_selection_fills_the_panel(model):
    page = open_page(method="pca")
    assert "All digits" in text_of(page)
    chosen = np.array([0, 1, 99])
    page.session_state["map.digits.embedded.0.selected"] = scatter.Selected(1, chosen)
    page.run()
    nmse = resources.reconstructions(model, resources.EMBEDDED).nmse
    assert "3 selected" in text_of(page)
    assert f"Mean NMSE **{float(nmse[chosen].mean()):.3f}** · all digits {float(nmse.mean()):.3f}" in text_of(page)


def test_a_selection_survives_other_colours_and_layouts(model):
    page = open_page(method="pca")
    page.session_state["map.digits.embedded.0.selected"] = scatter.Selected(1, np.array([4, 5]))
    page.run()
    page.session_state["map.color"] = "error"
    page.session_state["map.by"] = "histogram"
    page.run()
    assert "2 selected" in text_of(page)


def test_starting_over_forgets_the_selection(model):
    page = open_page(method="pca")
    page.session_state["map.digits.embedded.0.selected"] = scatter.Selected(1, np.array([4, 5]))
    page.run()
    page.button(key="restart").click().run()
    assert "All digits" in text_of(page)


@pytest.mark.parametrize(
    "message",
    [
        None,
        "everything",
        {"ids": [1]},
        {"revision": 0, "ids": [1]},
        {"revision": 3, "ids": [100]},
        {"revision": 3, "ids": [-1]},
        {"revision": 3, "ids": [1.5]},
        {"revision": 3, "ids": [True]},
        {"revision": 3, "ids": ["1"]},
        {"revision": 3, "ids": [0] * 101},
        {"revision": 3, "ids": {"0": 1}},
    ],
    ids=str,
)
def test_a_message_that_says_nothing_sensible_is_ignored(message):
    assert scatter._heard(message, 3, 100) is None


def test_a_selection_from_the_browser_is_taken_over():
    assert scatter._heard({"revision": 3, "ids": [9, 2, 2]}, 3, 100).tolist() == [2, 9]
    assert scatter._heard({"revision": 3, "ids": []}, 3, 100).tolist() == []


def test_a_sheet_holds_every_picture_and_code():
    generator = torch.Generator().manual_seed(0)
    digits = torch.randint(0, 256, (7, 3, 8, 12), generator=generator, dtype=torch.uint8)
    codes = torch.randint(0, 300, (7, 2, 3), generator=generator)
    field = ReceptiveField((7, 7), (4, 4), (-3, -3))
    tiles = torch.zeros(300, 3, 2, 2, dtype=torch.uint8)
    sheet = gzip.decompress(scatter.make_sheet("name", digits, 255 - digits, codes, torch.rand(7), tiles, field))
    size = int.from_bytes(sheet[:4], "little")
    header = json.loads(sheet[4 : 4 + size])
    parts, at = {}, 4 + size
    for name, length in header["parts"]:
        parts[name], at = sheet[at : at + length], at + length
    assert at == len(sheet)
    assert np.frombuffer(parts["codes"], "<u2").tolist() == codes.flatten().tolist()
    picture = torch.from_numpy(np.array(Image.open(io.BytesIO(parts["reconstructions"]))))
    for index in range(7):
        top, left = index // header["columns"] * 8, index % header["columns"] * 12
        assert torch.equal(picture[top : top + 8, left : left + 12].permute(2, 0, 1), 255 - digits[index])


def test_codes_wear_the_colour_of_the_digit_that_uses_them_most_and_are_larger_where_used_more(model):
    by_class = torch.zeros(10, 3, dtype=torch.int64)
    by_class[4, 0], by_class[9, 0], by_class[2, 1] = 100, 50, 10
    coloring = by_most_use(by_class, data.TEN)
    assert coloring.colors.tolist() == [4, 2, 10]
    assert coloring.entries == (("2", 2), ("4", 4), ("dead", 10))
    sheet = gzip.decompress(resources.tile_sheet(model, resources.EMBEDDED))
    header = json.loads(sheet[4 : 4 + int.from_bytes(sheet[:4], "little")])
    total = resources.usage(model, resources.EMBEDDED).all_cells.total
    assert np.argsort(header["sizes"])[-1] == int(total.argmax())
    assert [words == "dead: no cell takes it" for words in header["said"]] == (total == 0).tolist()


def test_errors_are_coloured_from_least_to_most():
    nmse = torch.linspace(0.01, 1, 200)
    coloring = by_error(nmse, nmse)
    assert (np.diff(coloring.colors) >= 0).all()
    assert set(coloring.colors) == set(range(len(coloring.palette)))


def test_stacks_are_one_picture():
    digits = (torch.arange(5, dtype=torch.uint8) + 1).view(5, 1, 1, 1).expand(5, 1, 28, 28)
    html = pictures.stacks((digits, 50 * digits), 3, "title")
    assert html.count("<img") == 1
    encoded = re.search(r'src="data:image/png;base64,([^"]+)"', html)[1]
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("LA"))
    assert picture.shape[:2] == (2 * 56 + 4, 3 * 28 + 2 * 2)  # rows four pixels apart, columns two
    for at in range(5):
        top, left = at // 3 * 60, at % 3 * 30
        assert (picture[top : top + 28, left : left + 28] == [at + 1, 255]).all()
        assert (picture[top + 28 : top + 56, left : left + 28] == [50 * (at + 1), 255]).all()
    assert not picture[60:, 60:, 1].any()  # there is no sixth pair


@pytest.mark.parametrize("name", checkpoints.SHIPPED)
@pytest.mark.parametrize("space", projection.SPACES)
def test_the_default_maps_of_shipped_models_are_shipped(name, space):
    """`python -m vqvae map` writes them: needed again after each change of a shipped checkpoint."""
    checkpoint, digits = checkpoints.load(checkpoints.SHIPPED[name]), data.load(data.EMBEDDED, "all")
    settings = MapSettings(space)
    config = checkpoint.model.config
    count = len(projection.points_of(settings, len(digits), config.cells, config.num_embeddings).indices)
    key = projection.content_key(checkpoint.fingerprint, digits, settings)
    assert shipped.find("maps", key, (count, 2)) is not None


def test_a_search_selects_what_it_finds(model):
    page = open_page(method="pca")
    page.text_input(key="map.find").set_value("class 3 and worst 4").run()
    assert "“class 3 and worst 4”: 4 of 100 digits selected." in text_of(page)
    assert "4 selected" in text_of(page)
    page.text_input(key="map.find").set_value("").run()
    assert "All digits" in text_of(page)


def test_a_search_that_cannot_be_understood_is_one_sentence(model):
    page = open_page(method="pca")
    page.text_input(key="map.find").set_value("<b>all of them</b>").run()
    assert "This search was not understood: expected something like" in text_of(page)
    assert "All digits" in text_of(page)


def test_a_search_among_single_cells_selects_cells(model):
    page = open_page(method="pca", show="cells", points="3000")
    codes = resources.encoded(model, resources.EMBEDDED).codes
    code = int(codes.flatten().bincount().argmax())
    page.text_input(key="map.find").set_value(f"code {code} row 2").run()
    assert not page.exception
    chosen = scatter.Selected(*page.session_state["map.cells.embedded.0.selected"]).ids
    cells = model.model.config.cells
    assert len(chosen)
    for one in chosen.tolist():
        assert codes[one // cells].flatten()[one % cells] == code
        assert one % cells // model.model.config.grid[1] == 1


def test_a_code_picked_on_another_page_selects_the_digits_that_use_it(model):
    codes = resources.encoded(model, resources.EMBEDDED).codes.flatten(1)
    code = int(codes[0, 0])
    users = int((codes == code).any(1).sum())
    page = open_page(method="pca", code=str(code))
    assert f"Code {code} is picked." in text_of(page)
    assert f"{users} selected" in text_of(page)


def again(page: AppTest) -> AppTest:
    """The page after F5, or for somebody who was given the link: a new session at the same address."""
    return open_page(
        **{name: value if isinstance(value, str) else value[0] for name, value in page.query_params.items()}
    )


CANVAS = "map.digits.embedded.0.selected"


def test_a_search_outlives_a_reload_with_its_words(model):
    page = open_page(method="pca")
    page.text_input(key="map.find").set_value("class 3 and worst 4").run()
    found = page.session_state[CANVAS].ids.tolist()
    page = again(page)
    assert page.session_state[CANVAS].ids.tolist() == found
    assert page.text_input(key="map.find").value == "class 3 and worst 4"
    assert "“class 3 and worst 4”: 4 of 100 digits selected." in text_of(page)


def test_the_row_of_a_code_outlives_a_reload(model):
    code = int(resources.encoded(model, resources.EMBEDDED).codes[0, 2, 0])
    page = open_page(method="pca")
    page.text_input(key="map.find").set_value(f"code {code} row 3").run()
    assert f"“code {code} row 3”" in text_of(again(page))


def test_a_lasso_outlives_a_reload_to_the_point(model):
    page = open_page(method="pca", by="continuous")
    settings = MapSettings("continuous", "pca")
    positions = resources.principal_components(model, resources.EMBEDDED, settings)
    lasso = ((500, 500), (3500, 700), (2900, 3000), (900, 2400))
    inside = np.flatnonzero(scatter.inside(positions, lasso))
    assert 0 < len(inside) < 100
    page.session_state[CANVAS] = scatter.Selected(0, inside, lasso)
    page.run()
    assert "500.500_3500.700_2900.3000_900.2400" in page.query_params["lasso"]
    assert again(page).session_state[CANVAS].ids.tolist() == inside.tolist()
    page.session_state["map.by"] = "histogram"  # there the same digits lie elsewhere
    page.run()
    assert "lasso" not in page.query_params


def test_points_picked_by_hand_and_a_whole_class_outlive_a_reload(model):
    page = open_page(method="pca")
    page.session_state[CANVAS] = scatter.Selected(0, np.array([3, 17, 42]))
    page.run()
    assert "3 selected" in text_of(again(page))
    labels = resources.fitted_digits(model).labels
    page.session_state[CANVAS] = scatter.Selected(0, np.flatnonzero(labels.numpy() == 7))
    page.run()
    assert page.text_input(key="map.find").value == "class 7"


def test_a_selection_that_no_link_can_hold_is_said_where_the_link_is_given(model):
    page = open_page(method="pca")
    page.session_state[CANVAS] = scatter.Selected(0, np.arange(80))
    page.run()
    page.button(key="share.ask").click().run()
    assert "The selection is not in the link" in text_of(page)


def test_selected_codes_outlive_a_reload_and_one_alone_is_picked(model):
    page = open_page(show="codes", method="pca")
    page.session_state["map.codes.embedded.0.selected"] = scatter.Selected(0, np.array([2, 5]))
    page.run()
    assert "2 codes selected" in text_of(again(page))
    page.session_state["map.codes.embedded.0.selected"] = scatter.Selected(0, np.array([5]))
    page.run()
    assert page.session_state["code"] == 5
    page.session_state["map.show"] = "digits"  # among which those that use it are selected then
    page.run()
    assert "Code 5 is picked." in text_of(page)


@pytest.mark.parametrize("model", [{"num_embeddings": 600, "embedding_dim": 5}], ids=["many codes"], indirect=True)
def test_of_many_codes_the_panel_draws_some_evenly_spaced(model):
    page = open_page(show="codes", method="pca")
    assert "256 of 600, evenly spaced." in text_of(page)
    drawn = re.findall("Tile of code (\\d+)", html_of(page))
    assert len(drawn) == len(set(drawn)) == 256
    assert {"0", "597"} <= set(drawn)


def test_a_map_that_is_being_computed_is_shown_again_after_a_reload(model, monkeypatch):
    def forever(vectors, _neighbourhood, _seed, watch):
        while watch(0.5, vectors[:, :2]):
            time.sleep(0.01)
        raise projection.CancelledError

    monkeypatch.setattr(projection, "tsne", forever)
    token = new_token()
    page = visit("map", token=token)
    page.button(key="map.ask").click().run()
    page = visit("map", token=token)
    assert "Cancel" in buttons_of(page)
    page.button(key="map.cancel").click().run()
    assert "Cancel" not in buttons_of(page)


@pytest.mark.parametrize("lasso", ["1.2_3.4", "a", "1.2_3.4_99999.1", "_".join(["1.1"] * 65)])
def test_a_lasso_that_is_none_is_one_sentence(model, lasso):
    assert "lasso should be" in text_of(open_page(method="pca", lasso=lasso))


def test_settings_close_when_the_map_starts(model):
    page = open_page()
    page.session_state["map.settings.0"] = True
    page.run()
    (send,) = [one for one in page.button if one.label == "Show this map"]
    send.click().run()
    assert not page.session_state["map.settings.0"]


def test_a_setting_out_of_range_says_what_is_allowed_and_no_map_starts(model):
    page = open_page()
    place = "map.settings.0"
    page.session_state[place] = True
    page = page.run()
    page.number_input(key="map.typed.neighbours").set_value(1000)
    (send,) = [one for one in page.button if one.label == "Show this map"]
    page = send.click().run()
    assert [error.value for error in page.error] == ["1,000 is out of range: 2 to 200."]
    assert page.session_state[place] is True
    assert "neighbours" not in page.query_params
    assert "Cancel" not in buttons_of(page)
    page.number_input(key="map.typed.neighbours").set_value(20)
    (send,) = [one for one in page.button if one.label == "Show this map"]
    page = send.click().run()
    assert not page.error
    assert page.query_params["neighbours"] in ("20", ["20"])
    assert page.session_state[place] is False


def test_a_drawing_is_shown_among_its_nearest_digits(model):
    page = open_page(method="pca")
    assert "The star is what is on the canvas in Draw" not in text_of(page)
    pixels, codes = resources.digits().pixels[5], torch.zeros(7, 7, dtype=torch.int64)
    now = Now(Drawing(pixels, codes, codes - 1, None, 0), "a:0", model.fingerprint, "default")
    page.session_state[KEY] = Canvas(Revision("a"), Source(5), model.fingerprint, now=now)
    page.run()
    assert "The star is what is on the canvas in Draw" in text_of(page)


def test_one_digit_can_be_opened_in_draw(model):
    page = open_page(method="pca")
    page.session_state["map.digits.embedded.0.selected"] = scatter.Selected(1, np.array([42]))
    page.run()
    links = [link.proto for link in page.get("page_link")]
    assert any(link.label == "Open digit 42 in Draw" for link in links)


def test_each_of_several_digits_can_be_opened_in_draw(model):
    page = open_page(method="pca")
    page.session_state["map.digits.embedded.0.selected"] = scatter.Selected(1, np.arange(10, 90))
    page.run()
    (shown,) = [one.proto for one in page.get("bidi_component") if one.proto.component_name == "vqvae_thumbnails"]
    numbers = json.loads(shown.json)["numbers"]
    assert len(numbers) == 40
    assert set(numbers) < set(range(10, 90))
    page.session_state["map.opened"] = "map.digits.embedded.0", numbers[3]
    page.run()
    assert [title.value for title in page.title] == ["Draw"]
    assert page.session_state["digit"] == numbers[3]
