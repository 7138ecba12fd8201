"""Hand to picture: how many distinct reconstructions a second the Draw page shows while the hand moves.

A pointer moves at 60 Hz in headless Chromium, as fast as one writes: a stroke a second, some 80 of the model's pixels
long, with short rests between them, so that the server's answers to one arrive during the next. A slower pen does not
change the codes, hence the picture, at every event; passes count what was drawn, new or not. Gaps run from the pen's
first touch to the first new picture, and on from each to the next. Then the pointer hovers over the palette, a tile at
each event, and paints codes, a cell at each event. On Home the pen draws beside each of some parts, with boxes open.
Run by hand: `python tests/benchmarks/pen.py`; `--page home` for Home, `--seconds` and `--runs` make it longer.
"""

import argparse
import asyncio
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from common import ROOT, Yardstick, table
from playwright.async_api import Browser, Locator, Page, async_playwright

CHROMIUM = "/usr/bin/chromium"
RATE = 60  # pointer events a second
TILES = "#palette [role=option]"  # the ladder below has options too
STROKE = 1.0  # seconds
REST = 0.4  # seconds between strokes
DELAY = 0.2  # seconds added to every message of the server, in its own scenario

# Notes when the reconstruction's canvas gets other pixels than it had.
WATCH = """
const put = CanvasRenderingContext2D.prototype.putImageData;
window.shown = [];
window.passes = 0;
let last;
CanvasRenderingContext2D.prototype.putImageData = function (picture, ...place) {
  if (this.canvas.ariaLabel === "Reconstruction") {
    window.passes++;
    const pixels = String(picture.data);
    if (pixels !== last) window.shown.push(performance.now());
    last = pixels;
  }
  return put.call(this, picture, ...place);
};
"""


class Strokes(NamedTuple):
    """What one run showed."""

    rate: float  # distinct reconstructions a second, pen down
    passes: float  # all that were drawn, a second
    p95: float  # milliseconds: 95th percentile of the gaps
    worst: float  # milliseconds: median of the three longest gaps


