"""The canvas of a model that the server runs: when it asks, and what it shows until the answer comes."""

import pytest
import torch

from pages.ui.components import served
from pages.ui.components.canvas import Put
from pages.ui.components.served import Answer, checked, served_data
from tests.browser.hand import places, press, until
from vqvae.checkpoint import SHIPPED, load

DEFAULT = load(SHIPPED["default"])
PUT = Put("a:0", None)
GREY = torch.full((1, 28, 28), 90, dtype=torch.uint8)


def answer(revision: int, seconds: float) -> Answer:
    return Answer(revision, torch.zeros(7, 7, dtype=torch.int64), GREY, GREY, nmse=0.5, seconds=seconds)


@pytest.fixture
def begin(mount):
    """A function that mounts the component after a first pass that took so many seconds."""

    def begin(seconds: float):
        page = mount(served.FOLDER)
        page.evaluate("(data) => update(data)", served_data(DEFAULT, PUT, answer(0, seconds)))
        return page

    return begin


def half_a_stroke(page) -> None:
    """The pen is down, and stays there."""
    begin, *others = places(page, (0.2, 0.5), (0.5, 0.5), (0.8, 0.5))
    page.mouse.move(*begin)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place, steps=4)


def asked(page) -> list:
    return page.evaluate("answers")


def waits(page) -> bool:
    return page.evaluate("document.querySelector('#host').shadowRoot.querySelector('.served').matches('.waiting')")


def test_a_quick_model_is_asked_before_the_pen_is_lifted_and_one_question_at_a_time(begin):
    page = begin(seconds=0.01)
    half_a_stroke(page)
    until(lambda: len(asked(page)) == 1, "a question")
    half_a_stroke(page)
    assert len(asked(page)) == 1  # it has not been answered
    question = checked(asked(page)[0], DEFAULT, PUT.serial)
    assert question.pixels.any()
    page.evaluate("(data) => update(data)", served_data(DEFAULT, PUT, answer(question.revision, 0.01)))
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
    half_a_stroke(page)
    page.mouse.up()
    press(page, "Undo")
    until(lambda: len(asked(page)) == 2, "the second question")
    first, second = (checked(one, DEFAULT, PUT.serial).pixels for one in asked(page))
    assert first.any()
    assert not second.any()


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
