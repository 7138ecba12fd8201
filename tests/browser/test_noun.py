"""What components call a model's pictures: digits, or pictures; without a server."""

import pytest
from playwright.sync_api import expect

from pages.ui.components.canvas import STEPS
from tests.browser.hand import DIGIT, show
from vqvae import data
from vqvae.checkpoint import ASSETS, load

SAID = """() => {
  const root = [...document.body.children].map((one) => one.shadowRoot).find((one) => one);
  const said = [...root.querySelectorAll("*")].flatMap((one) =>
    ["title", "aria-label", "aria-description"].map((name) => one.getAttribute(name)));
  const texts = [...root.querySelectorAll(":not(style)")].flatMap((one) =>
    [...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data));
  return [...texts, ...said].filter((one) => one).join("\\n");
}"""


@pytest.fixture
def page(empty_bench):
    return empty_bench()


@pytest.fixture
def said(page):
    """A function that gives the workbench a model, and tells all that it then says."""

    def with_model(name: str) -> str:
        model = load(ASSETS / f"{name}.safetensors")
        C, H, W = model.model.config.channels, model.model.config.height, model.model.config.width
        pixels = data.load(data.EMBEDDED, "all").pixels[DIGIT].flatten().tolist() if C == 1 else [0] * (C * H * W)
        show(page, model, f"a:{name}", pixels)
        return page.evaluate(SAID)

    return with_model


def test_the_workbench_speaks_of_pictures_beside_a_model_of_photographs(said):
    words = said("photos")
    assert "digit" not in words.lower()
    assert "Draw a picture" in words


def test_so_does_the_tour(page, said):
    said("photos")
    page.locator("#offer-take").click()
    for step in range(1, STEPS + 1):
        expect(page.locator("#stops button").nth(step - 1)).to_have_attribute("aria-current", "step")
        assert "digit" not in page.evaluate(SAID).lower()
        if step < STEPS:
            page.locator("#tour-on").click()


def test_the_styles_are_not_words(page, said):
    def styles() -> list[str]:
        return page.locator("style").all_text_contents()

    said("default")
    before = styles()
    said("photos")
    assert any(".digit" in style for style in before)
    assert styles() == before


def test_digits_are_digits_again_once_their_model_comes_back(said):
    before = said("default")
    said("photos")
    assert "Your digit" in before
    assert "Draw a digit" in before
    assert "Draw a digit" in said("default")
