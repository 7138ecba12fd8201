"""What a hand does on the Draw page, and what an eye sees there."""

import re
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import TimeoutError as NothingCame

from pages.ui.components import carrier
from pages.ui.components.canvas import Put, Tour, describe
from pages.ui.components.shared import module
from vqvae.checkpoint import Checkpoint
from vqvae.prior_file import TrainedPrior

DIGIT = 1234  # a first visitor's
CANVAS, RECONSTRUCTION = "Draw a digit", "Reconstruction"
ANY_CANVAS = re.compile("^Draw a (digit|picture)$")  # the latter beside a model of other images
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PIXELS = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.width, canvas.height, ...data.filter((_, i) => i % 4 === 0), ...data.filter((_, i) => i % 4 === 3)];
}"""


class Picture:
    """What a canvas of the model's size holds."""

    def __init__(self, page, label: str | re.Pattern[str]):
        values = page.get_by_label(label, exact=True).evaluate(PIXELS)
        self.width, self.height = values[:2]
        count = self.width * self.height
        self.pixels, self.alpha = values[2 : 2 + count], values[2 + count :]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Picture) and self.pixels == other.pixels

    def at(self, x: float, y: float) -> int:
        """The value at a place in [0, 1] x [0, 1]."""
        return self.pixels[int(y * self.height) * self.width + int(x * self.width)]


def drawing(page) -> Picture:
    return Picture(page, ANY_CANVAS)


def reconstruction(page) -> Picture:
    return Picture(page, RECONSTRUCTION)


def codes(page) -> list[str]:
    return page.get_by_role("gridcell").evaluate_all("(cells) => cells.map((cell) => cell.ariaLabel)")


# Counts the runs of the page's script that have come to their end.
COUNT_RUNS = """() => {
  const app = document.querySelector("[data-testid=stApp]");
  window.runs = 0;
  window.watched?.disconnect();
  window.watched = new MutationObserver((changes) => { // several where they came in one go
    const states = [...changes.map((change) => change.oldValue), app.dataset.testScriptState];
    window.runs += states.filter((state, i) => i && state === "notRunning" && states[i - 1] !== state).length;
  });
  window.watched.observe(app, { attributeFilter: ["data-test-script-state"], attributeOldValue: true });
}"""


def rest(page) -> None:
    """Wait until the page's script has run to its end: a click upon what is just being drawn anew meets nothing."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def look_down(page) -> None:
    """Scroll to the end of the page, until all that is built on the way is there, and back."""
    main = page.get_by_test_id("stMain")
    waiting = page.locator("[class*='st-key-in-view']").locator("visible=true")

    def whole() -> bool:
        main.evaluate("(main) => main.scrollTo(0, main.scrollHeight)")
        rest(page)
        return waiting.count() == 0

    rest(page)
    until(whole, "the whole page")
    main.evaluate("(main) => main.scrollTo(0, 0)")


def begin(page, address: str) -> None:
    """Show the page at this address as a first visitor finds it: by Start over, where the page stands there already."""
    if urlsplit(page.url).path != address:  # also for an address with fields
        page.goto(address)
        return
    rest(page)
    page.evaluate(COUNT_RUNS)
    page.get_by_role("button", name="Start over").click()
    try:
        page.wait_for_function("window.runs > 0", timeout=20_000)
    except NothingCame:  # the page was just being drawn anew, so that the click met nothing, or its run was not seen
        page.goto(address)


def open_draw(page, address: str = "/draw"):
    begin(page, address)
    settled(page)
    return page


described = cache(describe)


# What Streamlit does with the carrier, in an empty page.
CARRY = """async ({ js, data }) =>
  (await import(URL.createObjectURL(new Blob([js], { type: "text/javascript" })))).default({ data })"""


def carry_model(page, opened: Checkpoint, trained: TrainedPrior | None) -> None:
    """Bring a page without a server a model and its prior, if any."""
    prior = trained and carrier.describe_prior(trained)
    _carry(page, {"name": opened.fingerprint, "model": described(opened), "prior": prior})


def carry(page, name: str, data: dict[str, Any]) -> None:
    """Bring a page without a server other constant data."""
    _carry(page, {"name": name, "data": data})


def _carry(page, what: dict[str, Any]) -> None:
    page.evaluate(CARRY, {"js": module(carrier.FOLDER / "carrier.js"), "data": what})


def show(
    page,
    opened: Checkpoint,
    serial: str = "a:0",
    pixels: list[int] | None = None,
    *,
    example: bool = False,
    classes: int = 0,
    step: int = 0,
) -> None:
    """Give a workbench without a server a model, and for a new serial a picture; wait for the pass."""
    put = Put(serial, None, example=example)._asdict() | {"pixels": pixels}
    page.evaluate(
        "(data) => update(data)",
        {"model": described(opened), "set": put, "tour": Tour("a:0", step)._asdict(), "classes": classes},
    )
    cells = opened.model.config.cells
    until(lambda: len(codes(page)) == cells and all(codes(page)), "a pass of the model")


def settled(page) -> None:
    """Wait until the workbench shows a whole pass and has told Python of it, and Python has answered."""
    page.get_by_text("On the canvas:").wait_for()
    page.locator("[role=grid][data-told]").wait_for()
    page.wait_for_timeout(200)  # on its way to the server and back
    rest(page)


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.05)


def places(page, *points: tuple[float, float]) -> list[tuple[float, float]]:
    """Places on the canvas in [0, 1] x [0, 1] as places in the window."""
    canvas = page.get_by_label(ANY_CANVAS)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]


def stroke(page, *points: tuple[float, float]) -> None:
    first, *others = places(page, *points)
    page.mouse.move(*first)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def model_picker(page):
    """The list of models in the sidebar."""
    return page.get_by_test_id("stSidebar").get_by_role("combobox", name="Model")


def pick_model(page, title: str) -> None:
    model_picker(page).click()
    page.get_by_role("listbox").get_by_role("option", name=title).click()


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def blank(page) -> None:
    press(page, "Clear the canvas")
    until(lambda: not any(drawing(page).pixels), "an empty canvas")


def touch(page) -> Callable:
    """A finger: send("touchStart" | "touchMove" | "touchEnd", place)."""
    session = page.context.new_cdp_session(page)

    def send(kind: str, place: tuple[float, float] | None = None) -> None:
        points = [{"x": place[0], "y": place[1]}] if place else []
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    return send


def cell(page, row: int, column: int):
    return page.get_by_label(f"row {row}, column {column}, code", exact=False)


def code_at(page, row: int, column: int) -> int:
    return int(cell(page, row, column).get_attribute("aria-label").rsplit(" ", 1)[1])


def upload(page, file: Path | dict[str, Any]) -> None:
    """Choose a file in the last uploader of the page, and once more where that was not heard.

    Streamlit answers where a file goes by a message that it drops if a run of the page begins before it is sent:
    the file is then in no list, and nothing is said. Whoever is there chooses it again.
    """
    chooser, name = page.locator("input[type=file]").last, file.name if isinstance(file, Path) else file["name"]
    chooser.set_input_files(file)
    try:
        page.get_by_test_id("stFileUploaderFile").filter(has_text=name).wait_for(timeout=20_000)
    except NothingCame:
        chooser.set_input_files(file)
