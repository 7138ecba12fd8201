"""Home, the frame around every page and the state in the address, without a browser."""

import gc
import json
import sys
import types
from dataclasses import replace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.ui import resources
from pages.ui.shell import frame, url_state
from tests.visiting import text_of, visit
from vqvae import checkpoint, data
from vqvae.checkpoint import Checkpoint
from vqvae.model import ModelConfig
from vqvae.runs.own_checkpoints import OwnCheckpoints
from vqvae.runs.visitor import Visitor
from vqvae.training import TUTORIAL


def home(**query: str) -> AppTest:
    return visit("home", **query)


def story_of(app: AppTest) -> dict:
    """What the browser is told of the story."""
    messages = [json.loads(one.proto.json) for one in app.get("bidi_component") if one.proto.json]
    return next(message for message in messages if "losses" in message)


def brought(app: AppTest) -> set[str]:
    """Names of what is brought to the browser for it."""
    messages = [json.loads(one.proto.json) for one in app.get("bidi_component") if one.proto.json]
    return {message["name"] for message in messages if "name" in message}


@pytest.mark.parametrize("name", checkpoint.SHIPPED)
def test_home_opens_with_every_shipped_model(name):
    app = home(model=name)
    assert not app.exception
    assert not app.error
    fingerprint = checkpoint.load(checkpoint.SHIPPED[name]).fingerprint
    assert story_of(app)["fingerprint"] == fingerprint
    assert brought(app) == {fingerprint, "plane", "learning"}


def test_home_puts_the_digit_of_the_address_there():
    story = story_of(home(digit="4321"))
    assert story["set"]["pixels"] == resources.digits().pixels[4321].flatten().tolist()
    assert story["set"]["example"]


def test_a_model_too_large_for_the_browser_is_one_sentence(make_model, monkeypatch):
    large = checkpoint.Checkpoint(make_model(ModelConfig(num_embeddings=65_536, embedding_dim=32)), variance=0.1)
    monkeypatch.setattr(resources, "checkpoint", lambda name: large)
    app = home()
    assert not app.exception
    assert len(app.error) == 1
    assert "expected at most 2 million" in app.error[0].value


def test_the_drawing_of_another_page_is_on_home_as_well(monkeypatch):
    app = visit("draw", digit="17")
    app.switch_page("app.py").run()
    told = story_of(app)["set"]
    app.switch_page("pages/draw.py").run()
    messages = [json.loads(one.proto.json) for one in app.get("bidi_component") if one.proto.json]
    canvas = next(message for message in messages if "tour" in message)["set"]
    assert (told["serial"], told["pixels"]) == (canvas["serial"], canvas["pixels"])


def test_a_model_of_ones_own_is_called_by_the_name_that_it_was_given(make_model, digits, tmp_path, monkeypatch):
    monkeypatch.setenv("VQVAE_RUNS", str(tmp_path))
    token = "0123456789abcdef" * 2
    mine = Checkpoint(make_model(), variance=0.1)
    entry = OwnCheckpoints(Visitor(token)).add(mine, "Twelve codes", digits)
    words = text_of(visit("draw", token=token, model=entry.name))
    assert "the model “Twelve codes”" in words
    assert entry.name not in words


@pytest.mark.parametrize("page", ["home", "draw"])
def test_a_model_whose_latents_are_bounded_opens(page, make_model, monkeypatch):
    recipe = replace(TUTORIAL, quantizer="fsq", embedding_dim=3)
    model = make_model(ModelConfig(num_embeddings=128, embedding_dim=3, levels=(8, 4, 4)))
    opened = checkpoint.Checkpoint(model, variance=0.1, recipe=recipe)
    monkeypatch.setattr(resources, "checkpoint", lambda name: opened)
    app = visit(page)
    assert not app.exception
    assert not app.error
    if page == "home":
        said = [term["words"] for term in story_of(app)["losses"]["terms"]]
        assert "Not in the sum: this model’s codes are a fixed grid." in said
        assert "Not in the sum: nothing pulls this model’s vectors to their codes." in said
        assert story_of(app)["losses"]["cost"] == 0


@pytest.mark.parametrize(
    ("model", "quantizer", "words", "in_sum"),
    [
        ("tutorial", "gradient", "Pulls the chosen codes to the encoder’s vectors.", True),
        ("default", "ema", "Not in the sum: a moving average (EMA) pulls this model’s codes", False),
    ],
)
def test_the_codebook_loss_says_whether_it_is_in_the_sum(model, quantizer, words, in_sum):
    assert checkpoint.load(checkpoint.SHIPPED[model]).recipe.quantizer == quantizer
    (said,) = [
        term["words"] for term in story_of(home(model=model))["losses"]["terms"] if term["name"] == "Codebook loss"
    ]
    assert words in said
    assert ("Not in the sum" not in said) == in_sum


def test_garbage_collections_leave_out_what_was_imported(monkeypatch):
    monkeypatch.setitem(frame._settled, "modules", 0)
    gc.unfreeze()
    home()
    assert id(sys.modules["torch"].__dict__) not in {id(one) for one in gc.get_objects()}
    monkeypatch.setitem(sys.modules, "imported_later", later := types.ModuleType("imported_later"))
    home()
    assert id(later.__dict__) not in {id(one) for one in gc.get_objects()}


@pytest.mark.parametrize("nonsense", ["-1", "5000", "1e3", "seven", "７", "<script>", "9" * 400, ""])
def test_nonsense_in_an_address_is_ignored_with_one_sentence(nonsense):
    app = home(digit=nonsense)
    assert not app.exception
    assert len(app.warning) == 1
    assert "digit should be a whole number from 0 to 4999" in app.warning[0].value
    assert story_of(app)["set"]["pixels"] == resources.digits().pixels[1234].flatten().tolist()


