"""The Train page in a browser, for benchmarks that start a run there."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pen import CHROMIUM
from playwright.async_api import Locator, Page, async_playwright

STEP = re.compile(r"Step [\d,]+ of")  # what the page says of a run that has begun
PATIENCE = 3_600_000  # milliseconds: a run may be waited for


@asynccontextmanager
async def train_page(address: str, epochs: int | None = None) -> AsyncIterator[tuple[Page, Locator]]:
    """The page of a new visitor once it has made its estimate, and the button that starts the run.

    It is for so many epochs by the default's recipe; without a number, what the page begins with.
    """
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(PATIENCE)
        await page.goto(f"{address}/train" + (f"?epochs={epochs}" if epochs else ""))
        await page.get_by_text("measured here").wait_for()
        yield page, page.get_by_test_id("stMain").get_by_role("button", name="Start training")
        await browser.close()
