"""The Map page's promises: how soon a map and a selection's panel are there, how smoothly it pans, how true it is.

    python tests/benchmarks/map.py

Headless Chromium on a warm server. Trustworthiness (Venna and Kaski 2001, scikit-learn, 12 neighbours) compares each
shipped map with the space given to t-SNE: 1 means that all neighbours on the map are neighbours there too.
"""

import argparse
import asyncio
import math
import tempfile
import time
from pathlib import Path

from common import Yardstick, median, table
from pen import CHROMIUM, RATE, app
from playwright.async_api import Browser, Page, async_playwright
from sklearn.manifold import trustworthiness

from vqvae import checkpoint, data
from vqvae.analysis import projection
from vqvae.analysis.encoding import encode
from vqvae.analysis.shipped import find

DRAWN = "div.scatter[data-frames]"
READY = "div.scatter[data-pictures=ready]"
MONTAGE = "img[alt='Digits above their reconstructions']"


async def opened(browser: Browser, address: str) -> tuple[Page, float]:
    """A map in a fresh browser context, and the seconds until its points were drawn."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(120_000)
    page = await context.new_page()
    started = time.perf_counter()
    await page.goto(address)
    await page.locator(DRAWN).wait_for()
    seconds = time.perf_counter() - started
    await page.locator(READY).wait_for()
    await page.locator(MONTAGE).wait_for()
    return page, seconds


async def revisited(page: Page) -> float:
    """The seconds from a click in the menu of another page to the map's points."""
    await page.get_by_role("link", name="Home").first.click()
    await page.locator(DRAWN).wait_for(state="detached")
    await page.wait_for_timeout(2000)
    started = time.perf_counter()
    await page.get_by_role("link", name="Map", exact=True).first.click()
    await page.locator(DRAWN).wait_for()
    seconds = time.perf_counter() - started
    await page.locator(MONTAGE).wait_for()
    return seconds


async def selected(page: Page, label: int) -> float:
    """The seconds from selecting a class, 500 digits, to their montage in the panel."""
    await page.wait_for_timeout(1000)
    old = await page.locator(MONTAGE).get_attribute("src")
    started = time.perf_counter()
    await page.get_by_role("button", name=f"Select all {label}").click()
    await page.wait_for_function("([css, old]) => document.querySelector(css)?.src !== old", arg=[MONTAGE, old])
    return time.perf_counter() - started


async def drawn(page: Page) -> int:
    """How many frames the map has drawn so far."""
    return int(await page.locator(DRAWN).get_attribute("data-frames"))


async def panned(page: Page, seconds: float = 4) -> float:
    """Frames a second that the map draws while it is dragged around at 60 events a second."""
    box = await page.locator("div.scatter canvas.base").bounding_box()
    x, y, reach = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["height"] / 4
    await page.mouse.move(x + reach, y)
    await page.mouse.down()
    before, begun = await drawn(page), time.perf_counter()
    for step in range(1, round(seconds * RATE) + 1):
        await asyncio.sleep(max(0.0, begun + step / RATE - time.perf_counter()))
        angle = 2 * math.pi * step / RATE
        await page.mouse.move(x + reach * math.cos(angle), y + reach * math.sin(angle))
    rate = (await drawn(page) - before) / (time.perf_counter() - begun)
    await page.mouse.up()
    return rate


async def in_the_browser(address: str, runs: int, yardstick: Yardstick) -> list[tuple[str, str, str]]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        many = f"{address}/map?show=cells&method=pca&points=10000"
        for warm in (f"{address}/map", many):
            page, _ = await opened(browser, warm)
            await page.context.close()
        first, again, panels, rates = [], [], [], []
        for run in range(runs):
            yardstick()
            page, seconds = await opened(browser, f"{address}/map")
            first.append(seconds)
            again.append(await revisited(page))
            panels.append(await selected(page, run % 10))
            await page.context.close()
            page, _ = await opened(browser, many)
            rates.append(await panned(page))
            await page.context.close()
        await browser.close()
    return [
        ("default map drawn after a click in the menu", f"{median(again):.2f} s", "under 1.5 s"),
        ("default map drawn in a new browser window", f"{median(first):.2f} s", ""),
        ("500 selected to their panel", f"{median(panels):.2f} s", "under 1 s"),
        ("panning 10,000 points", f"{median(rates):.0f} frames/s", "at least 30"),
    ]


def truths() -> list[tuple[str, str, str, str]]:
    """The trustworthiness of every shipped map: against the space itself, and against what t-SNE was given of it."""
    digits, rows = data.load(data.EMBEDDED, "all"), []
    for name, path in checkpoint.SHIPPED.items():
        shipped = checkpoint.load(path)
        encoded, config = encode(shipped.model, digits), shipped.model.config
        for space, meaning in projection.SPACES.items():
            meaning = meaning.format(images="digits")
            settings = projection.MapSettings(space)
            points = projection.points_of(settings, len(digits), config.cells, config.num_embeddings)
            key = projection.content_key(shipped.fingerprint, digits, settings)
            positions = find("maps", key, (len(points.indices), 2))
            if positions is None:
                rows.append((f"{name}: {meaning}", "no map is shipped", "", "python -m vqvae map"))
                continue
            vectors = projection.vectors_of(shipped.model, digits, encoded, space, points)
            given = projection.principal_components(vectors, min(projection.DIMENSIONS, *vectors.shape))
            itself, reduced = (f"{trustworthiness(one, positions, n_neighbors=12):.3f}" for one in (vectors, given))
            rows.append((f"{name}: {meaning}", itself, reduced, f"{len(positions):,} points"))
    return rows


def truth_table() -> str:
    header = ("trustworthiness, 12 neighbours", "against the space", f"its {projection.DIMENSIONS} components", "over")
    return table(header, truths())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="the median of so many is printed (%(default)s)")
    parser.add_argument("--maps", action="store_true", help="only measure the shipped maps, without a browser")
    options = parser.parse_args()
    if options.maps:
        print(truth_table())
        return
    yardstick = Yardstick()
    with tempfile.TemporaryDirectory() as folder, app(Path(folder)) as address:
        rows = asyncio.run(in_the_browser(address, options.runs, yardstick))
    print(table(("Map", "measured", "promised"), rows))
    print()
    print(truth_table())
    print(yardstick.line)


if __name__ == "__main__":
    main()
