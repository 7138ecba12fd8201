"""Who opens a link finds the scene it was made of; a damaged link opens what it can and says what it could not."""

from types import SimpleNamespace

import pytest
import torch
from streamlit.testing.v1 import AppTest

from pages.ui import link, resources, workbench
from tests.visiting import visit


@pytest.fixture
def told(monkeypatch) -> dict[str, object]:
    """What the page last told the workbench."""
    told: dict[str, object] = {}

    def browser(data, **_):
        told.update(data)
        return SimpleNamespace(drawing=None)

    monkeypatch.setattr(workbench, "_component", browser)
    return told


@pytest.fixture
def scene() -> dict[str, str]:
    """The fields of a link to a drawing of somebody's own, with one code edited."""
    opened = resources.checkpoint("default")
    pixels = torch.randint(0, 256, (1, 28, 28), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
    edits = torch.full(opened.model.config.grid, -1)
    edits[2, 3] = 57
    return {
        "digit": "77",
        "drawing": link.write_drawing(pixels),
        "edits": link.write_edits(edits, opened.fingerprint),
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
    assert told["set"]["pixels"] == link.read_drawing(scene["drawing"]).flatten().tolist()
    assert [told["set"]["edits"][cell] for cell in (16, 17, 18)] == [-1, 57, -1]
    assert told["set"]["cell"] == 17
    assert told["walk"]["step"] == 5
    assert told["walk"]["code"] == 57
    assert told["walk"]["examples"] is not None
    assert "a drawing out of a link" in page.caption[0].value
    assert not page.warning


def test_another_digit_lets_go_of_what_the_link_brought(told, scene):
    page = arrive(**scene)
    page.number_input(key="digit").set_value(78).run()
    assert told["set"]["edits"] is None
    assert told["set"]["pixels"] == resources.digits().pixels[78].flatten().tolist()
    assert not {"drawing", "edits"} & set(page.query_params)


def test_a_damaged_drawing_leaves_the_rest_of_the_scene_as_it_was(told, scene):
    page = arrive(**scene | {"drawing": scene["drawing"][:-9]})
    assert "cut or changed on its way" in warnings(page)
    assert told["set"]["pixels"] == resources.digits().pixels[77].flatten().tolist()
    assert told["walk"]["step"] == 5


def test_edits_for_another_model_are_left_out_in_a_sentence(told, scene):
    page = arrive(**scene | {"model": "tutorial"})
    assert "another model’s" in warnings(page)
    assert told["set"]["edits"] is None
    assert told["set"]["pixels"] == link.read_drawing(scene["drawing"]).flatten().tolist()


@pytest.mark.parametrize(
    ("field", "nonsense"),
    [
        ("cell", "a"),
        ("cell", "99999999"),
        ("step", "7"),
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
    assert told["set"]["pixels"] == link.read_drawing(scene["drawing"]).flatten().tolist()


def test_a_cell_or_code_that_this_model_does_not_have_is_left_out(told, scene):
    page = arrive(**scene | {"cell": "49", "code": "128"})
    assert told["set"]["cell"] is None
    assert told["walk"]["code"] is None
    assert "There is no code 128 here" in warnings(page)


def test_the_canvas_stays_as_it_is_while_the_walk_goes_on(told, scene):
    page = arrive(**scene)
    before = dict(told["set"]), told["walk"]["serial"]
    page.run()
    assert (dict(told["set"]), told["walk"]["serial"]) == before


def test_the_walk_can_be_taken_from_the_explanation(told):
    page = arrive()
    before = told["walk"]["serial"]
    page.button(key="draw.walk.take").click().run()
    assert told["walk"]["step"] == 1
    assert told["walk"]["serial"] != before


def test_the_link_to_share_holds_the_drawing_as_it_is_now(monkeypatch):
    from pages.ui import frame

    opened, shared = resources.checkpoint("default"), []
    pixels = torch.full((1, 28, 28), 9, dtype=torch.uint8)
    codes = opened.model.encode(pixels[None] / 255)[0]
    edits = torch.full_like(codes, -1)
    edits[0, 0] = 3
    monkeypatch.setattr(
        workbench,
        "_component",
        lambda data, **_: SimpleNamespace(
            drawing={
                "serial": data["set"]["serial"],
                "fingerprint": opened.fingerprint,
                "pixels": pixels.flatten().tolist(),
                "codes": codes.flatten().tolist(),
                "edits": edits.flatten().tolist(),
                "cell": 4,
                "step": 2,
            }
        ),
    )
    monkeypatch.setattr(frame, "share", lambda fields, own: shared.append(fields))
    page = arrive()
    code = int(codes.flatten()[4])
    assert f"Code {code} in the codebook" in [link.proto.label for link in page.get("page_link")]
    page.button(key="share.ask").click().run()
    assert torch.equal(link.read_drawing(shared[0]["drawing"]), pixels)
    assert shared[0] | {"drawing": ""} == {
        "drawing": "",
        "edits": link.write_edits(edits, opened.fingerprint),
        "cell": "4",
        "step": "2",
    }


@pytest.mark.parametrize("page", ["home", "draw", "codebook", "map", "train"])
def test_every_page_is_presented_by_its_address_and_left_again(page):
    shown = arrive(page, present="1")
    assert shown.session_state["present"] == 1
    assert len(shown.title) == 1
    shown.button(key="stage.leave").click().run()
    assert not shown.exception
    assert "present" not in shown.query_params
