"""The canvas of a model that the server runs: when it asks, and what it shows until the answer comes."""

import pytest
import torch

from pages.ui.components import served
from pages.ui.components.canvas import Put
from pages.ui.components.served import Answer, Asked, checked, served_data
from pages.ui.components.shared import module
from tests.browser.conftest import MOUNT
from tests.browser.hand import cell, drawing, places, press, until
from vqvae.checkpoint import SHIPPED, Checkpoint, load
from vqvae.model import VQVAE, ModelConfig

DEFAULT = load(SHIPPED["default"])
PUT = Put("a:0", None)
GREY = torch.full((1, 28, 28), 90, dtype=torch.uint8)


def answer(revision: int, seconds: float) -> Answer:
    return Answer(revision, torch.zeros(7, 7, dtype=torch.int64), GREY, GREY, nmse=0.5, seconds=seconds)


def show(page, answer: Answer, put: Put = PUT) -> None:
    page.evaluate("(data) => update(data)", served_data(DEFAULT, put, answer))


@pytest.fixture
def begin(mount):
    """A function that mounts the component after a first pass that took so many seconds."""

    def begin(seconds: float, put: Put = PUT):
        page = mount(served.FOLDER)
        show(page, answer(0, seconds), put)
        return page

    return begin


@pytest.fixture
def reload(begin):
    """A function that draws a stroke, leaves, and mounts the component in the same tab, where this is put then."""

    def reload(put: Put):
        page = begin(seconds=0.4)
        a_stroke(page)
        kept = question(page)
        page.evaluate(
            MOUNT,
            {name: (served.FOLDER / f"served.{name}").read_text() for name in ("html", "css")}
            | {"js": module(served.FOLDER / "served.js")},
        )
        show(page, answer(0, 0.4), put)
        return page, kept

    return reload


def half_a_stroke(page) -> None:
    """The pen is down, and stays there."""
    begin, *others = places(page, (0.2, 0.5), (0.5, 0.5), (0.8, 0.5))
    page.mouse.move(*begin)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place, steps=4)


def a_stroke(page) -> None:
    half_a_stroke(page)
    page.mouse.up()


def asked(page) -> list:
    return page.evaluate("answers")


def question(page, serial: str = PUT.serial) -> Asked:
    """The last one, of the picture with this serial."""

    def last() -> Asked | None:
        return checked(asked(page)[-1], DEFAULT, serial) if asked(page) else None

    until(lambda: last() is not None, "a question")
    return last()


def focused(page) -> str:
    return page.evaluate("document.querySelector('#host').shadowRoot.activeElement?.textContent ?? ''")


def waits(page) -> bool:
    return page.evaluate("document.querySelector('#host').shadowRoot.querySelector('.served').matches('.waiting')")


def test_a_quick_model_is_asked_before_the_pen_is_lifted_and_one_question_at_a_time(begin):
    page = begin(seconds=0.01)
    half_a_stroke(page)
    until(lambda: len(asked(page)) == 1, "a question")
    half_a_stroke(page)
    assert len(asked(page)) == 1  # it has not been answered
    first = question(page)
    assert first.pixels.any()
    show(page, answer(first.revision, 0.01))
    assert not waits(page)


def test_a_slow_model_is_asked_at_the_end_of_a_stroke_and_the_picture_before_is_greyed_meanwhile(begin):
    page = begin(seconds=0.4)
    page.get_by_text("in 400 ms a picture: codes and reconstruction follow at the end of a stroke").wait_for()
    half_a_stroke(page)
    page.wait_for_timeout(400)
    assert not asked(page)
    assert waits(page)
    page.mouse.up()
    until(lambda: len(asked(page)) == 1, "the question")
    page.get_by_text("The server encodes and decodes").wait_for()
    assert waits(page)


def test_undo_asks_for_the_drawing_before(begin):
    page = begin(seconds=0.4)
    a_stroke(page)
    press(page, "Undo")
    until(lambda: len(asked(page)) == 2, "the second question")
    first, second = (checked(one, DEFAULT, PUT.serial).pixels for one in asked(page))
    assert first.any()
    assert not second.any()


def test_undo_brings_back_the_drawing_that_another_picture_took_the_place_of(begin):
    page = begin(seconds=0.4)
    a_stroke(page)
    drawn = question(page).pixels
    show(page, answer(0, 0.4), Put("a:1", GREY))
    assert not waits(page)
    press(page, "Undo")
    assert torch.equal(question(page, "a:1").pixels, drawn)


