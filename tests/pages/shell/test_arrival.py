"""Who opens a link finds the scene it was made of; a damaged link opens what it can and says what it could not."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

from pages.ui import resources
from pages.ui.components import canvas
from pages.ui.shell import frame, link_codec, share, url_state
from tests.visiting import text_of, visit


@pytest.fixture
def told(monkeypatch) -> dict[str, Any]:
    """What the page last told the canvas. Once there is an "answer", the canvas says that of what it was told."""
    told: dict[str, Any] = {}

    def browser(data, **_):
        told.update(data)
        if "answer" not in told:
            return SimpleNamespace(drawing=None, prior=None)
        model, put = resources.checkpoint("default").model, data["set"]
        pixels = torch.tensor(put["pixels"], dtype=torch.uint8).view(1, 1, 28, 28)
        said = {
            "serial": put["serial"],
            "fingerprint": data["model"]["fingerprint"],
            "pixels": put["pixels"],
            "codes": model.encode(pixels / 255).flatten().tolist(),
            "edits": put["edits"] or [-1] * model.config.cells,
            "cell": -1 if put["cell"] is None else put["cell"],
            "step": data["tour"]["step"],
        }
        return SimpleNamespace(drawing=said | told["answer"], prior=None)

    monkeypatch.setattr(canvas, "_component", browser)
    return told


@pytest.fixture
def shared(monkeypatch) -> list[dict[str, str]]:
    """The fields of every link that was shared."""
    shared: list[dict[str, str]] = []
    monkeypatch.setattr(frame, "share", lambda fields, _not_in_link, _taken: shared.append(fields))
    return shared


@pytest.fixture
def links(monkeypatch) -> list[str]:
    """Every link that was shown, to be copied."""
    links: list[str] = []
    monkeypatch.setattr(share, "_copy", lambda data, **_: links.append(data["link"]))
    return links


@pytest.fixture
def scene() -> dict[str, str]:
    """The fields of a link to a drawing of somebody's own, with one code edited."""
    opened = resources.checkpoint("default")
    pixels = torch.randint(0, 256, (1, 28, 28), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
    edits = torch.full(opened.model.config.grid, -1)
    edits[2, 3] = 57
    return {
        "digit": "77",
        "drawing": link_codec.write_drawing(pixels),
        "edits": link_codec.write_edits(edits, opened.fingerprint),
        "cell": "17",
        "code": "57",
        "step": "5",
    }


def arrive(page: str = "draw", **fields: str) -> AppTest:
    app = visit(page, **fields)
    assert not app.exception
    return app


def warnings(page: AppTest) -> str:
    return "\n".join(warning.value for warning in page.warning)


def test_a_link_restores_drawing_edits_cell_code_and_step(told, scene):
    page = arrive(**scene)
    assert told["set"]["pixels"] == link_codec.read_drawing(scene["drawing"]).flatten().tolist()
    assert [told["set"]["edits"][cell] for cell in (16, 17, 18)] == [-1, 57, -1]
    assert told["set"]["cell"] == 17
    assert told["tour"]["step"] == 5
    assert told["tour"]["code"] == 57
    assert "a drawing from a link" in page.caption[0].value
    assert not page.warning


def test_another_digit_lets_go_of_what_the_link_brought(told, scene):
    page = arrive(**scene)
    page.number_input(key="draw.typed.digit").set_value(78).run()
    assert told["set"]["edits"] is None
    assert told["set"]["pixels"] == resources.digits().pixels[78].flatten().tolist()
    assert not {"drawing", "edits"} & set(page.query_params)


def test_a_chosen_cell_stays_in_the_address_when_another_digit_is_picked(told):
    told["answer"] = {"cell": 4}
    page = arrive()
    page.number_input(key="draw.typed.digit").set_value(78).run()
    page.run()
    assert page.query_params["cell"] == "4"


def test_a_damaged_drawing_leaves_the_rest_of_the_scene_as_it_was(told, scene):
    page = arrive(**scene | {"drawing": scene["drawing"][:-9]})
    assert "cut or changed on its way" in warnings(page)
    assert told["set"]["pixels"] == resources.digits().pixels[77].flatten().tolist()
    assert told["tour"]["step"] == 5


def test_edits_for_another_model_are_left_out_in_a_sentence(told, scene):
    page = arrive(**scene | {"model": "tutorial"})
    assert "belong to another model" in warnings(page)
    assert told["set"]["edits"] is None
    assert told["set"]["pixels"] == link_codec.read_drawing(scene["drawing"]).flatten().tolist()


@pytest.mark.parametrize(
    ("field", "nonsense"),
    [
        ("cell", "a"),
        ("cell", "99999999"),
        ("step", "8"),
        ("step", "-1"),
        ("code", "2e3"),
        ("edits", "<b>"),
        ("present", "2"),
    ],
)
def test_nonsense_in_a_link_is_one_sentence(told, scene, field, nonsense):
    page = arrive(**scene | {field: nonsense})
    assert f"{field} should be" in warnings(page)
    page.run()  # as the page does by itself, once the browser has said whose it is
    assert f"{field} should be" in warnings(page)
    assert told["set"]["pixels"] == link_codec.read_drawing(scene["drawing"]).flatten().tolist()


DRAWN = link_codec.write_drawing(torch.full((1, 28, 28), 77, dtype=torch.uint8))
DAMAGED = [DRAWN[: len(DRAWN) // 2], DRAWN[::-1], DRAWN.upper(), DRAWN + "AAAA", "====", "😀", "A" * 3000]


@pytest.mark.parametrize(
    ("field", "damaged"),
    [
        *(("drawing", text) for text in DAMAGED),
        *(("edits", text) for text in ("892969-99.1", "000000-1.1", "892969", "-1.-1", "<script>")),
        *(("cell", "-1"), ("cell", "48.5"), ("step", "99"), ("step", ""), ("code", "99999")),
        *(("model", "../../etc"), ("digit", "1e9"), ("present", "yes")),
    ],
)
def test_a_damaged_link_opens_what_it_can_in_one_sentence(told, field, damaged):
    page = arrive(**{"digit": "77"} | {field: damaged})
    assert len(page.warning) == 1
    digit = 1234 if field == "digit" else 77
    assert told["set"]["pixels"] == resources.digits().pixels[digit].flatten().tolist()


def test_a_cell_or_code_that_this_model_does_not_have_is_left_out(told, scene):
    page = arrive(**scene | {"cell": "49", "code": "128"})
    assert told["set"]["cell"] is None
    assert told["tour"]["code"] is None
    assert "There is no code 128 here" in warnings(page)
    assert "cell 49 is left out" in warnings(page)


def test_the_canvas_stays_as_it_is_while_the_tour_goes_on(told, scene):
    page = arrive(**scene)
    before = dict(told["set"]), told["tour"]["serial"]
    page.run()
    assert (dict(told["set"]), told["tour"]["serial"]) == before


def test_the_tour_can_be_taken_from_the_explanation(told):
    page = arrive()
    before = told["tour"]["serial"]
    page.button(key="draw.tour.take").click().run()
    assert told["tour"]["step"] == 1
    assert told["tour"]["serial"] != before


def test_a_link_does_not_lead_those_who_watch_onto_the_speakers_stage(links):
    page = arrive("codebook", present="1", code="5")
    page.button(key="stage.share").click().run()
    assert links[0].endswith("?code=5")


def test_a_link_to_a_model_of_ones_own_says_that_others_see_another(links):
    page = arrive("codebook", section="compare", **{"with": "own-0123456789ab"})
    page.button(key="share.ask").click().run()
    assert links[0].endswith("with=own-0123456789ab")
    assert "yours alone: others see a shipped one" in text_of(page)


def test_the_link_to_share_holds_the_drawing_as_it_is_now(told, shared):
    pixels, edits = torch.full((1, 28, 28), 9, dtype=torch.uint8), torch.full((7, 7), -1)
    edits[0, 0] = 3
    told["answer"] = {"pixels": pixels.flatten().tolist(), "edits": edits.flatten().tolist(), "cell": 4, "step": 2}
    page = arrive()
    assert any(link.proto.label.endswith("in the codebook") for link in page.get("page_link"))
    page.button(key="share.ask").click().run()
    assert torch.equal(link_codec.read_drawing(shared[0]["drawing"]), pixels)
    assert shared[0] | {"drawing": ""} == {
        "drawing": "",
        "edits": link_codec.write_edits(edits, resources.checkpoint("default").fingerprint),
        "cell": "4",
        "step": "2",
    }


def test_codes_that_were_given_back_are_no_longer_in_the_link(told, shared, scene):
    told["answer"] = {"edits": [-1] * 49}
    page = arrive(**scene)
    page.button(key="share.ask").click().run()
    assert "drawing" in shared[0]
    assert "edits" not in shared[0]


def test_a_link_shared_right_after_another_digit_was_picked_holds_that_digit_alone(told, shared, scene):
    told["answer"] = {}
    page = arrive(**scene)
    del told["answer"]  # the browser has not drawn the new one yet
    page.number_input(key="draw.typed.digit").set_value(78)
    page.button(key="share.ask").click().run()
    assert shared[0]["digit"] == "78"
    assert not {"drawing", "edits"} & set(shared[0])


def test_edits_do_not_go_into_a_link_to_another_model(told, shared, scene):
    told["answer"] = {}
    page = arrive(**scene)
    del told["answer"]
    page.sidebar.selectbox(key="model").set_value("tutorial")
    page.button(key="share.ask").click().run()
    assert "edits" not in shared[0]


def test_a_picture_put_on_the_canvas_lets_go_of_the_codes_and_the_cell_that_a_link_brought(told, scene):
    told["answer"] = {"edits": [-1] * 49}
    page = arrive(**scene)
    page.toggle(key="draw.centring").set_value(True).run()
    page.button(key="draw.centre").click().run()
    assert told["set"]["edits"] is None
    assert told["set"]["cell"] is None
    assert "edits" not in page.query_params


def test_a_drawing_of_another_size_is_said_to_be_resampled(told):
    page = arrive(drawing=link_codec.write_drawing(torch.full((1, 32, 48), 9, dtype=torch.uint8)))
    assert "resampled from 32 × 48" in warnings(page)
    assert len(told["set"]["pixels"]) == 28 * 28


def test_the_pen_does_not_wait_for_what_the_last_step_shows(told):
    page = arrive(step="1")
    assert told["tour"]["examples"] is None
    told["answer"] = {}  # the pen is there
    page.run()
    assert told["tour"]["examples"] is not None


def test_the_browsers_back_takes_the_tour_back(told, monkeypatch):
    page = arrive(step="1")
    told["answer"] = {"step": 2}
    page.run()
    assert page.query_params["step"] == "2"
    before = told["tour"]["serial"]
    monkeypatch.setattr(url_state, "by_history", lambda: True)
    page.query_params["step"] = "1"
    page.run()  # what the canvas said last is still that it stands at the second step
    assert told["tour"]["step"] == 1
    assert told["tour"]["serial"] != before
    assert page.query_params["step"] == "1"


@pytest.mark.parametrize("page", ["home", "draw", "generate", "codebook", "map", "train"])
def test_every_page_is_presented_by_its_address_and_left_again(page):
    shown = arrive(page, present="1")
    assert shown.session_state["present"] == 1
    assert len(shown.title) == 1
    shown.button(key="stage.leave").click().run()
    assert not shown.exception
    assert "present" not in shown.query_params