def test_a_chosen_model_is_written_into_the_address_and_kept_on_every_page():
    app = home()
    app.sidebar.selectbox[0].set_value("tutorial").run()
    assert app.query_params["model"] == "tutorial"
    app.switch_page("pages/codebook.py").run()
    assert app.sidebar.selectbox[0].value == "tutorial"
    assert app.query_params["model"] == "tutorial"


def test_another_digit_is_another_digit_and_start_over_brings_the_first_one_back():
    app = home(digit="4321")
    app.button(key="restart").click().run()
    assert story_of(app)["set"]["pixels"] == resources.digits().pixels[1234].flatten().tolist()
    assert "digit" not in app.query_params


def test_start_over_puts_the_digit_there_anew_once_over_what_was_drawn():
    app = home()
    before = story_of(app)["set"]["serial"]
    assert story_of(app.run())["set"]["serial"] == before
    app.button(key="restart").click().run()
    after = story_of(app)["set"]["serial"]
    assert after != before
    assert after.split(":")[0] == before.split(":")[0]  # of the same session: the browser clears what is drawn
    assert story_of(app.run())["set"]["serial"] == after


def test_a_link_wins_over_what_was_picked_on_another_page_since():
    """As from Draw's "Code 57 in the codebook", pressed again after a visit to Map."""
    app = visit("draw")
    for path, code in (("codebook", "57"), ("map", "12"), ("draw", None), ("codebook", "57")):
        app.query_params.clear()
        if code:
            app.query_params["code"] = code
        app.switch_page(f"pages/{path}.py").run()
        assert not app.exception
    assert app.session_state["code"] == 57
    assert app.query_params["code"] == "57"


def test_the_browsers_back_restores_what_the_address_says_and_leaves_the_rest_to_its_defaults(monkeypatch):
    app = home(model="tutorial")
    app.query_params.clear()
    app.switch_page("pages/codebook.py").run()  # by the menu: the browser's history now holds the bare address as well
    app.button_group(key="codebook.order").set_value("index").run()
    app.button_group(key="codebook.cells").set_value("ink").run()
    monkeypatch.setattr(url_state, "by_history", lambda: True)
    for query, order, cells in (
        ({"model": "tutorial", "order": "index"}, "index", "all"),
        ({"model": "tutorial"}, "use", "all"),
        ({}, "use", "all"),
    ):
        app.query_params.clear()
        app.query_params.update(query)
        app.run()
        assert not app.exception
        assert (app.session_state["codebook.order"], app.session_state["codebook.cells"]) == (order, cells)
        assert app.sidebar.selectbox[0].value == "tutorial"
        assert app.query_params["model"] == "tutorial"


def test_back_after_start_over_does_not_bring_back_the_view_of_the_arrival(monkeypatch):
    app = home(model="tutorial")
    app.query_params.clear()
    app.switch_page("pages/codebook.py").run()  # by the menu: the bare address stands for the tutorial's codebook
    app.button(key="restart").click().run()
    app.button_group(key="codebook.order").set_value("index").run()
    monkeypatch.setattr(url_state, "by_history", lambda: True)
    app.query_params.clear()
    app.run()
    assert app.session_state["codebook.order"] == "use"
    assert app.sidebar.selectbox[0].value == "default"


def test_an_address_that_comes_late_does_not_undo_what_was_picked_meanwhile():
    app = visit("codebook", order="index")
    app.button_group(key="codebook.order").set_value("class").run()
    app.query_params["order"] = "index"  # sent before the browser heard of the new one
    app.button_group(key="codebook.cells").set_value("ink").run()
    assert app.session_state["codebook.order"] == "class"


@pytest.mark.parametrize("damage", ["deleted", "truncated"])
def test_a_damaged_checkpoint_is_one_sentence_and_the_other_model(damage, tmp_path, monkeypatch):
    whole = checkpoint.SHIPPED["default"].read_bytes()
    damaged = tmp_path / "default.safetensors"
    if damage == "truncated":
        damaged.write_bytes(whole[: len(whole) // 2])
    monkeypatch.setitem(checkpoint.SHIPPED, "default", damaged)
    st.cache_resource.clear()  # the whole file may be open already
    app = home()
    assert not app.exception
    assert len(app.error) == 1
    assert "“Default \\(EMA\\)” cannot be opened" in app.error[0].value
    assert [info.value for info in app.info] == ["You see the model “Tutorial (gradient)” instead."]
    assert story_of(app)["fingerprint"] == checkpoint.load(checkpoint.SHIPPED["tutorial"]).fingerprint
    st.cache_resource.clear()


def test_a_damaged_model_of_ones_own_is_named_as_its_owner_named_it(make_model, digits, tmp_path, monkeypatch):
    monkeypatch.setenv("VQVAE_RUNS", str(tmp_path))
    token = "0123456789abcdef" * 2
    own = OwnCheckpoints(Visitor(token))
    entry = own.add(Checkpoint(make_model(), digits.variance), "My *first* one", digits)
    path = own.folder / f"{entry.name}.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    app = visit("home", token=token, model=entry.name)
    assert not app.exception
    assert app.error[0].value.startswith("The model “My \\*first\\* one” cannot be opened.")
    assert "own-" not in app.error[0].value


def test_without_digits_home_says_so_in_one_sentence(monkeypatch):
    def unreadable(*arguments: object) -> None:
        raise data.DataError("They cannot be read.")

    monkeypatch.setattr(data, "load", unreadable)
    st.cache_resource.clear()
    app = home(digit="4321")
    assert not app.exception
    sentence = "There is no digit to start from, but you can draw one. They cannot be read."
    assert [error.value for error in app.error] == [sentence]
    assert story_of(app)["set"]["pixels"] is None
    st.cache_resource.clear()
