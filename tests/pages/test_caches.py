"""What takes a large model long is made in the background, once for all who wait, and a page says how far it is."""

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace

import pytest

from pages.ui import caches, resources
from pages.ui.caches import Built, ImageSource, computed
from tests.visiting import PATIENCE
from vqvae import data
from vqvae.background import jobs
from vqvae.background.jobs import CancelledError, Report
from vqvae.checkpoint import Checkpoint

EVERYBODYS = ImageSource("digits", "all")
OWN = ImageSource("flowers", "all", "a visitor's folder")


@pytest.fixture
def checkpoint(make_model) -> Checkpoint:
    return Checkpoint(make_model(), 0.1)


@pytest.fixture
def made() -> list[tuple]:
    return []


@pytest.fixture
def numbers(made):
    """What is kept of two numbers; `made` lists what was computed."""

    @computed(2, "Counting")
    def count(checkpoint: Checkpoint, source: ImageSource, number: int = 0) -> Callable[[Report], int]:
        def compute(report: Report) -> int:
            made.append((source, number))
            return number

        return compute

    yield count
    caches._Computed.all.remove(count)


class Bar:
    """Stands for Streamlit's placeholder, and keeps what it was told; `leaves` is the visitor who goes elsewhere."""

    def __init__(self, leaves: bool = False) -> None:
        self.said: list[tuple[float, str]] = []
        self.leaves = leaves

    def progress(self, share: float, words: str) -> None:
        self.said.append((share, words))
        if self.leaves:
            raise KeyboardInterrupt  # as Streamlit ends a run: by what is no Exception

    def empty(self) -> None:
        self.said.append((1.0, ""))


def test_what_is_built_is_made_once_for_the_same_choices_and_the_oldest_goes_first():
    built, made = Built(2, 60.0), []
    for choice in ("a", "b", "a", "c", "b", "a"):
        assert built(lambda choice=choice: made.append(choice) or f"{choice}!", "letter", choice) == f"{choice}!"
    assert made == ["a", "b", "c", "a"]


def test_what_is_built_is_let_go_of_after_its_time(monkeypatch):
    built, now = Built(9, 60.0), time.monotonic()
    for seconds, found in ((0, 0), (50, 0), (61, 61), (120, 61)):
        monkeypatch.setattr(caches.time, "monotonic", lambda seconds=seconds: now + seconds)
        assert built(lambda seconds=seconds: seconds, "when") == found


def test_what_cannot_be_built_is_tried_again():
    built = Built(2, 60.0)
    with pytest.raises(ZeroDivisionError):
        built(lambda: 1 / 0, "quotient")
    assert built(lambda: 1 / 2, "quotient") == 0.5


def test_it_is_made_once_and_those_asked_for_last_are_kept(checkpoint, numbers, made):
    for number in (0, 1, 0, 2, 0):
        assert numbers(checkpoint, EVERYBODYS, number) == number
    assert made == [(EVERYBODYS, number) for number in (0, 1, 2)]
    assert numbers(checkpoint, EVERYBODYS, 1) == 1
    assert made[3:] == [(EVERYBODYS, 1)]


def test_a_copy_of_a_model_with_another_variance_is_another_model(checkpoint, numbers, made):
    numbers(checkpoint, EVERYBODYS)
    numbers(Checkpoint(checkpoint.model, 0.2), EVERYBODYS)
    numbers(Checkpoint(checkpoint.model, 0.1), EVERYBODYS)
    assert len(made) == 2


def test_a_copy_of_a_model_that_says_it_knows_other_images_is_another_model(checkpoint, numbers, made):
    numbers(checkpoint, EVERYBODYS)
    numbers(replace(checkpoint, dataset="photos"), EVERYBODYS)
    numbers(replace(checkpoint, dataset=None), EVERYBODYS)
    assert len(made) == 2


def test_a_strangers_copy_of_a_shipped_model_changes_nobody_elses_images_or_words():
    default = resources.checkpoint("default")
    copy = replace(default, dataset=data.PHOTOS)
    for cached in (resources.fitted_digits, resources.described):
        cached.clear()
    assert resources.fitted_digits(copy, resources.EMBEDDED).one == "crop"
    assert resources.fitted_digits(default, resources.EMBEDDED).one == "digit"
    assert resources.described(copy)["noun"] != resources.described(default)["noun"]


def test_two_who_ask_at_the_same_time_wait_for_one_computation(checkpoint):
    gate, calls = threading.Event(), []

    @computed(2, "Waiting")
    def wait(checkpoint: Checkpoint, source: ImageSource) -> Callable[[Report], int]:
        def compute(report: Report) -> int:
            calls.append(gate.wait(PATIENCE))
            return 7

        return compute

    found: list[int] = []
    askers = [threading.Thread(target=lambda: found.append(wait(checkpoint, EVERYBODYS))) for _ in range(2)]
    for asker in askers:
        asker.start()
    gate.set()
    for asker in askers:
        asker.join(PATIENCE)
    assert (found, calls) == ([7, 7], [True])