def test_edits_that_were_put_there_stay_where_another_cell_is_edited(begin):
    edits = torch.full((7, 7), -1)
    edits[0, 2] = 5
    page = begin(seconds=0.4, put=Put("a:0", GREY, edits, cell=2))
    page.get_by_text("Row 1, column 3: code 5, put there by you").wait_for()
    cell(page, 2, 1).click()
    other = page.get_by_label("Another code")
    other.fill("9")
    other.press("Enter")
    until(lambda: len(asked(page)) == 2, "the second question")
    edits[1, 0] = 9
    assert torch.equal(question(page).edits, edits)


def test_a_cell_that_the_browsers_back_leads_to_is_asked_about(begin):
    page = begin(seconds=0.4)
    show(page, answer(0, 0.4), PUT._replace(cell=8, aim="a:1"))
    assert question(page).cell == 8


@pytest.mark.parametrize("serial", ["a:0", "b:0"], ids=["after another page", "after a reload"])
def test_a_drawing_is_there_again(reload, serial):
    page, kept = reload(Put(serial, None))
    assert torch.equal(question(page, serial).pixels, kept.pixels)
    assert waits(page)  # until the answer is about it


def test_a_drawing_makes_way_where_another_picture_was_put_meanwhile(reload):
    page, _ = reload(Put("a:1", GREY))
    assert not asked(page)
    assert set(drawing(page).pixels) == {90}


def test_a_drawing_stays_where_a_server_started_anew_puts_the_same_picture(begin):
    page = begin(seconds=0.4)
    a_stroke(page)
    drawn = question(page).pixels
    show(page, answer(0, 0.4), Put("b:0", None))
    assert torch.equal(question(page, "b:0").pixels, drawn)


def test_a_drawing_goes_on_in_the_size_of_another_model(begin):
    page = begin(seconds=0.4)
    a_stroke(page)
    larger = Checkpoint(VQVAE(ModelConfig(channels=3, height=32, width=32)).eval(), variance=0.1)
    grey = torch.full((3, 32, 32), 90, dtype=torch.uint8)
    codes = torch.zeros(larger.model.config.grid, dtype=torch.int64)
    page.evaluate("(data) => update(data)", served_data(larger, PUT, Answer(0, codes, grey, grey, 0.5, 0.4)))
    until(lambda: len(asked(page)) == 2, "the second question")
    assert checked(asked(page)[-1], larger, PUT.serial).pixels.any()


def near(revision: int) -> Answer:
    tiles = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    return answer(revision, 0.4)._replace(near=((7, 0.25), (12, 0.5)), near_tiles=tiles)


def test_a_code_that_was_just_put_keeps_the_focus(begin):
    page = begin(seconds=0.4)
    cell(page, 1, 1).click()
    show(page, near(question(page).revision))
    page.get_by_title("Put code 12").focus()
    page.keyboard.press("Enter")
    until(lambda: len(asked(page)) == 2, "the second question")
    show(page, near(question(page).revision))
    assert focused(page).startswith("12")


def test_a_button_that_has_done_all_it_can_keeps_the_focus(begin):
    page = begin(seconds=0.4)
    a_stroke(page)
    press(page, "Undo")
    until(lambda: len(asked(page)) == 2, "the second question")
    assert focused(page) == "Undo"
    page.keyboard.press("Enter")
    assert len(asked(page)) == 2


def test_arrows_lead_through_the_cells_and_enter_chooses_one(begin):
    page = begin(seconds=0.4)
    assert page.get_by_role("row").count() == 7
    cell(page, 1, 1).focus()
    for key in ("ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert not asked(page)
    page.keyboard.press("Enter")
    assert question(page).cell == 8
    assert cell(page, 2, 2).get_attribute("aria-selected") == "true"


@pytest.mark.parametrize(
    "change",
    [
        {"serial": "b:0"},
        {"fingerprint": "0" * 12},
        {"revision": "1"},
        {"pixels": "AAAA"},
        {"pixels": "!" * 1048},
        {"pixels": None},
        {"edits": [[49, 0]]},
        {"edits": [[0, 128]]},
        {"edits": [[0, 0]] * 50},
        {"edits": [0]},
        {"cell": 49},
        {"cell": True},
    ],
    ids=str,
)
def test_a_message_that_no_browser_of_ours_sends_counts_as_none(change):
    good = {
        **{"serial": "a:0", "fingerprint": DEFAULT.fingerprint, "revision": 1, "edits": [[3, 5]], "cell": 3},
        "pixels": "A" * 1044 + "AA==",  # 784 bytes
    }
    assert checked(good, DEFAULT, "a:0").edits.flatten()[3] == 5
    assert checked(good | change, DEFAULT, "a:0") is None
