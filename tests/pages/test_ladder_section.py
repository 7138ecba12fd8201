"""Two models on one drawing, without a browser: what the address says, what the browser may say, who gets what."""

import json

import pytest

from pages.ui.components.ladder import Sides, checked, to_fetch
from pages.ui.shell import ladder as shell_ladder
from pages.ui.shell.url_state import ARRIVAL, STAY
from tests.visiting import text_of, visit
from vqvae.checkpoint import SHIPPED, load
from vqvae.runs.ladder import load as load_ladder

NAMES = {"default", "codes-8", "steps-100"}
SAID = {"serial": "1:0", "left": "default", "right": "steps-100"}
RUNGS = (*load_ladder().codes, load(SHIPPED["default"]))
STAGE = next(one for one in load_ladder().stages if one.steps == 100)


def sides(page, name: str = "draw") -> Sides:
    text_of(page)
    return page.session_state[f"{name}.ladder.start"].told


def test_a_message_of_the_browser_is_read():
    assert checked(SAID, "1:0", NAMES) == Sides("default", "steps-100")


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "default",
        SAID | {"serial": "2:0"},
        SAID | {"left": "another"},
        SAID | {"right": None},
        SAID | {"right": ["steps-100"]},
        SAID | {"left": {"name": "default"}},
        {"serial": "1:0"},
    ],
)
def test_a_message_that_no_browser_of_ours_sends_counts_as_none(answer):
    assert checked(answer, "1:0", NAMES) is None


@pytest.mark.parametrize("name", ["draw", "codebook"])
def test_an_address_is_what_the_browser_begins_with_and_says_again(name):
    page = visit(name, left="steps-100", right="tutorial")
    assert sides(page, name) == Sides("steps-100", "tutorial")
    assert page.query_params["left"] in ("steps-100", ["steps-100"])


@pytest.mark.parametrize("name", ["draw", "codebook"])
def test_a_first_run_that_was_cut_short_does_not_take_back_what_is_chosen_by_now(name):
    page = visit(name, right="tutorial")
    before = page.session_state[f"{name}.ladder.start"]
    del page.session_state[STAY]  # which a run that comes to its end leaves
    page.session_state[ARRIVAL] = page.session_state[ARRIVAL]._replace(ended=False)
    assert page.run().session_state[f"{name}.ladder.start"] == before


def test_the_models_chosen_and_their_families_can_be_fetched_and_no_others(monkeypatch):
    offered = set()
    monkeypatch.setattr(shell_ladder, "address_of", lambda content, kind, place: offered.add(place))
    sides(visit("draw", right="codes-8"))
    assert offered == {"ladder.default", *(f"ladder.codes-{rung.model.config.num_embeddings}" for rung in RUNGS)}


def test_the_left_side_is_the_model_of_the_sidebar():
    assert sides(visit("draw", model="tutorial")).left == "tutorial"


def test_a_rung_that_does_not_ship_gives_way_to_a_model_that_does():
    page = visit("draw", right="codes-3")
    assert sides(page).right in {"codes-8", "tutorial"}


def test_nonsense_in_an_address_is_one_sentence():
    assert "left should be" in text_of(visit("codebook", left="codes-many"))


def test_what_the_browser_fetches_is_float16_only_where_that_is_exact():
    stage, default = (json.loads(to_fetch(one)) for one in (STAGE, load(SHIPPED["default"])))
    assert "weights" not in stage
    assert "halves" not in default
    assert len(to_fetch(STAGE)) < 0.6 * len(to_fetch(load(SHIPPED["default"])))