@contextmanager
def app(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
    command += [f"--server.port={port}", "--server.address=127.0.0.1", "--server.fileWatcherType=none"]
    with open(folder / "app.log", "w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def training(folder: Path) -> Iterator[None]:
    """A training run on the embedded digits beside the pen, at nice 10, as the app starts them."""
    command = [sys.executable, "-m", "vqvae", "train", "--dataset", "digits", "--epochs", "10000"]
    command += ["--out", str(folder / "model.safetensors")]
    process = subprocess.Popen(
        command, cwd=ROOT, preexec_fn=lambda: os.nice(10), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(15)  # past imports and the first epoch
        yield
    finally:
        process.kill()
        process.wait()


async def visit(browser: Browser, address: str, delay: float) -> Page:
    """The Draw page, at rest."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(120_000)
    if delay:
        await context.route_web_socket("**/*", lambda route: _delayed(route, delay))
    page = await context.new_page()
    await page.add_init_script(WATCH)
    await page.goto(f"{address}/draw")
    await page.get_by_label("row 1, column 1, code").wait_for()
    await page.wait_for_timeout(3000)
    return page


async def draw(browser: Browser, address: str, seconds: float, delay: float) -> Strokes:
    """Some seconds of drawing."""
    return await _strokes(await visit(browser, address, delay), seconds)


async def _strokes(page: Page, seconds: float) -> Strokes:
    await page.get_by_role("button", name="Clear the canvas").click()
    canvas = page.get_by_label("Draw a digit", exact=True)
    box = await canvas.bounding_box()

    def place(t: float) -> tuple[float, float]:
        """A wandering loop that keeps crossing new pixels."""
        x, y = 0.5 + 0.36 * math.cos(4.5 * t), 0.5 + 0.36 * math.sin(7.7 * t)
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    await _stroke(page, place, 0)  # the first one warms up, uncounted
    tally = Tally()
    for number in range(1, 1 + round(seconds / STROKE)):
        await page.get_by_role("button", name="Clear the canvas").click()
        await asyncio.sleep(REST)
        tally.add(*await _stroke(page, place, number * STROKE))
    await page.context.close()
    return tally.summed_up()


class Tally:
    """What was shown in all strokes of a run."""

    def __init__(self) -> None:
        self.seconds, self.passes, self.shown, self.gaps = 0.0, 0, 0, []

    def add(self, shown: list[float], passes: int, lasted: float) -> None:
        """One stroke: when it began and when each new picture showed, all pictures that were drawn, its seconds."""
        self.shown += len(shown) - 1
        self.passes += passes
        self.seconds += lasted
        self.gaps += [after - before for before, after in pairwise(shown)]

    def summed_up(self) -> Strokes:
        gaps = sorted(self.gaps)
        p95 = gaps[int(0.95 * (len(gaps) - 1))]
        return Strokes(self.shown / self.seconds, self.passes / self.seconds, p95, statistics.median(gaps[-3:]))


def on_home(part: str, box: str | None = None) -> Callable:
    """The gesture of drawing on Home while a part of the story is in sight, perhaps with a box open."""

    async def gesture(browser: Browser, address: str, seconds: float, _: float) -> Strokes:
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(120_000)
        page = await context.new_page()
        await page.add_init_script(WATCH)
        await page.goto(f"{address}/")
        await page.get_by_label("row 1, column 1, code").first.wait_for()
        await page.wait_for_timeout(3000)
        if box:
            await page.locator(f"#box-{box} summary").click()
        seen = f"#box-{box}" if box else f"#{part}"
        await page.locator(seen).evaluate("(it) => it.scrollIntoView({ block: 'start' })")
        await page.wait_for_timeout(500)
        return await _strokes(page, seconds)

    return gesture


async def hover(browser: Browser, address: str, seconds: float, _: float) -> Strokes:
    """The pointer over the palette, at each event on another tile, previewed in the cell that was chosen."""
    page = await visit(browser, address, 0)
    await page.get_by_label("row 4, column 4, code").click()
    tally, tiles = Tally(), await _middles(page.locator(TILES))
    tally.add(*await _glide(page, (tiles * 100)[: round(seconds * RATE)]))
    await page.context.close()
    return tally.summed_up()


async def paint(browser: Browser, address: str, seconds: float, _: float) -> Strokes:
    """Codes painted over the whole grid, at each event another cell, with another code in every round."""
    page = await visit(browser, address, 0)
    tally, cells, tiles = (
        Tally(),
        await _middles(page.get_by_role("gridcell")),
        await _middles(page.locator(TILES)),
    )
    await page.get_by_role("button", name="Paint a code").click()
    for number in range(1, 1 + round(seconds * RATE / len(cells))):
        await page.mouse.click(*tiles[37 * number % len(tiles)])
        await page.mouse.move(*cells[0])
        await page.mouse.down()
        tally.add(*await _glide(page, cells[1:]))
        await page.mouse.up()
    await page.context.close()
    return tally.summed_up()


async def _middles(elements: Locator) -> list[tuple[float, float]]:
    """Where all of some elements are, in their order."""
    boxes = [await one.bounding_box() for one in await elements.all()]
    return [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes if box]


async def _glide(page: Page, places: list[tuple[float, float]]) -> tuple[list[float], int, float]:
    """Over all places at RATE: the arguments of `Tally.add`."""
    await page.evaluate("[window.shown, window.passes] = [[performance.now()], 0]")
    begun = time.perf_counter()
    for step, place in enumerate(places):
        await asyncio.sleep(max(0.0, begun + step / RATE - time.perf_counter()))
        await page.mouse.move(*place)
    shown, passes = await page.evaluate("[window.shown, window.passes]")
    return shown, passes, time.perf_counter() - begun


async def _stroke(page: Page, place: Callable, start: float) -> tuple[list[float], int, float]:
    """Pen down, moves at RATE, pen up: the arguments of `Tally.add`."""
    await page.mouse.move(*place(start))
    await page.mouse.down()
    stroke = await _glide(page, [place(start + step / RATE) for step in range(1, round(STROKE * RATE) + 1)])
    await page.mouse.up()
    return stroke


def _delayed(route, delay: float) -> None:
    server = route.connect_to_server()
    loop = asyncio.get_running_loop()
    server.on_message(lambda message: loop.call_later(delay, route.send, message))


async def measure(
    gesture: Callable, address: str, seconds: float, runs: int, delay: float, yardstick: Yardstick
) -> Strokes:
    """The medians over some runs."""
    results = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(runs):
            yardstick()
            results.append(await gesture(browser, address, seconds, delay))
        await browser.close()
    return Strokes(*(statistics.median(column) for column in zip(*results, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6.0, help="with the pen down, a run (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="each figure is the median of so many (%(default)s)")
    parser.add_argument("--page", choices=("draw", "home"), default="draw", help="where the pen is (%(default)s)")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name, app(Path(name)) as address:
        scenarios = (
            ("drawing", draw, 0.0, nullcontext()),
            (f"drawing, server {1000 * DELAY:.0f} ms late", draw, DELAY, nullcontext()),
            ("hovering over the palette", hover, 0.0, nullcontext()),
            ("painting codes", paint, 0.0, nullcontext()),
            ("drawing beside training, nice 10", draw, 0.0, training(Path(name))),
        )
        if options.page == "home":
            scenarios = tuple(
                (f"Home, {part}{', opened' if box else ''}", on_home(part, box), 0.0, nullcontext())
                for part, box in (
                    ("question", None),
                    ("encoder", "encoder"),
                    ("nearest", "nearest"),
                    ("flat", None),
                    ("decoder", "decoder"),
                    ("loss", None),
                )
            )
        for scenario, gesture, delay, beside in scenarios:
            yardstick = Yardstick()
            with beside:
                result = asyncio.run(measure(gesture, address, options.seconds, options.runs, delay, yardstick))
            figures = [f"{result.rate:.1f}", f"{result.passes:.1f}", f"{result.p95:.0f} ms", f"{result.worst:.0f} ms"]
            rows.append([scenario, *figures, f"{1000 * statistics.median(yardstick.seconds):.0f} ms"])
            print(
                table(["hand to picture", "pictures/s", "passes/s", "p95 gap", "3 worst gaps", "matrix product"], rows),
                flush=True,
            )
            print(yardstick.line, flush=True)


if __name__ == "__main__":
    main()