def test_what_goes_wrong_is_raised_for_whoever_asks_and_tried_again(checkpoint):
    tries = []

    @computed(2, "Failing")
    def fail(checkpoint: Checkpoint, source: ImageSource) -> Callable[[Report], int]:
        def compute(report: Report) -> int:
            tries.append(1)
            raise ValueError("of no use")

        return compute

    for _ in range(2):
        with pytest.raises(ValueError, match="of no use"):
            fail(checkpoint, EVERYBODYS)
    assert len(tries) == 2


def test_a_failure_keeps_no_frames_alive_however_often_it_is_raised(checkpoint):
    gate = threading.Event()

    @computed(2, "Failing")
    def fail(checkpoint: Checkpoint, source: ImageSource) -> Callable[[Report], int]:
        def compute(report: Report) -> int:
            gate.wait(PATIENCE)
            raise ValueError("of no use")

        return compute

    depths: list[int] = []

    def ask() -> None:
        try:
            fail(checkpoint, EVERYBODYS)
        except ValueError as error:
            depths.append(len(traceback.extract_tb(error.__traceback__)))

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    gate.set()
    for asker in askers:
        asker.join(PATIENCE)
    assert max(depths) <= 3
    assert fail.everybodys.result("any") is None
    assert not fail.everybodys._jobs


def test_visitors_own_images_push_nothing_out_and_are_forgotten_alone(checkpoint, numbers, made):
    numbers(checkpoint, EVERYBODYS)
    for number in range(3):
        numbers(checkpoint, OWN, number)
    caches.forget_own_images()
    made.clear()
    numbers(checkpoint, EVERYBODYS)
    numbers(checkpoint, OWN, 2)
    assert made == [(OWN, 2)]


def test_what_is_made_of_a_visitors_own_images_is_let_go_of_after_an_hour(checkpoint, numbers, made, monkeypatch):
    now = time.monotonic()
    numbers(checkpoint, OWN)
    numbers(checkpoint, EVERYBODYS)
    made.clear()
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now + caches.FORGOTTEN + 60)
    numbers(checkpoint, OWN)
    numbers(checkpoint, EVERYBODYS)
    assert made == [(OWN, 0)]


@pytest.fixture
def slow(monkeypatch):
    """Something that is half done until its event is set, and needs something else that is slow, too."""
    monkeypatch.setattr(caches, "MOMENT", 0.01)
    monkeypatch.setattr(caches, "EVERY", 0.01)
    monkeypatch.setattr(caches, "GRACE", 0.2)
    gate = threading.Event()
    stopped = []

    def half(report: Report) -> int:
        try:
            while not gate.wait(0.01):
                report(0.5)
        except CancelledError:
            stopped.append(True)
            raise
        return 7

    @computed(2, "Laying the ground")
    def ground(checkpoint: Checkpoint, source: ImageSource) -> Callable[[Report], int]:
        return half

    @computed(2, "Building")
    def building(checkpoint: Checkpoint, source: ImageSource) -> Callable[[Report], int]:
        ground(checkpoint, source)
        return half

    return building, gate, stopped


def test_a_bar_says_how_far_it_is_and_what_it_needs_first(checkpoint, slow, monkeypatch):
    building, gate, _ = slow
    bars: list[Bar] = []

    def empty() -> Bar:
        bars.append(Bar())
        threading.Timer(0.3, gate.set).start()
        return bars[-1]

    monkeypatch.setattr(caches.st, "empty", empty)
    assert building.shown(checkpoint, EVERYBODYS) == 7
    assert (0.5, "Laying the ground: 50%") in bars[0].said
    assert bars[0].said[-1] == (1.0, "")
    assert len(bars) == 1  # what took no moment had none


def test_another_cache_that_waits_shows_nothing(checkpoint, slow, monkeypatch):
    building, gate, _ = slow
    gate.set()
    monkeypatch.setattr(caches.st, "empty", lambda: pytest.fail("a bar would be shown again by the other cache"))
    assert building(checkpoint, EVERYBODYS) == 7


def test_whoever_goes_elsewhere_waits_no_longer_and_the_last_one_stops_the_work(checkpoint, slow, monkeypatch):
    building, _, stopped = slow
    monkeypatch.setattr(caches.st, "empty", lambda: Bar(leaves=True))
    with pytest.raises(KeyboardInterrupt):
        building.shown(checkpoint, EVERYBODYS)
    deadline = time.monotonic() + PATIENCE
    while not stopped:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_whoever_runs_the_page_again_waits_for_the_same(checkpoint, slow, monkeypatch):
    building, gate, stopped = slow
    gate.set()
    building(checkpoint, EVERYBODYS)  # what it needs first is there
    building.clear()
    gate.clear()
    monkeypatch.setattr(caches, "GRACE", PATIENCE)
    monkeypatch.setattr(caches.st, "empty", lambda: Bar(leaves=True))
    with pytest.raises(KeyboardInterrupt):  # by a click
        building.shown(checkpoint, EVERYBODYS)
    monkeypatch.setattr(caches.st, "empty", Bar)
    threading.Timer(0.2, gate.set).start()
    assert building.shown(checkpoint, EVERYBODYS) == 7
    assert not stopped


def test_pages_wait_for_no_map_that_somebody_else_computes(checkpoint, numbers, monkeypatch):
    monkeypatch.setenv("VQVAE_COMPUTING", "1")
    with jobs.ASKED_FOR.turn(lambda: True):
        assert numbers(checkpoint, EVERYBODYS) == 0
