"""Pen to picture: how many distinct reconstructions a second the Draw page shows before the pen is lifted.

A pointer moves at 60 Hz in headless Chromium, in strokes with short rests between them, so that the server's answers
to one stroke arrive during the next. Gaps run from the pen's first touch to the first reconstruction, and on from each
to the next. Run by hand: `python tests/benchmarks/pen.py`; `--seconds` and `--runs` make it longer.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from common import ROOT, Yardstick, table
from playwright.async_api import Browser, async_playwright

CHROMIUM = "/usr/bin/chromium"
RATE = 60  # pointer events a second
REST = 0.4  # seconds between strokes
DELAY = 0.2  # seconds added to every message of the server, in its own scenario

# Notes when the reconstruction's canvas gets other pixels than it had.
WATCH = """
const put = CanvasRenderingContext2D.prototype.putImageData;
window.shown = [];
let last;
CanvasRenderingContext2D.prototype.putImageData = function (picture, ...place) {
  if (this.canvas.ariaLabel === "Reconstruction") {
    const pixels = String(picture.data);
    if (pixels !== last) window.shown.push(performance.now());
    last = pixels;
  }
  return put.call(this, picture, ...place);
};
addEventListener("pointerdown", () => [window.shown, window.touched] = [[], performance.now()], true);
"""


class Strokes(NamedTuple):
    """What one run showed."""

    rate: float  # distinct reconstructions a second, pen down
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


async def draw(browser: Browser, address: str, seconds: float, delay: float) -> Strokes:
    """A visit to the Draw page with some seconds of drawing."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(120_000)
    if delay:
        await context.route_web_socket("**/*", lambda route: _delayed(route, delay))
    page = await context.new_page()
    await page.add_init_script(WATCH)
    await page.goto(f"{address}/draw")
    await page.get_by_label("row 1, column 1, code").wait_for()
    await page.wait_for_timeout(3000)
    await page.get_by_role("button", name="Clear the canvas").click()
    canvas = page.get_by_label("Draw a digit", exact=True)
    box = await canvas.bounding_box()

    def place(t: float) -> tuple[float, float]:
        """A wandering loop that keeps crossing new pixels."""
        angle, radius = 2.4 * t, 0.22 + 0.16 * math.sin(1.3 * t)
        x, y = 0.5 + radius * math.cos(angle), 0.5 + radius * math.sin(1.7 * angle)
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    await _stroke(page, place, 0, 1)  # the first one warms up, uncounted
    total, gaps, t = 0, [], 1.0
    counted = 0.0
    while counted < seconds:
        await page.get_by_role("button", name="Clear the canvas").click()
        await asyncio.sleep(REST)
        length = min(2.0, seconds - counted)
        shown, touched, lasted = await _stroke(page, place, t, length)
        total += len(shown)
        counted += lasted
        gaps += [after - before for before, after in zip([touched, *shown], shown, strict=False)]
        t += length
    await context.close()
    gaps.sort()
    return Strokes(total / counted, gaps[int(0.95 * (len(gaps) - 1))], statistics.median(gaps[-3:]))


async def _stroke(page, place, start: float, length: float) -> tuple[list[float], float, float]:
    """Pen down, moves at RATE, pen up: when reconstructions showed, when the pen touched, how long it was down."""
    await page.mouse.move(*place(start))
    await page.mouse.down()
    begun = time.perf_counter()
    for step in range(1, round(length * RATE) + 1):
        await asyncio.sleep(max(0.0, begun + step / RATE - time.perf_counter()))
        await page.mouse.move(*place(start + step / RATE))
    shown, touched = await page.evaluate("[window.shown, window.touched]")
    lasted = time.perf_counter() - begun
    await page.mouse.up()
    return shown, touched, lasted


def _delayed(route, delay: float) -> None:
    server = route.connect_to_server()
    loop = asyncio.get_running_loop()
    server.on_message(lambda message: loop.call_later(delay, route.send, message))


async def measure(address: str, seconds: float, runs: int, delay: float, yardstick: Yardstick) -> Strokes:
    """The medians over some runs."""
    results = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(runs):
            yardstick()
            results.append(await draw(browser, address, seconds, delay))
        await browser.close()
    return Strokes(*(statistics.median(column) for column in zip(*results, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6.0, help="with the pen down, a run (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="each figure is the median of so many (%(default)s)")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name, app(Path(name)) as address:
        for scenario in ("idle", f"server {1000 * DELAY:.0f} ms late", "beside training, nice 10"):
            yardstick = Yardstick()
            delay = DELAY if "late" in scenario else 0.0
            if "training" in scenario:
                with training(Path(name)):
                    result = asyncio.run(measure(address, options.seconds, options.runs, delay, yardstick))
            else:
                result = asyncio.run(measure(address, options.seconds, options.runs, delay, yardstick))
            figures = [f"{result.rate:.1f}", f"{result.p95:.0f} ms", f"{result.worst:.0f} ms"]
            rows.append([scenario, *figures, f"{1000 * statistics.median(yardstick.seconds):.0f} ms"])
            print(
                table(["pen to picture", "pictures/s", "p95 gap", "3 worst gaps", "matrix product"], rows), flush=True
            )
            print(yardstick.line, flush=True)


if __name__ == "__main__":
    main()
