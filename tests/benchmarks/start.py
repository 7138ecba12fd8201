"""How soon the app is there: from `streamlit run` to a pen that draws, and from page to page.

    python tests/benchmarks/start.py

A first start pays for the disk's cache, so the first of the rounds is shown and not counted.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from common import Yardstick, median, table
from pen import CHROMIUM, app
from playwright.async_api import Page, async_playwright

# A page is there once what it is for can be used.
PAGES = {
    "Codebook": ".js-plotly-plot .main-svg",
    "Map": "div.scatter[data-frames]",
    "Draw": "canvas[aria-label='Reconstruction']",
    "Home": "canvas[aria-label='Reconstruction']",
}


# Whether the reconstruction's canvas, inside the component's shadow root, holds ink.
DRAWN = """() => {
  const name = "canvas[aria-label='Reconstruction']";
  const find = (node) => node.querySelector(name) ?? [...node.querySelectorAll("*")]
    .map((one) => one.shadowRoot && find(one.shadowRoot)).find(Boolean);
  const canvas = find(document);
  const pixels = canvas?.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data ?? [];
  return pixels.some((value, at) => at % 4 < 3 && value > 128);
}"""


async def drawable(page: Page, address: str) -> None:
    """Until the canvas shows its digit's reconstruction."""
    await page.goto(f"{address}/draw")
    await page.get_by_label("Reconstruction", exact=True).wait_for()
    await page.wait_for_function(DRAWN)


async def rounds(count: int) -> None:
    yardstick = Yardstick()
    started: list[float] = []
    later: dict[str, list[float]] = {name: [] for name in PAGES}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(count + 1):
            yardstick()
            with tempfile.TemporaryDirectory() as folder:
                begun = time.perf_counter()
                with app(Path(folder)) as address:
                    context = await browser.new_context(viewport={"width": 1280, "height": 800})
                    context.set_default_timeout(180_000)
                    page = await context.new_page()
                    await drawable(page, address)
                    started.append(time.perf_counter() - begun)
                    for _ in range(2):  # the first visit computes what all later ones share
                        for name, there in PAGES.items():
                            await page.wait_for_timeout(1500)
                            clicked = time.perf_counter()
                            await page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
                            await page.get_by_role("heading", level=1).wait_for()
                            await page.locator(there).first.wait_for()
                            later[name].append(time.perf_counter() - clicked)
                    await context.close()
        await browser.close()
    rows = [["streamlit run to a drawable Draw page", f"{started[0]:.1f}", f"{median(started[1:]):.1f}"]]
    rows += [
        [f"menu to {name}", f"{median(seconds[0::2]):.2f}", f"{median(seconds[1::2]):.2f}"]
        for name, seconds in later.items()
    ]
    print(table(["seconds", "first", f"later, median of {count}"], rows))
    print(yardstick.line)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    asyncio.run(rounds(parser.parse_args().rounds))
